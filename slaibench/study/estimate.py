"""A number over replicates, with its interval and its sample size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from slaibench.measure.intervals import Interval, block_bootstrap, t_interval
from slaibench.measure.percentiles import needed_samples
from slaibench.recording.record import FloatArray


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and how sure it is.

    Args:
        value: mean over replicates (geometric where the interval is on logarithms); None when the
            sample is too small to tell; ``inf`` when it lies among requests that were still
            waiting at the end.
        low, high: ends of the 95 % interval, or None.
        n: samples behind it, over all replicates.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int

    @property
    def ci95(self) -> tuple[float, float] | None:
        return None if self.low is None or self.high is None else (self.low, self.high)

    def to_json(self) -> dict[str, Any]:
        ci95 = None if self.ci95 is None else [finite(end) for end in self.ci95]
        return {"value": finite(self.value), "ci95": ci95, "n": self.n}


def finite(value: float | None) -> float | None:
    """JSON has no infinity; what is beyond measure is null there, as what is not known."""
    return None if value is None or not math.isfinite(value) else value


def from_interval(interval: Interval) -> Estimate:
    return Estimate(interval.estimate, interval.low, interval.high, interval.n)


def over_seeds(
    values: Sequence[float | None], n: int, *, q: float | None = None, log: bool = True
) -> Estimate:
    """Mean over one value a replicate (geometric with ``log``), with Student's t interval.

    Args:
        values: one a replicate; None: that run had nothing to measure.
        n: samples behind all of them.
        q: percentile level, if that is what the values are: too few samples print nothing.
        log: intervals on logarithms, where all values are positive.
    """
    known = [value for value in values if value is not None and not math.isnan(value)]
    if not known or (q is not None and n < needed_samples(q)):
        return Estimate(None, None, None, n)
    if any(math.isinf(value) for value in known):
        return Estimate(math.inf, None, None, n)
    mean = float(np.mean(known))
    if len(known) < 2:
        return Estimate(mean, None, None, n)
    found = t_interval(known, log=log and min(known) > 0)
    return Estimate(found.estimate, found.low, found.high, n)


def within_run(sample: FloatArray, q: float | None, value: float | None) -> Estimate:
    """The only replicate's value, with the block-bootstrap interval of its own sample."""
    n = len(sample)
    if value is None or not math.isfinite(value):
        return Estimate(value, None, None, n)
    found = block_bootstrap(sample, np.random.default_rng(n), q=q)
    return Estimate(value, found.low, found.high, n)
