"""A profile compiled from operators: the values of its file, and how far it is from its source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from slaibench.catalog.gpu import get_gpu
from slaibench.catalog.model import model_from_config
from slaibench.catalog.profile import SCHEMA_VERSION, Profile, Status, parse_profile
from slaibench.costmodel.cost_model import CostModel
from slaibench.operators.aiconfigurator import (
    PACKAGE,
    Operators,
    does_not_fit,
    installed_version,
    refused,
)
from slaibench.operators.deployment import Deployment
from slaibench.operators.measured import SEQUENCES, Measured
from slaibench.operators.repair import repaired
from slaibench.operators.roofline import products_s

BLOCK_SIZE = 16
BATCH_TOKENS = 8192
UTILIZATION = 0.9
LICENCE = "Apache-2.0"
CHECKED_DECODES = ((1, 700), (6, 2500), (40, 1300), (90, 3500), (200, 900), (300, 1800))
CHECKED_CHUNKS = ((100, 0), (300, 0), (700, 0), (1200, 0), (2600, 0), (5000, 0))
"""Off the grid of the tables: there the error of their form shows."""


def compile_profile(deployment: Deployment, config: Path) -> dict[str, Any]:
    """The values of a profile's file.

    Args:
        config: folder of the model's ``config.json``.

    Raises:
        CatalogError: there are no operators for it, or it does not fit the GPUs.
    """
    with refused(deployment):
        return _compiled(deployment, config)


def _compiled(deployment: Deployment, config: Path) -> dict[str, Any]:
    model = model_from_config(config)
    operators = Operators(deployment, config)
    measured = Measured(
        operators,
        most_context=model.max_context_tokens,
        experts=model.experts is not None,
        windowed=model.window is not None,
    )
    memory = operators.memory(
        batch_tokens=BATCH_TOKENS, sequences=SEQUENCES[-1], utilization=UTILIZATION
    )
    blocks = memory.kv_tokens // BLOCK_SIZE
    if blocks < 1:
        raise does_not_fit(deployment)
    gpu = get_gpu(deployment.gpu)
    products_ms = np.array([products_s(deployment, model, gpu, n) * 1e3 for n in measured.tokens])
    tables = repaired(measured, memory, products_ms)
    layers = model.layers
    precision = f", {deployment.precision}" if deployment.precision else ""
    split = f", tensor parallel {deployment.tp}" if deployment.tp > 1 else ""
    library = f"{PACKAGE} {installed_version()}"
    shares = ", ".join(f"{share:.0%} {source}" for source, share in measured.shares.items())
    values: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "gpu": deployment.gpu,
        "model": deployment.model,
        "status": Status.COMPILED.value,
        "engine": f"{deployment.engine} {operators.version}{precision}{split}",
        "tensor_parallel": deployment.tp,
        "source": f"operators of {library} (NVIDIA), compiled into tables",
        "licence": LICENCE,
        "notes": [
            f"Operators were measured one by one, in the library's words: {shares} (shares of the "
            "time of all places asked for).",
            "A chunk's and the decodes' attention are two kernels, one after the other. What a "
            "chunk's other operators take beyond those of as many decodes is in its attention.",
            "What unequal contexts cost was not measured, and is taken as nothing.",
            *(repair.words for repair in tables.repairs),
        ],
        "regime": {
            "batch_tokens": measured.tokens[-1],
            "context_tokens": model.max_context_tokens,
            "decodes": SEQUENCES[-1],
            "mixed_decodes": SEQUENCES[-1],
        },
        "errors": {},
        "kv": {
            "blocks": blocks,
            "block_size": BLOCK_SIZE,
            "source": f"memory model of {library} at {UTILIZATION} utilization, batches of "
            f"{BATCH_TOKENS:,} tokens",
        },
        "step_overhead_ms": 0.0,
        "constant_ms": 0.0,
        "linear": {"tokens": measured.tokens, "ms": _short(tables.token_ms)},
        "per_sequence": {"sequences": SEQUENCES, "ms": _short(tables.logits_ms)},
        "attention": {
            "kind": "table",
            "layers": layers,
            "row_tile": 1,
            "wave_tokens": 1,
            "decode": {
                "sequences": SEQUENCES,
                "context": measured.contexts,
                "us": _short(tables.decode_ms.ravel() / layers * 1e3),
            },
            "prefill": {
                "chunk": measured.chunks,
                "history": measured.histories,
                "us": _short(tables.chunk_ms.ravel() / layers * 1e3),
            },
        },
    }
    values = json.loads(json.dumps(values))
    profile = parse_profile(values, deployment.words)
    return values | {"errors": _errors(profile, operators)}


def _errors(profile: Profile, operators: Operators) -> dict[str, float]:
    """Of batches off the grid, against the library's own steps."""
    model = CostModel(profile)
    errors = []
    longest = profile.regime.context_tokens
    for sequences, context in CHECKED_DECODES:
        if context <= longest:
            ours = model.batch_time_s(sequences, sequences * context, []) * 1e3
            errors.append(ours / operators.decode_step_ms(sequences, context - 1) - 1)
    for chunk, history in CHECKED_CHUNKS:
        if chunk <= longest:
            ours = model.batch_time_s(0, 0, [(chunk, history)]) * 1e3
            errors.append(ours / operators.prefill_step_ms(chunk, history) - 1)
    sizes = np.abs(errors)
    return {
        "batch_table_mean": round(float(sizes.mean()), 4),
        "batch_table_max": round(float(sizes.max()), 4),
    }


def _short(values: Any) -> list[float]:
    """Four figures: more than any was measured with."""
    return [float(f"{value:.4g}") for value in np.asarray(values).tolist()]
