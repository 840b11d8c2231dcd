"""A percentile that runs cannot carry, and the largest one that they can."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from slaibench.measure.quantile_interval import quantile_interval, quantile_size, sound_size
from slaibench.studies.run_summary import RunSummary

LEVELS = (0.98, 0.95, 0.9, 0.75, 0.5)
"""Percentiles that are tried in place of one that cannot be told."""


@dataclass(frozen=True, slots=True)
class Untold:
    """A target of a percentile that the minutes cannot carry, and what they can.

    Args:
        slo, tier: the target.
        rate_rps: where.
        needed: independent requests that it takes.
        worth: what the runs there are worth.
        q: the largest percentile that can be told there; None: none can.
        value_s: what it was, with the ends of its interval.
    """

    slo: str
    tier: str | None
    rate_rps: float
    needed: float
    worth: float
    q: float | None
    value_s: tuple[float, float, float] | None

    @property
    def why(self) -> str:
        """What its runs lack, as a clause."""
        return why_untold(self.worth, self.needed)


def why_untold(worth: float, needed: float) -> str:
    """What runs lack that are worth so many independent requests, of those that it takes."""
    if worth >= needed:
        return "requests that still waited when the runs ended leave it open"
    return f"the runs are worth {worth:.0f} independent requests, {needed:.0f} needed"


def in_its_place(
    text: str,
    tier: str | None,
    metric: str,
    q: float,
    rate: float,
    summaries: Sequence[RunSummary],
) -> Untold:
    """What the runs at one rate say of a target at level ``q`` that they cannot tell."""
    samples = [s.samples[metric, tier] for s in summaries if (metric, tier) in s.samples]
    samples = [sample for sample in samples if len(sample)]
    worth = quantile_size(samples, q) if samples else 0.0
    for lower in (level for level in LEVELS if level < q and samples):
        interval = quantile_interval(samples, lower)
        if interval.low is not None and interval.high is not None:
            ends = (interval.estimate, interval.low, interval.high)
            if all(map(math.isfinite, ends)):
                return Untold(text, tier, rate, sound_size(q), worth, lower, ends)
    return Untold(text, tier, rate, sound_size(q), worth, None, None)
