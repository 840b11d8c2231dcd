"""Two schedulers under the same requests: the interval of their difference or ratio.

With common random numbers, request i of seed s is the same request under both, so most of the
noise is shared and cancels in the comparison; two intervals side by side would count it twice.

Which method, by the number of seeds (``method="auto"``):

- 3 or more: Student's t on the per-seed values (logarithms of the ratios). Seeds are independent
  whatever the correlation within a run, so nothing about block lengths has to be assumed.
- 2: t would have one degree of freedom (a factor of 12.7), so blocks are drawn jointly for both
  schedulers within each seed, and seeds on top. Drawing at both levels overstates the variance
  by up to a half, which near saturation makes up for correlation longer than a block.
- 1: the block bootstrap within that run, drawn jointly. It knows only the variation inside one
  run; the result says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from slaibench.measure.intervals import (
    LEVEL,
    MIN_REQUESTS,
    MIN_TAIL_BLOCKS,
    RESAMPLES,
    Interval,
    expanded_percentiles,
    t_interval,
    tail_blocks,
)
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

PairedMethod = Literal["auto", "t", "bootstrap"]


def paired_ratio(
    a: Sequence[Sample],
    b: Sequence[Sample],
    rng: np.random.Generator,
    *,
    q: float | None = 0.5,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    method: PairedMethod = "auto",
) -> Interval:
    """Ratio b / a of a quantile or mean, paired by request and seed.

    The estimate is the geometric mean over seeds of the per-seed ratios; ``as_change()`` gives
    b / a - 1.

    Args:
        a, b: per seed, the sample of one scheduler; request i of a seed is the same in both. One
            value a request (NaN: it has none, the pair is left out; ``inf``: still waiting at the
            end), or ``Clusters`` of values.
        rng: where resamples come from.
        q: quantile level; None for the mean.
        level: nominal coverage.
        resamples: how many (bootstrap only).
        method: "auto" as in the module's text; "t" and "bootstrap" force one.

    Raises:
        ValueError: seeds or requests do not match, or a statistic is not positive.
    """

    return _paired(a, b, rng, q=q, level=level, resamples=resamples, method=method, log=True)


def paired_difference(
    a: Sequence[Sample],
    b: Sequence[Sample],
    rng: np.random.Generator,
    *,
    q: float | None = 0.5,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    method: PairedMethod = "auto",
) -> Interval:
    """Difference b - a of a quantile or mean, paired by request and seed: its mean over seeds.

    Arguments and errors as for ``paired_ratio``.
    """

    return _paired(a, b, rng, q=q, level=level, resamples=resamples, method=method, log=False)


def _paired(
    a: Sequence[Sample],
    b: Sequence[Sample],
    rng: np.random.Generator,
    *,
    q: float | None,
    level: float,
    resamples: int,
    method: PairedMethod,
    log: bool,
) -> Interval:
    if len(a) != len(b) or not a:
        raise ValueError(f"pairs need the same seeds on both sides, not {len(a)} and {len(b)}")
    pairs = [_matched(before, after) for before, after in zip(a, b, strict=True)]
    num_pairs = sum(len(before) for before, _ in pairs)
    back = math.exp if log else float
    values = _contrast(
        np.array([statistic(before, q) for before, _ in pairs]),
        np.array([statistic(after, q) for _, after in pairs]),
        log=log,
    )
    if not np.isfinite(values).all():
        centre = math.nan if np.isnan(values).any() else back(float(np.median(values)))
        note = "in some seed more requests were waiting at the end than the statistic allows"
        return Interval(centre, None, None, level, num_pairs, "none", note)
    if method == "t" or (method == "auto" and len(pairs) >= 3):
        return t_interval((np.exp(values) if log else values).tolist(), level=level, log=log)
    estimate = back(float(values.mean()))
    blocks = [max(block_length(influence(sample, q)) for sample in pair) for pair in pairs]
    if not all(
        _enough(sample, q, block)
        for pair, block in zip(pairs, blocks, strict=True)
        for sample in pair
    ):
        note = "too few requests for the correlation seen; use three or more seeds"
        return Interval(estimate, None, None, level, num_pairs, "none", note)
    draws, num_blocks = _joint_draws(pairs, blocks, q, resamples, rng, log=log)
    low, high = expanded_percentiles(draws, num_blocks, level)
    one_seed = len(pairs) == 1
    return Interval(
        estimate,
        None if low is None else back(low),
        None if high is None else back(high),
        level,
        num_pairs,
        "block-bootstrap" if one_seed else "hierarchical-bootstrap",
        f"paired blocks of up to {max(blocks)} requests"
        + (", one seed: variation between runs is not in it" if one_seed else " within seeds"),
    )


def _joint_draws(
    pairs: Sequence[tuple[Sample, Sample]],
    blocks: Sequence[int],
    q: float | None,
    resamples: int,
    rng: np.random.Generator,
    *,
    log: bool,
) -> tuple[FloatArray, int]:
    """The contrast's mean over drawn seeds, each with drawn blocks; and the number of blocks."""
    slots = len(pairs)
    # Fresh blocks for each of the slots a drawn seed may fill: a seed drawn twice varies twice.
    per_seed = np.empty((slots, resamples, slots))
    num_blocks = 0
    for row, ((before, after), block) in enumerate(zip(pairs, blocks, strict=True)):
        starts = draw_starts(len(before), block, resamples * slots, rng)
        num_blocks += starts.shape[1]
        values = _contrast(
            resampled(before, q, starts, block), resampled(after, q, starts, block), log=log
        )
        per_seed[row] = values.reshape(resamples, slots)
    seeds = rng.integers(0, slots, size=(resamples, slots))
    drawn = per_seed[seeds, np.arange(resamples)[:, None], np.arange(slots)]
    return drawn.mean(axis=1), num_blocks


def _contrast(before: FloatArray, after: FloatArray, *, log: bool) -> FloatArray:
    if log and not ((before > 0).all() and (after > 0).all()):
        raise ValueError("a ratio needs positive statistics; use paired_difference")
    with np.errstate(invalid="ignore"):
        return np.log(after) - np.log(before) if log else after - before


def _enough(sample: Sample, q: float | None, block: int) -> bool:
    if len(sample) < MIN_REQUESTS:
        return False
    return q is None or tail_blocks(sample, q, block) >= MIN_TAIL_BLOCKS


def _matched(before: Sample, after: Sample) -> tuple[Sample, Sample]:
    """Both samples restricted to the requests that have a value on both sides."""
    if len(before) != len(after):
        raise ValueError(
            f"pairs need the same requests on both sides, not {len(before)} and {len(after)}; "
            "cut both runs at the later warm-up and at the earlier end"
        )
    if isinstance(before, Clusters) or isinstance(after, Clusters):
        if not (isinstance(before, Clusters) and isinstance(after, Clusters)):
            raise ValueError("pairs need the same kind of sample on both sides")
        return before, after
    both = ~(np.isnan(before) | np.isnan(after))
    if not both.any():
        raise ValueError("no request has a value on both sides")
    return before[both], after[both]
