"""Percentiles: exact, with their sample size, and silent where the sample is too small."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from slaibench.recording.record import FloatArray

TAIL_SAMPLES = 10
"""Samples that must lie beyond a percentile before it is printed."""

PAPER_GRID_STEPS = 1000
"""Steps of the CDF that the paper's code writes for token metrics (agrimUT/SLAI,
``metrics_store.py``: 1001 quantiles; upstream Sarathi-Serve writes 101)."""


@dataclass(frozen=True, slots=True)
class Percentile:
    """One percentile of one sample.

    Args:
        q: its level, in (0, 1).
        value: None when ``n`` is too small to tell; ``inf`` when it falls among requests that were
            still waiting when the run ended.
        n: independent carriers behind it: requests.
        sample_value: the same of the sample as it is, however small: where several samples
            together are large enough, each counts with its own. None without a sample.
    """

    q: float
    value: float | None
    n: int
    sample_value: float | None = None


def needed_samples(q: float) -> int:
    """Least sample for which percentile ``q`` is printed: ten samples beyond it on its short side.

    ``10 / (1 - q)`` above the median (P99: 1,000), ``10 / q`` below it, so 20 for the median.

    Raises:
        ValueError: ``q`` is not in (0, 1).
    """
    if not 0 < q < 1:
        raise ValueError(f"a percentile needs 0 < q < 1, not {q}; P99 is 0.99")
    # Rounded first: 10 / (1 - 0.99) is 999.999... or 1000.000... by luck of the last bit.
    return math.ceil(round(TAIL_SAMPLES / min(q, 1 - q), 6))


def percentile(samples: npt.ArrayLike, q: float, carriers: int | None = None) -> Percentile:
    """One exact percentile (linear interpolation); see ``percentiles``."""
    return percentiles(samples, (q,), carriers)[0]


def percentiles(
    samples: npt.ArrayLike, qs: Sequence[float], carriers: int | None = None
) -> tuple[Percentile, ...]:
    """Exact percentiles of one sample, interpolated linearly between order statistics.

    One sort serves all levels: NumPy's vectorised sort is faster than a partition about eight
    order statistics (1.5 million values: 15 against 22 ms).

    Args:
        samples: any order; ``inf`` stands for "longer than anything seen".
        qs: levels in (0, 1).
        carriers: of how many independent requests the samples are; None: one each.

    Raises:
        ValueError: a sample is NaN (leave out what was not observed), or a level is out of range.
    """
    ordered = np.sort(np.asarray(samples, dtype=np.float64), axis=None)
    n = len(ordered)
    if n and np.isnan(ordered[-1]):
        raise ValueError("samples hold NaN: drop what was not observed before taking percentiles")
    carried = n if carriers is None else carriers
    if not n:
        return tuple(_of_sample(q, None, carried) for q in qs)
    values = sorted_quantiles(ordered, qs)
    return tuple(_of_sample(q, float(value), carried) for q, value in zip(qs, values, strict=True))


def _of_sample(q: float, value: float | None, n: int) -> Percentile:
    """A sample's percentile, silent where ``n`` is too small."""
    return Percentile(q, value if n >= needed_samples(q) else None, n, value)


def sorted_quantiles(ordered: FloatArray, qs: Sequence[float] | FloatArray) -> FloatArray:
    """Linear-interpolation quantiles along the last axis of sorted values; infinities allowed.

    ``numpy.quantile`` gives NaN as soon as both neighbours are infinite; this does not.
    """
    position = np.asarray(qs, dtype=np.float64) * (ordered.shape[-1] - 1)
    below = np.floor(position).astype(np.int64)
    above = np.minimum(below + 1, ordered.shape[-1] - 1)
    low, high = ordered[..., below], ordered[..., above]
    share = position - below
    step = np.subtract(high, low, out=np.zeros_like(high), where=high != low)
    scaled = np.multiply(step, share, out=np.zeros_like(step), where=share > 0)
    return np.asarray(low + scaled, dtype=np.float64)


def censored_percentiles(
    observed: FloatArray, still_waiting: FloatArray, qs: Sequence[float]
) -> tuple[Percentile, ...]:
    """Percentiles of a duration that some requests had not completed when the run ended.

    Leaving those requests out would flatter whoever lets them wait. The Kaplan-Meier estimate
    (J. Am. Stat. Assoc. 53, 1958) counts a request that had waited w as one, in equal parts, of
    those that took longer than w; when none took longer, it counts as ``inf``. (SciPy's
    ``ecdf`` gives the steps of that estimate; here they are interpolated.) Without waiting requests
    the result is exactly ``percentiles(observed, qs)``.

    Args:
        observed: completed durations.
        still_waiting: how long each of the others had waited by the end of the run.
        qs: levels in (0, 1).
    """
    if not len(still_waiting):
        return percentiles(observed, qs)
    n = len(observed) + len(still_waiting)
    durations = np.concatenate([observed, still_waiting])
    if np.isnan(durations).any():
        raise ValueError("durations hold NaN: drop what was not observed before taking percentiles")
    completed = np.arange(n) < len(observed)
    # Ties: a completion at w comes before a request that had waited exactly w.
    order = np.lexsort((~completed, durations))
    durations, completed = durations[order], completed[order]
    survival = np.cumprod(1.0 - completed / np.arange(n, 0, -1))
    reached = 1.0 - np.concatenate([[1.0], survival[:-1]])
    # Where a completion sits between 0 and 1; k / (n - 1) for the k-th when all completed, which
    # is NumPy's linear rule.
    seats = reached[completed] * n / max(n - 1, 1)
    values = np.interp(qs, seats, durations[completed]) if completed.any() else np.zeros(len(qs))
    beyond = not completed.any() or bool(survival[-1] > 0)
    last = float(seats[-1]) if completed.any() else -1.0
    return tuple(
        _of_sample(q, math.inf if beyond and q > last else float(value), n)
        for q, value in zip(qs, values, strict=True)
    )


def paper_summary(
    samples: FloatArray, qs: Sequence[float]
) -> tuple[float | None, tuple[Percentile, ...]]:
    """(mean, percentiles) of a request metric as the paper's code reads them.

    Percentile: the smallest sample whose rank / n reaches q (``DataSeries.plot_cdf``, then the
    first row with ``cdf >= q``). Mean: the trapezoid rule under that CDF, which gives the first
    and last sample half their weight. There is no least sample size.
    """
    n = len(samples)
    if not n:
        return None, tuple(Percentile(q, None, 0) for q in qs)
    ordered = np.sort(samples)
    values = np.quantile(ordered, qs, method="inverted_cdf")
    mean = float(np.trapezoid(ordered, dx=1 / n))
    return mean, tuple(
        Percentile(q, float(v), n, float(v)) for q, v in zip(qs, values, strict=True)
    )


def paper_token_summary(
    samples: FloatArray, qs: Sequence[float], carriers: int
) -> tuple[float | None, tuple[Percentile, ...]]:
    """(mean, percentiles) of a token metric as the paper's code reads them off a CDF grid.

    The grid has steps of 0.1 %. The value at grid level g is order statistic floor(g (n - 1)),
    counted from 0 (DDSketch's rank rule; its 0.1 % relative error is not imitated). A percentile
    is the value at the first level at or above q, the mean the trapezoid rule over the grid.

    Args:
        samples: must already hold the 0 of each first token.
        qs: levels in (0, 1).
        carriers: of how many requests they are.
    """
    n = len(samples)
    if not n:
        return None, tuple(Percentile(q, None, carriers) for q in qs)
    grid = np.linspace(0, 1, PAPER_GRID_STEPS + 1)
    values = np.sort(samples)[np.floor(grid * (n - 1)).astype(np.int64)]
    rows = np.searchsorted(grid, np.asarray(qs) - 1e-12)
    read = tuple(
        Percentile(q, float(values[r]), carriers, float(values[r]))
        for q, r in zip(qs, rows, strict=True)
    )
    return float(np.trapezoid(values, grid)), read
