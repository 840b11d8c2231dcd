"""A quantile over replicates and its 95 % interval, from runs whose requests are correlated.

The share of values above a fixed threshold is an unbiased mean, however short a run is; a run's own
percentile is not. So the interval is that of thresholds whose share of exceedances the runs do not
exclude (Woodruff, "Confidence intervals for medians and other position measures", J. Am. Stat.
Assoc. 47, 1952), with as many independent draws as the exceedances are worth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from slaibench.measure.dependence import (
    LongRunVariance,
    acceptance,
    effective_size,
    long_run_variance,
    needed_size,
)
from slaibench.measure.intervals import LEVEL, Interval
from slaibench.measure.percentiles import needed_samples, sorted_quantiles
from slaibench.recording.record import FloatArray, IntArray

INNER_TAILS = 10
"""A tail's bursts are known from few exceedances; those of a tail ten times as large from many. The
larger of both inflations counts (in an M/M/1 queue they are within a half of each other)."""
MEDIAN_BURSTS = 2.0
"""Bursts of a tail are taken to last at least so many times as long as those about the median,
which are known best (M/M/1: 2.7 to 4 times). Otherwise runs that saw no burst would look sure."""
LEAST_SIZE = 60
"""Independent values below which the correlation itself is not known well enough."""
TAIL_MARGIN = 1.23
"""Independent values for a tail's upper end, over those below which it can have none. How many they
are is itself estimated, and what would do with fewer is mostly luck (benchmarks/coverage)."""
TAIL_SHARE = 6
"""A ``GapTail`` keeps so many times the share beyond its quantile."""
TAIL = 0.99
"""The level that a ``Tail`` compares with the median."""


@dataclass(frozen=True, slots=True)
class GapTail:
    """The largest token gaps of a run's requests: all that a high quantile and its interval need.

    Args:
        values: gaps above ``threshold_s``, any order.
        owner: whose each is: index into ``num_gaps``.
        num_gaps: how many gaps each request has in all, requests by due time.
        threshold_s: every gap above it is in ``values``; ``-inf``: all gaps are.
    """

    values: FloatArray
    owner: IntArray
    num_gaps: IntArray
    threshold_s: float

    def __len__(self) -> int:
        """Number of requests with a gap, the independent carriers."""
        return int(np.count_nonzero(self.num_gaps))


RunSample = FloatArray | GapTail
"""One value a request by due time (``inf``: still waiting at the end), or its largest gaps."""


def gap_tail(values: FloatArray, num_gaps: IntArray, q: float) -> GapTail:
    """Of all gaps, request by request, those that quantiles at and above ``q`` rest on."""
    lowest = 1 - TAIL_SHARE * (1 - q)
    if not len(values) or lowest <= 0.5:
        owner = np.repeat(np.arange(len(num_gaps)), num_gaps)
        return GapTail(values, owner, num_gaps, -math.inf)
    threshold = float(np.partition(values, place := int(lowest * (len(values) - 1)))[place])
    kept = np.flatnonzero(values > threshold)
    owner = np.searchsorted(np.cumsum(num_gaps), kept, side="right")
    return GapTail(values[kept], owner, num_gaps, threshold)


def quantile(runs: Sequence[RunSample], q: float) -> float | None:
    """Quantile ``q`` of all runs' values together; None: no value, or beyond what tails hold."""
    values = _values_at(runs, [q])
    return None if values is None else values[0]


def quantile_interval(runs: Sequence[RunSample], q: float, *, level: float = LEVEL) -> Interval:
    """Quantile ``q`` over all runs, and the interval of thresholds that they do not exclude.

    Args:
        runs: one sample a run, all of one kind; without the requests of the warm-up.
        q: level in (0, 1).
        level: nominal coverage.

    Returns:
        An interval over n requests; an end is None where the runs exclude no value on that side.
        Its ``note`` says how many independent requests they are worth.
    """
    n = sum(len(run) for run in runs)
    estimate = quantile(runs, q)
    if estimate is None:
        return Interval(math.nan, None, None, level, n, "none", "no values")
    size = quantile_size(runs, q, level=level)
    if size < LEAST_SIZE:
        note = f"worth {size:.0f} independent requests, {LEAST_SIZE} needed: run longer"
        return Interval(estimate, None, None, level, n, "none", note)
    least, most = acceptance(size, 1 - q, level)
    low = None if most is None else _values_at(runs, [1 - most])
    sound = least is not None and size >= sound_size(q, level=level)
    high = _values_at(runs, [1 - least]) if sound and least is not None else None
    note = f"shares of exceedances of {size:.0f} independent requests"
    return Interval(
        estimate,
        None if low is None else low[0],
        None if high is None else high[0],
        level,
        n,
        "exceedances",
        note,
    )


def sound_size(q: float, *, level: float = LEVEL) -> float:
    """Independent requests without which an interval of quantile ``q`` has no upper end."""
    return TAIL_MARGIN * needed_size(1 - q, level)


def quantile_size(runs: Sequence[RunSample], q: float, *, level: float = LEVEL) -> float:
    """How many independent requests the runs are worth for quantile ``q``; 0 without a value."""
    inner = 1 - INNER_TAILS * (1 - q)
    longer = {q: 1.0, inner: 1.0, 0.5: MEDIAN_BURSTS} if inner >= 0.5 else {q: 1.0}
    parts: list[LongRunVariance] = []
    for other_q, times in longer.items():
        thresholds = _values_at(runs, [other_q])
        if thresholds is not None:
            part = long_run_variance([residuals(run, thresholds[0], other_q) for run in runs])
            parts.append(replace(part, inflation=times * part.inflation))
    n = sum(len(run) for run in runs)
    if not parts:
        return 0.0
    if isinstance(runs[0], GapTail):
        return _size_of_gaps(runs, q, parts, level)
    return effective_size(n, *parts, level=level)


@dataclass(frozen=True, slots=True)
class Tail:
    """How far the P99 of a latency is from its median, and whether it grows while runs go on.

    Args:
        ratio: P99 over P50.
        growth: P99 of the second halves of the runs over that of their first halves; 1 where one
            of them is not finite.
    """

    ratio: float
    growth: float


def tail_of(runs: Sequence[FloatArray]) -> Tail | None:
    """The tail of runs' values, a value a request by due time; None: too few, or no median.

    A median of infinity has no tail to speak of; a P99 of infinity is infinitely far from it.
    """
    if sum(len(run) for run in runs) < needed_samples(TAIL):
        return None
    middle, tail = quantile(runs, 0.5), quantile(runs, TAIL)
    if middle is None or tail is None or not 0 < middle < math.inf:
        return None
    halves = [
        quantile([run[: len(run) // 2] for run in runs], TAIL),
        quantile([run[len(run) // 2 :] for run in runs], TAIL),
    ]
    first, second = (math.nan if half is None else half for half in halves)
    growth = second / first if math.isfinite(first) and math.isfinite(second) and first else 1.0
    return Tail(tail / middle, growth)


def residuals(run: RunSample, threshold: float, q: float) -> FloatArray:
    """By request in order of due time: values above ``threshold`` less how many there should be."""
    if isinstance(run, GapTail):
        above = np.bincount(run.owner[run.values > threshold], minlength=len(run.num_gaps))
        with_gaps = run.num_gaps > 0
        return np.asarray(above[with_gaps] - (1 - q) * run.num_gaps[with_gaps], dtype=np.float64)
    return np.asarray((run > threshold) - (1 - q), dtype=np.float64)


def _size_of_gaps(
    runs: Sequence[RunSample], q: float, parts: Sequence[LongRunVariance], level: float
) -> float:
    """Independent draws that the gaps' share of exceedances is worth, at most one a request."""
    gaps = [run for run in runs if isinstance(run, GapTail)]
    requests = sum(len(run) for run in gaps)
    mean_gaps = sum(int(run.num_gaps.sum()) for run in gaps) / max(requests, 1)
    # Variance of the share: that of the residuals over the gaps a request has.
    per_request = parts[0].variance / (mean_gaps**2 * q * (1 - q))
    size = effective_size(requests, *parts, level=level) / max(per_request, 1e-12)
    return min(size, float(requests))


def _values_at(runs: Sequence[RunSample], levels: Sequence[float]) -> list[float] | None:
    tails = [run for run in runs if isinstance(run, GapTail)]
    if not tails:
        pooled = np.sort(np.concatenate([np.asarray(run) for run in runs]))
        return sorted_quantiles(pooled, levels).tolist() if len(pooled) else None
    total = sum(int(tail.num_gaps.sum()) for tail in tails)
    if not total:
        return None
    values = np.sort(np.concatenate([tail.values for tail in tails]))
    # Positions count from all gaps; what lies below the tails' thresholds is not at hand.
    places = np.asarray(levels) * (total - 1) - (total - len(values))
    lowest_held = max(tail.threshold_s for tail in tails)
    if not len(values) or places.min() < 0:
        return None
    at_levels = np.interp(places, np.arange(len(values)), values)
    return None if at_levels.min() < lowest_held else at_levels.tolist()
