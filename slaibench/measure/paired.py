"""Two schedulers under the same requests: the interval of the ratio of a quantile.

With common random numbers, request i of seed s is the same request under both, so most of the
noise is shared and cancels in the comparison; two intervals side by side would count it twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from slaibench.measure.dependence import long_run_variance
from slaibench.measure.intervals import LEVEL, Interval, t_quantile
from slaibench.measure.percentiles import sorted_quantiles
from slaibench.measure.quantile_interval import LEAST_SIZE, residuals
from slaibench.recording.record import FloatArray

BANDWIDTH = 0.1
"""Half the share of values about a quantile over which the density is taken."""


def paired_ratio(
    a: Sequence[FloatArray], b: Sequence[FloatArray], *, q: float = 0.5, level: float = LEVEL
) -> Interval:
    """Ratio b / a of a quantile, each over all seeds, paired by request and seed.

    A quantile moves with the share of values above it, divided by the density there (Bahadur, "A
    note on quantiles in large samples", Ann. Math. Statist. 37, 1966). The difference of both
    sides' contributions is taken by request, so what the requests share cancels, and its
    long-run variance gives Student's t interval of the logarithm.

    Args:
        a, b: per seed, one scheduler's value a request by due time; request i of a seed is the same
            in both. NaN: it has none, the pair is left out; ``inf``: still waiting at the end.
        q: quantile level.
        level: nominal coverage.

    Returns:
        An interval of the ratio over so many pairs (``as_change()``: of b / a - 1), without ends
        where a quantile is infinite or the pairs are worth too few independent ones.

    Raises:
        ValueError: seeds or requests do not match, no pair has values, or a quantile is not
            positive.
    """
    pairs = _matched(a, b)
    num_pairs = sum(len(before) for before, _ in pairs)
    before, after = (np.sort(np.concatenate([pair[side] for pair in pairs])) for side in (0, 1))
    centre_a, centre_b = (float(sorted_quantiles(x, [q])[0]) for x in (before, after))
    if not (math.isfinite(centre_a) and math.isfinite(centre_b)):
        note = "more requests were waiting at the end than the statistic allows"
        return Interval(math.nan, None, None, level, num_pairs, "none", note)
    if centre_a <= 0 or centre_b <= 0:
        raise ValueError(f"a ratio needs positive quantiles, not {centre_a} and {centre_b}")
    ratio = centre_b / centre_a
    slopes = _log_slope(before, q), _log_slope(after, q)
    if None in slopes:
        note = "too many equal values about the quantile"
        return Interval(ratio, None, None, level, num_pairs, "none", note)
    slope_a, slope_b = slopes[0] or 0.0, slopes[1] or 0.0
    moved = [
        residuals(y, centre_b, q) * slope_b - residuals(x, centre_a, q) * slope_a for x, y in pairs
    ]
    difference = long_run_variance(moved)
    own = max(
        long_run_variance([residuals(pair[side], centre, q) for pair in pairs]).inflation
        for side, centre in ((0, centre_a), (1, centre_b))
    )
    if num_pairs / own < LEAST_SIZE:
        note = f"worth {num_pairs / own:.0f} independent pairs, {LEAST_SIZE} needed: run longer"
        return Interval(ratio, None, None, level, num_pairs, "none", note)
    error = math.sqrt(difference.variance * difference.inflation / num_pairs)
    half = t_quantile(difference.degrees, level) * error
    low, high = ratio * math.exp(-half), ratio * math.exp(half)
    return Interval(ratio, low, high, level, num_pairs, "influence", "paired by request")


def _log_slope(ordered: FloatArray, q: float) -> float | None:
    """How far the logarithm of a quantile moves with the level: one over the density of logarithms
    there; None where it is not defined."""
    width = min(BANDWIDTH, q / 2, (1 - q) / 2)
    low, high = sorted_quantiles(ordered, [q - width, q + width])
    if not (0 < low < high < math.inf):
        return None
    return math.log(high / low) / (2 * width)


def _matched(
    a: Sequence[FloatArray], b: Sequence[FloatArray]
) -> list[tuple[FloatArray, FloatArray]]:
    """Each seed's samples restricted to the requests that have a value on both sides."""
    if len(a) != len(b) or not a:
        raise ValueError(f"pairs need the same seeds on both sides, not {len(a)} and {len(b)}")
    out = []
    for before, after in zip(a, b, strict=True):
        if len(before) != len(after):
            raise ValueError(
                f"pairs need the same requests on both sides, not {len(before)} and {len(after)}; "
                "cut both runs at the later warm-up and at the earlier end"
            )
        both = ~(np.isnan(before) | np.isnan(after))
        out.append((before[both], after[both]))
    if not any(len(before) for before, _ in out):
        raise ValueError("no request has a value on both sides")
    return out
