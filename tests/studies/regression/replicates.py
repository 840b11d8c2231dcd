"""Replicates made of given numbers, for verdicts on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from slaibench.studies.regression.metrics import Value
from slaibench.studies.regression.replicate import Replicate

SAMPLES = 2000


def replicate(seed: int, values: Mapping[str, float | None], **fields: Any) -> Replicate:
    """One run of sarathi at 5 requests/s; its content is its own unless it is given."""
    plain: dict[str, Any] = {
        "scheduler": "sarathi",
        "rate_rps": 5.0,
        "seed": seed,
        "load": f"load {seed}",
        "content": f"content {seed} {sorted(values.items())}",
        "cut_s": 3.0,
        "saturated": False,
        "stopped_early": False,
        "invalid": None,
    }
    n = fields.pop("n", SAMPLES)
    return Replicate(
        **{**plain, **fields}, values={name: Value(value, n) for name, value in values.items()}
    )


def side(name: str, values: Sequence[float | None], **fields: Any) -> list[Replicate]:
    """A run a value, seeded 0, 1, ..."""
    first = fields.pop("first_seed", 0)
    return [
        replicate(seed, {name: value}, **fields) for seed, value in enumerate(values, start=first)
    ]
