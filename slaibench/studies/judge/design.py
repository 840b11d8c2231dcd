"""What of a judgement is fixed before anything runs: loads, seeds, metrics, rule."""

from __future__ import annotations

import math
from dataclasses import dataclass

from slaibench.measure.catalogue import METRICS
from slaibench.measure.metric import Scope
from slaibench.measure.regression import POWER, detectable
from slaibench.measure.simultaneous import ERROR
from slaibench.studies.prepared import PreparedStudy

SHARES = (0.5, 0.75, 0.9)
"""Of the reference's capacity: light load, medium load, near capacity."""
SLO = "ttft_p50<0.5,ttft_p99<5"
"""What the reference carries is the rate up to which it keeps these, unless others are named. Not a
tier's TBT: stock misses that with its large batches long before any request waits, and schedulers
differ in who waits."""
DEFAULT_SEEDS = 8
"""As of a regression: with 21 comparisons a verdict takes 4.7 standard errors, with 3 seeds 20."""
DEFAULT_REQUESTS = 600
"""Of a run: eight pairs of them are some minutes in an engine, and enough for a P99 of TTFT."""


def default_metrics() -> tuple[str, ...]:
    """Those that are judged unless others are named."""
    return tuple(name for name, metric in METRICS.items() if metric.in_judge)


@dataclass(frozen=True, slots=True)
class Design:
    """The rule of one command.

    Args:
        metrics: names in the catalogue.
        margin: largest relative change that does not matter.
        error: largest probability that any of its verdicts is wrong.
        num_loads, num_pairs: rates, and pairs of runs (seeds) at each.
        comparisons: verdicts that are to be given, but those of saturation.
    """

    metrics: tuple[str, ...]
    margin: float
    num_loads: int
    num_pairs: int
    comparisons: int
    error: float = ERROR

    @classmethod
    def of(cls, prepared: PreparedStudy, metrics: tuple[str, ...], margin: float) -> Design:
        """The design of a study's seeds, and of its rates, or those that will be chosen."""
        spec = prepared.spec
        num_loads = len(spec.rates) or len(SHARES)
        rows = sum(
            len(prepared.tiers) if METRICS[name].scope is Scope.TIER else 1 for name in metrics
        )
        return cls(metrics, margin, num_loads, spec.num_seeds, rows * num_loads)

    @property
    def detectable_spreads(self) -> float:
        """Change beyond the margin that gets a verdict with probability ``POWER``, in spreads of a
        pair (standard deviations of the logarithm of its ratio)."""
        share = self.error / (2 * self.comparisons)
        return detectable(self.num_pairs - 1, share) / math.sqrt(self.num_pairs)

    @property
    def in_words(self) -> str:
        """It in a line, for whoever is about to see the numbers."""
        margin = f"{100 * self.margin:.3g}%"
        loads = "1 load" if self.num_loads == 1 else f"{self.num_loads} loads"
        return (
            f"{loads} x {self.comparisons // self.num_loads} metrics x "
            f"{self.num_pairs} pairs of runs; all {self.comparisons} verdicts hold together with "
            f"{1 - self.error:.0%} probability; up to {margin} either way is the same; "
            f"found with {POWER:.0%} probability: {margin} and "
            f"{self.detectable_spreads:.2g} times the spread of a pair"
        )
