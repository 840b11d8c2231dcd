"""A fit as a profile: the JSON object that ``--profile`` takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from slaibench.catalog.model import Model
from slaibench.catalog.profile import SCHEMA_VERSION, Profile, Status, parse_profile
from slaibench.studies.calibration.design import Kind, Scope
from slaibench.studies.calibration.fit import Fit
from slaibench.studies.calibration.held_out import Error
from slaibench.studies.calibration.plan import Step

DENSE_UNTIL = 128
"""Sizes up to here are all written down; then every second, from twice that every fourth, ..."""
LEAST_MS = 1e-6
"""Tables hold positive times."""
LEAST_S = 1e-18
"""Of a term that was found to be nothing: formulas divide by it."""


@dataclass(frozen=True, slots=True)
class About:
    """What a profile says of itself.

    Args:
        gpu: name of what computed.
        engine: engine, version, number format.
        source: what measured it, on what.
        notes: in sentences.
        kv_blocks, block_size: as the engine had them.
    """

    gpu: str
    engine: str
    source: str
    notes: tuple[str, ...]
    kv_blocks: int
    block_size: int


def profile_values(
    found: Fit,
    model: Model,
    about: About,
    regime: Mapping[str, int],
    *,
    overhead_s: float,
    delivery_s: float,
    errors: Mapping[str, float],
) -> dict[str, Any]:
    """The object; ``parse_profile`` takes it.

    Args:
        regime: ``batch_tokens``, ``context_tokens``, ``decodes``, ``mixed_decodes``.
        overhead_s: of a step, what is not the device's.
        delivery_s: of a request, the way to the engine and back.
        errors: by name.
    """
    tokens, sequences = dense(found.tokens[-1]), dense(found.sequences[-1])
    layers, hidden = model.layers, model.heads * model.head_dim
    across = max(found.across_s, LEAST_S)
    decode = max(*found.decode_token_s, LEAST_S)
    factors = {
        name: [_short(max(each, LEAST_S) / decode) for each in token_s]
        for name, token_s in (("decode", found.decode_token_s), ("mixed", found.mixed_token_s))
    }
    alike = len(found.decodes) == 1
    places = {"sequences": list(found.decodes), "context": list(found.contexts)}
    by_decodes = {} if alike else {**places, **factors}
    return {
        "schema_version": SCHEMA_VERSION,
        "gpu": about.gpu,
        "model": model.name,
        "status": Status.MEASURED.value,
        "engine": about.engine,
        "source": about.source,
        "licence": "whoever measured it decides",
        "notes": list(about.notes),
        "regime": dict(regime),
        "errors": {name: _short(value) for name, value in errors.items()},
        "kv": {
            "blocks": about.kv_blocks,
            "block_size": about.block_size,
            "source": "as the engine had them",
        },
        "step_overhead_ms": _short(overhead_s * 1e3),
        "delivery_ms": _short(delivery_s * 1e3),
        "linear": {"tokens": tokens, "ms": _table_ms(tokens, found.tokens, found.linear_s)},
        "per_sequence": {
            "sequences": sequences,
            "ms": _table_ms(sequences, found.sequences, found.sequence_s),
        },
        "attention": {
            "kind": "formula",
            "layers": layers,
            "hidden": hidden,
            "kv_bytes_per_token": model.kv_bytes_per_token,
            "kv_bandwidth_gbps": _short(model.kv_bytes_per_token / decode * 1e-9),
            "prefill_tflops": _short(4.0 * hidden * layers / across * 1e-12),
            "decode_launch_us": _short(found.decode_launch_s * 1e6 / layers),
            "prefill_launch_us": _short(found.prefill_launch_s * 1e6 / layers),
            "own_share": _short(max(found.own_s, LEAST_S) / across),
            "mixed_decode_factor": factors["mixed"][0] if alike else 1.0,
            "by_decodes": by_decodes,
            "row_tile": 1,  # a tile is part of the wave
            "wave_tokens": found.wave,
        },
    }


def dense(largest: int) -> list[int]:
    """Sizes from 1 on, close enough for a table whose upper neighbour holds; the largest among
    them. Every multiple of 8 up to 1,024, and beyond it of 16, 32, ... is one."""
    sizes = []
    size = 1
    while size < largest:
        sizes.append(size)
        step = 1
        while size >= DENSE_UNTIL * step:
            step *= 2
        size += step - size % step
    return [*sizes, largest] if largest > 1 else [1, 2]


def checked(values: Mapping[str, Any], where: str) -> Profile:
    """What the simulator will make of it."""
    return parse_profile(values, where)


def regime_of(scope: Scope, steps: Sequence[Step]) -> dict[str, int]:
    """What was measured."""
    ends = [tokens + history for step in steps for tokens, history in step.chunks]
    most = max((step.decodes for step in steps), default=1)
    return {
        "batch_tokens": scope.token_budget,
        "context_tokens": max(ends, default=0) + 1,
        "decodes": most,
        "mixed_decodes": max((step.decodes for step in steps if step.chunks), default=1),
    }


def error_values(found: Sequence[Error]) -> dict[str, float]:
    """Errors by the names that profiles have for them (``slaibench.catalog.Profile``)."""
    named: dict[str, float] = {}
    for each in found:
        name = Kind(each.kind).value
        named[f"batch_left_out_{name}"] = each.median
        named[f"batch_left_out_{name}_p95"] = each.p95
        if each.spread is not None:
            named[f"batch_again_{name}"] = each.spread
    return named


def _table_ms(sizes: Sequence[int], knots: Sequence[int], times_s: Sequence[float]) -> list[float]:
    straight = np.interp(sizes, [0, *knots], [0.0, *times_s])
    return [_short(max(LEAST_MS, float(each) * 1e3)) for each in straight]


def _short(value: float) -> float:
    """Six significant digits."""
    return float(f"{value:.6g}")
