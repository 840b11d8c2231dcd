"""A target that runs cannot carry, and of a percentile the largest one that they can."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from slaibench.measure.quantile_interval import quantile_interval, quantile_size, sound_size
from slaibench.measure.share_interval import share_size
from slaibench.measure.slo import Slo, parse_slos
from slaibench.studies.run_summary import RunSummary, samples_of

LEVELS = (0.98, 0.95, 0.9, 0.75, 0.5)
"""Percentiles that are tried in place of one that cannot be told."""


@dataclass(frozen=True, slots=True)
class Untold:
    """A target of a percentile or a share that the minutes cannot carry, and what they can.

    Args:
        slo, tier: the target.
        rate_rps: where.
        needed: independent requests that it takes.
        worth: what the runs there are worth.
        q: the largest percentile that can be told there; None: none can, or it is of a share.
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


def nothing_instead(text: str) -> str:
    """That no lower percentile can be told, as a clause; empty for a share, which has none."""
    return "" if parse_slos(text)[0].is_share else "; no percentile of it can be told"


def in_its_place(
    slo: Slo, tier: str | None, rate: float, summaries: Sequence[RunSummary]
) -> Untold:
    """What the runs at one rate say of a target, of a percentile or a share, that they cannot
    tell."""
    level = slo.bound if slo.is_share else slo.q
    assert isinstance(level, float)
    needed, group = sound_size(level), slo.group(tier)
    samples = samples_of(summaries, slo.metric, group)
    if slo.is_share:
        worth = share_size(samples, samples_of(summaries, "ttft", group))
        return Untold(slo.text, tier, rate, needed, worth, None, None)
    worth = quantile_size(samples, level) if samples else 0.0
    for lower in (other for other in LEVELS if other < level and samples):
        interval = quantile_interval(samples, lower)
        if interval.low is not None and interval.high is not None:
            ends = (interval.estimate, interval.low, interval.high)
            if all(map(math.isfinite, ends)):
                return Untold(slo.text, tier, rate, needed, worth, lower, ends)
    return Untold(slo.text, tier, rate, needed, worth, None, None)
