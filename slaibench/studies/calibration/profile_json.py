"""A fit as a profile: the JSON object that ``--profile`` takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from slaibench.catalog.model import Model
from slaibench.catalog.profile import SCHEMA_VERSION, Status
from slaibench.studies.calibration.design import ProbeScope
from slaibench.studies.calibration.fit import Fit
from slaibench.studies.calibration.probe_plan import ProbeStep
from slaibench.studies.calibration.samples import HeldOutErrors

DENSE_UNTIL = 128
"""Sizes up to here are all written down; then every second, from twice that every fourth, ..."""
LEAST_MS = 1e-6
"""Tables hold positive times."""
LEAST_S = 1e-18
"""Of a term that was found to be nothing: formulas divide by it."""


@dataclass(frozen=True, slots=True)
class Memory:
    """KV blocks that requests may hold, and their tokens, as the engine had them."""

    kv_blocks: int
    block_size: int

    @property
    def tokens(self) -> int:
        return self.kv_blocks * self.block_size


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a profile is from.

    Args:
        gpu: name of what computed.
        engine: engine, version, number format.
        source: what measured it, on what.
    """

    model: Model
    gpu: str
    engine: str
    source: str


def profile_json(
    fitted: Fit,
    provenance: Provenance,
    memory: Memory,
    regime: Mapping[str, int],
    *,
    overhead_s: float,
    delivery_s: float,
    errors: Mapping[str, float],
    notes: Sequence[str],
) -> dict[str, Any]:
    """The object; ``parse_profile`` takes it.

    Args:
        memory: as the engine had it.
        regime: ``batch_tokens``, ``context_tokens``, ``decodes``, ``mixed_decodes``.
        overhead_s: of a step, what is not the device's.
        delivery_s: of a request, the way to the engine and back.
        errors: by name.
        notes: in sentences.
    """
    model = provenance.model
    tokens, sequences = dense(fitted.tokens[-1]), dense(fitted.sequences[-1])
    layers, hidden = model.layers, model.heads * model.head_dim
    across = max(fitted.across_s, LEAST_S)
    decode = max(*fitted.decode_token_s, LEAST_S)
    factors = {
        name: [_short(max(cost_s, LEAST_S) / decode) for cost_s in token_s]
        for name, token_s in (("decode", fitted.decode_token_s), ("mixed", fitted.mixed_token_s))
    }
    alike = len(fitted.decodes) == 1
    places = {"sequences": list(fitted.decodes), "context": list(fitted.contexts)}
    by_decodes = {} if alike else {**places, **factors}
    return {
        "schema_version": SCHEMA_VERSION,
        "gpu": provenance.gpu,
        "model": model.name,
        "status": Status.MEASURED.value,
        "engine": provenance.engine,
        "source": provenance.source,
        "licence": "whoever measured it decides",
        "notes": list(notes),
        "regime": dict(regime),
        "errors": {name: _short(value) for name, value in errors.items()},
        "kv": {
            "blocks": memory.kv_blocks,
            "block_size": memory.block_size,
            "source": "as the engine had them",
        },
        "step_overhead_ms": _short(overhead_s * 1e3),
        "delivery_ms": _short(delivery_s * 1e3),
        "linear": {"tokens": tokens, "ms": _table_ms(tokens, fitted.tokens, fitted.linear_s)},
        "per_sequence": {
            "sequences": sequences,
            "ms": _table_ms(sequences, fitted.sequences, fitted.sequence_s),
        },
        "attention": {
            "kind": "formula",
            "layers": layers,
            "hidden": hidden,
            "kv_bytes_per_token": model.kv_bytes_per_token,
            "kv_bandwidth_gbps": _short(model.kv_bytes_per_token / decode * 1e-9),
            "prefill_tflops": _short(4.0 * hidden * layers / across * 1e-12),
            "decode_launch_us": _short(fitted.decode_launch_s * 1e6 / layers),
            "prefill_launch_us": _short(fitted.prefill_launch_s * 1e6 / layers),
            "own_share": _short(max(fitted.own_s, LEAST_S) / across),
            "mixed_decode_factor": factors["mixed"][0] if alike else 1.0,
            "by_decodes": by_decodes,
            "row_tile": 1,  # a tile is part of the wave
            "wave_tokens": fitted.wave,
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


def regime_of(scope: ProbeScope, steps: Sequence[ProbeStep]) -> dict[str, int]:
    """What was measured."""
    ends = [tokens + history for step in steps for tokens, history in step.chunks]
    most = max((step.decodes for step in steps), default=1)
    return {
        "batch_tokens": scope.token_budget,
        "context_tokens": max(ends, default=0) + 1,
        "decodes": most,
        "mixed_decodes": max((step.decodes for step in steps if step.chunks), default=1),
    }


def errors_by_name(by_kind: Sequence[HeldOutErrors]) -> dict[str, float]:
    """Errors by the names that profiles have for them (``slaibench.catalog.Profile``)."""
    named: dict[str, float] = {}
    for errors in by_kind:
        name = errors.kind.value
        named[f"batch_left_out_{name}"] = errors.median
        named[f"batch_left_out_{name}_p95"] = errors.p95
        if errors.spread is not None:
            named[f"batch_again_{name}"] = errors.spread
    return named


def _table_ms(sizes: Sequence[int], knots: Sequence[int], times_s: Sequence[float]) -> list[float]:
    straight = np.interp(sizes, [0, *knots], [0.0, *times_s])
    return [_short(max(LEAST_MS, float(time_s) * 1e3)) for time_s in straight]


def _short(value: float) -> float:
    """Six significant digits."""
    return float(f"{value:.6g}")
