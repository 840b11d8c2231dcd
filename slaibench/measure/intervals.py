"""95 % intervals: within a run by block bootstrap, over replicates by Student's t."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from slaibench.measure.resample import (
    Clusters,
    Sample,
    block_length,
    draw_starts,
    influence,
    resampled,
    statistic,
)
from slaibench.recording.record import FloatArray

LEVEL = 0.95
RESAMPLES = 500
MIN_REQUESTS = 20
"""Below this many requests a block bootstrap says nothing."""
MIN_TAIL_BLOCKS = 2.0
"""Requests beyond the quantile, in blocks: with fewer, no interval is given. Simulated intervals
for the P99 of 1,000 lognormal values with lag-1 correlation 0.95 (0.4 blocks) covered 61 %."""

Method = Literal[
    "t", "t-log", "block-bootstrap", "hierarchical-bootstrap", "seed-bootstrap", "bracket", "none"
]


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and the interval about it.

    Args:
        estimate: the point estimate.
        low, high: the interval's ends; None when there is too little to tell.
        level: its nominal coverage.
        n: replicates for ``t`` and ``t-log``, requests (or pairs of them) for bootstraps.
        method: how it was obtained.
        note: the same in words, for a reader.
    """

    estimate: float
    low: float | None
    high: float | None
    level: float
    n: int
    method: Method
    note: str = ""

    def as_change(self) -> Interval:
        """The same for ``ratio - 1``, given the interval of a ratio."""
        return replace(
            self,
            estimate=self.estimate - 1,
            low=None if self.low is None else self.low - 1,
            high=None if self.high is None else self.high - 1,
        )


def t_interval(values: Sequence[float], *, level: float = LEVEL, log: bool = False) -> Interval:
    """Student's t interval of the mean over independent replicates (one value a seed).

    Args:
        values: one statistic a replicate.
        level: nominal coverage.
        log: work on logarithms: for positive, ratio-like quantities; the estimate is then their
            geometric mean.

    Raises:
        ValueError: no value, or ``log`` with a value that is not positive.
    """
    data = np.asarray(values, dtype=np.float64)
    if not len(data):
        raise ValueError("a t interval needs at least one replicate")
    if log and not (data > 0).all():
        raise ValueError(f"log=True needs positive values, not {float(data.min())}; use log=False")
    n = len(data)
    method: Method = "t-log" if log else "t"
    scale = np.log(data) if log else data
    if not np.isfinite(scale).all():
        # A replicate without a finite value has no spread to speak of; the median survives it.
        return Interval(float(np.median(data)), None, None, level, n, "none", "not finite")
    centre = float(scale.mean())
    back = math.exp if log else float
    if n < 2:
        return Interval(back(centre), None, None, level, n, "none", "one replicate")
    half = t_quantile(n - 1, level) * float(scale.std(ddof=1)) / math.sqrt(n)
    note = f"t over {n} seeds" + (", log scale" if log else "")
    return Interval(back(centre), back(centre - half), back(centre + half), level, n, method, note)


def block_bootstrap(
    sample: Sample,
    rng: np.random.Generator,
    *,
    q: float | None = 0.5,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    block: int | None = None,
) -> Interval:
    """Interval of a quantile or mean of one run, whose neighbouring requests are correlated.

    Percentile interval of a circular block bootstrap, its tails widened for the number of blocks
    (see ``expanded_tail``).

    Args:
        sample: one value a request by due time (no NaN), or ``Clusters`` (e.g. token gaps).
        rng: where the resamples come from; the same generator state gives the same interval.
        q: quantile level; None for the mean.
        level: nominal coverage.
        resamples: how many.
        block: requests a block; None: ``resample.block_length`` of the statistic's influence.
    """
    n = len(sample)
    if n < MIN_REQUESTS:
        estimate = statistic(sample, q) if n else math.nan
        return Interval(estimate, None, None, level, n, "none", f"only {n} requests")
    estimate = statistic(sample, q)
    if q is None and not math.isfinite(estimate):
        return Interval(estimate, None, None, level, n, "none", "not finite")
    size = block_length(influence(sample, q)) if block is None else block
    if q is not None and tail_blocks(sample, q, size) < MIN_TAIL_BLOCKS:
        note = f"too few requests beyond the quantile for blocks of {size}; replicate over seeds"
        return Interval(estimate, None, None, level, n, "none", note)
    starts = draw_starts(n, size, resamples, rng)
    draws = resampled(sample, q, starts, size)
    low, high = expanded_percentiles(draws, starts.shape[1], level)
    note = f"block bootstrap within the run, {starts.shape[1]} blocks of {size} requests"
    return Interval(estimate, low, high, level, n, "block-bootstrap", note)


def tail_blocks(sample: Sample, q: float, block: int) -> float:
    """Requests with a value on the quantile's short side, over the block length."""
    centre = statistic(sample, q)
    if isinstance(sample, Clusters):
        beyond = sample.values > centre if q >= 0.5 else sample.values < centre
        running = np.concatenate([[0], np.cumsum(beyond)])
        return np.count_nonzero(np.diff(running[sample.offsets])) / block
    return np.count_nonzero(sample > centre if q >= 0.5 else sample < centre) / block


def expanded_percentiles(
    draws: FloatArray, num_blocks: int, level: float
) -> tuple[float | None, float | None]:
    """Bootstrap percentile interval from resampled statistics; (None, None) if they are not
    finite or there is one block only."""
    if num_blocks < 2 or not np.isfinite(draws).all():
        return None, None
    tail = expanded_tail(num_blocks, level)
    low, high = np.quantile(draws, [tail, 1 - tail])
    return float(low), float(high)


def expanded_tail(num_units: int, level: float) -> float:
    """Tail probability at which to cut a bootstrap distribution of ``num_units`` units.

    A plain percentile interval is too narrow by about sqrt((m - 1) / m) times normal over t; the
    cut is moved outwards by just that (Hesterberg, "What teachers should know about the
    bootstrap", The American Statistician 69, 2015: the expanded percentile interval).
    """
    from scipy.special import ndtr  # noqa: PLC0415

    reach = t_quantile(num_units - 1, level) * math.sqrt(num_units / (num_units - 1))
    return float(ndtr(-reach))


def t_quantile(degrees: int, level: float) -> float:
    """Two-sided Student's t quantile, e.g. 4.303 for 2 degrees of freedom at 0.95."""
    from scipy.special import stdtrit  # noqa: PLC0415

    return float(stdtrit(degrees, 0.5 + level / 2))
