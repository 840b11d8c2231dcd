"""Runs that are made up, to decide a claim either way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

from slaibench.measure.latency import LatencySummary
from slaibench.reproductions.bari2025.load import Load
from slaibench.studies.estimate import Estimate


def run_summary(
    *,
    buckets: Sequence[tuple[int, int, float]] = (),
    tiers: Mapping[str, float] | None = None,
) -> Any:
    """What claims read of a run.

    Args:
        buckets: (due, served, mean TTFT), of 512 prompt tokens each, shortest first.
        tiers: mean TTFT of each.
    """
    return SimpleNamespace(
        metrics=SimpleNamespace(
            prompt_buckets=[
                SimpleNamespace(
                    low_tokens=512 * place,
                    high_tokens=512 * (place + 1),
                    num_due=due,
                    num_served=served,
                    ttft=summary(mean, due),
                )
                for place, (due, served, mean) in enumerate(buckets)
            ],
            tiers={
                name: SimpleNamespace(ttft=summary(mean, 100))
                for name, mean in (tiers or {}).items()
            },
        )
    )


def summary(mean: float, n: int) -> LatencySummary:
    return LatencySummary(n, 0, mean, ())


def load(
    summaries: Mapping[str, Sequence[Any]] | None = None,
    tails: Mapping[str, Sequence[Estimate]] | None = None,
    rates: Sequence[float] = (0.2, 1.6),
) -> Load:
    """A load of such runs at the high rate, and of P99 TBTs of both tiers by rate."""
    runs, courses = summaries or {}, tails or {}
    return cast(
        "Load",
        SimpleNamespace(
            spec=SimpleNamespace(schedulers=tuple({**runs, **courses}), rates=tuple(rates)),
            summaries=lambda name, _: list(runs.get(name, ())),
            of=lambda name: [
                SimpleNamespace(
                    rate_rps=0.2 * (place + 1),
                    invalid=0,
                    tiers={tier: SimpleNamespace(tbt_p99_s=value) for tier in ("paying", "free")},
                )
                for place, value in enumerate(courses.get(name, ()))
            ],
        ),
    )
