"""A number over replicates, with its interval and its sample size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slaibench.measure.intervals import Interval, t_interval
from slaibench.measure.percentiles import needed_samples
from slaibench.measure.quantile_interval import RunSample, quantile_interval
from slaibench.studies.forms import EstimateForm


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and how sure it is.

    Args:
        value: of a percentile, that of all replicates' requests together; else the mean over
            replicates (geometric where the interval is on logarithms). None when the sample is too
            small to tell; ``inf`` when it lies among requests that were still
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

    def to_json(self) -> EstimateForm:
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
    present = [value for value in values if value is not None and not math.isnan(value)]
    if not present or (q is not None and n < needed_samples(q)):
        return Estimate(None, None, None, n)
    if any(math.isinf(value) for value in present):
        return Estimate(math.inf, None, None, n)
    mean = float(np.mean(present))
    if len(present) < 2:
        return Estimate(mean, None, None, n)
    interval = t_interval(present, log=log and min(present) > 0)
    return Estimate(interval.estimate, interval.low, interval.high, n)


def pooled(runs: Sequence[RunSample], q: float, *, steady: bool = True) -> Estimate:
    """A percentile of all replicates' requests together, with the interval of its exceedances.

    Args:
        runs: one sample a replicate; none may be missing.
        steady: whether they had a steady state: else there is nothing that an interval is of.

    Returns:
        n counts requests, also where a request has many values; too few of them print nothing.
    """
    n = sum(len(run) for run in runs)
    if n < needed_samples(q):
        return Estimate(None, None, None, n)
    interval = quantile_interval(runs, q)
    if math.isnan(interval.estimate):
        return Estimate(None, None, None, n)
    ends = (interval.low, interval.high)
    sure = steady and all(end is not None and math.isfinite(end) for end in ends)
    return Estimate(interval.estimate, *(ends if sure else (None, None)), n)
