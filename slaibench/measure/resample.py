"""Circular block bootstrap: how a statistic moves when blocks of requests are drawn again.

Blocks keep neighbouring requests together, because they share queues and batches and so are not
independent. Requests lie on a circle, so that each is in equally many blocks (Politis and Romano,
"A circular block-resampling procedure for stationary data", 1992).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from slaibench.measure.percentiles import sorted_quantiles
from slaibench.recording.record import FloatArray, IntArray

NUM_THRESHOLDS = 256
_CHUNK_ELEMENTS = 4_000_000


@dataclass(frozen=True, slots=True)
class Clusters:
    """Many values a request, e.g. its gaps between tokens; requests by due time.

    Args:
        values: all requests' values, end to end.
        offsets: request i owns ``values[offsets[i]:offsets[i + 1]]``.
    """

    values: FloatArray
    offsets: IntArray

    def __len__(self) -> int:
        """Number of requests."""
        return len(self.offsets) - 1


Sample = FloatArray | Clusters
"""One value a request, by due time, or many."""


def statistic(sample: Sample, q: float | None) -> float:
    """Quantile ``q`` of all values, or their mean when ``q`` is None."""
    values = sample.values if isinstance(sample, Clusters) else sample
    return float(values.mean()) if q is None else float(sorted_quantiles(np.sort(values), [q])[0])


def influence(sample: Sample, q: float | None) -> FloatArray:
    """Per request, up to a constant factor: how far it moves the statistic (its linear part).

    The mean of these over requests is 0; their autocorrelation is what a block must span.
    """
    centre = statistic(sample, q)
    values = sample.values if isinstance(sample, Clusters) else sample
    moved = values - centre if q is None else (values <= centre) - q
    if isinstance(sample, Clusters):
        running = np.concatenate([[0.0], np.cumsum(moved)])
        moved = running[sample.offsets[1:]] - running[sample.offsets[:-1]]
    return np.asarray(moved, dtype=np.float64)


def block_length(series: FloatArray) -> int:
    """Block length for a circular bootstrap of the mean of ``series``.

    Politis and White, "Automatic block-length selection for the dependent bootstrap" (Econometric
    Reviews 23, 2004), as corrected by Patton, Politis and White (ibid. 28, 2009). For an AR(1)
    with coefficient p it tends to (6 p^2 n / (1 - p^2)^2) ** (1/3). At least 1, at most a third of
    the series and 3 sqrt(n).
    """
    n = len(series)
    if n < 10 or float(np.ptp(series)) == 0.0:
        return 1
    window = max(5, math.ceil(math.sqrt(math.log10(n))))
    most_lags = min(math.ceil(math.sqrt(n)) + window, n - 1)
    centred = series - series.mean()
    spectrum = np.fft.rfft(centred, 1 << (2 * n - 1).bit_length())
    covariance = np.fft.irfft(spectrum * spectrum.conj())[: most_lags + 1] / n
    small = np.abs(covariance[1:] / covariance[0]) < 2 * math.sqrt(math.log10(n) / n)
    # The first lag after which `window` correlations in a row are insignificant.
    runs = np.convolve(small, np.ones(window), mode="valid") == window
    last = int(np.argmax(runs)) if runs.any() else int(np.flatnonzero(~small)[-1]) + 1
    if last == 0:
        return 1
    bandwidth = min(2 * last, most_lags)
    lags = np.arange(1, bandwidth + 1)
    taper = np.clip(2 * (1 - lags / bandwidth), 0, 1)
    weighted = taper * covariance[1 : bandwidth + 1]
    spectral_slope = 2 * float(np.sum(lags * weighted))
    spectral_zero = float(covariance[0] + 2 * np.sum(weighted))
    if spectral_zero <= 0:
        return 1
    optimal = float(np.cbrt(1.5 * (spectral_slope / spectral_zero) ** 2 * n))
    return max(1, min(math.ceil(optimal), math.ceil(min(3 * math.sqrt(n), n / 3))))


def draw_starts(n: int, block: int, resamples: int, rng: np.random.Generator) -> IntArray:
    """First requests of the blocks of each resample, shape (resamples, n // block)."""
    return rng.integers(0, n, size=(resamples, max(1, n // block)))


def resampled(sample: Sample, q: float | None, starts: IntArray, block: int) -> FloatArray:
    """The statistic on each resample, shape (resamples,).

    Two schedulers under the same requests share ``starts``: that is what pairs them.
    """
    if isinstance(sample, Clusters):
        return (
            _cluster_mean(sample, starts, block)
            if q is None
            else (_cluster_quantile(sample, q, starts, block))
        )
    if q is None:
        return np.asarray(_block_sums(sample, block)[starts].mean(axis=1) / block)
    return _plain_quantile(sample, q, starts, block)


def _plain_quantile(values: FloatArray, q: float, starts: IntArray, block: int) -> FloatArray:
    circle = np.concatenate([values, values[:block]])
    size = starts.shape[1] * block
    below = math.floor(q * (size - 1))
    kth = [below, min(below + 1, size - 1)]
    share = q * (size - 1) - below
    out = np.empty(len(starts))
    rows = max(1, _CHUNK_ELEMENTS // size)
    for first in range(0, len(starts), rows):
        picked = starts[first : first + rows, :, None] + np.arange(block)
        drawn = circle[picked.reshape(len(picked), size)]
        drawn.partition(kth, axis=1)
        pair = drawn[:, kth]
        out[first : first + rows] = sorted_quantiles(pair, [share])[:, 0]
    return out


def _block_sums(per_request: FloatArray, block: int) -> FloatArray:
    """Sum over the block that starts at each request (axis 0), around the circle."""
    circle = np.concatenate([per_request, per_request[: block - 1]])
    running = np.cumsum(np.concatenate([np.zeros_like(circle[:1]), circle]), axis=0)
    return np.asarray(running[block:] - running[:-block])


def _cluster_mean(sample: Clusters, starts: IntArray, block: int) -> FloatArray:
    running = np.concatenate([[0.0], np.cumsum(sample.values)])
    totals = running[sample.offsets[1:]] - running[sample.offsets[:-1]]
    sizes = np.diff(sample.offsets).astype(np.float64)
    drawn = _block_sums(totals, block)[starts].sum(axis=1)
    return np.asarray(drawn / _block_sums(sizes, block)[starts].sum(axis=1))


def _cluster_quantile(sample: Clusters, q: float, starts: IntArray, block: int) -> FloatArray:
    """Quantile of each resample without building it: counts below a ladder of thresholds.

    A resample of a run holds a million gaps; sorting hundreds of them would take minutes. The
    counts of a resample are a sum of its blocks' counts, hence one matrix product. The ladder's
    rungs are order statistics within eight standard errors of the quantile, so that the answer is
    off by at most one rung, a fourteenth of a standard error, from the resample's inverse CDF. A
    test compares it with sorting.
    """
    rungs = _ladder(sample, q, block)
    n = len(sample)
    owner = np.repeat(np.arange(n), np.diff(sample.offsets))
    # Column k counts the values in (rung k-1, rung k]; the last column those above all rungs.
    column = np.searchsorted(rungs, sample.values, side="left")
    wide = len(rungs) + 1
    counts = np.bincount(owner * wide + column, minlength=n * wide).reshape(n, wide)
    at_most = np.cumsum(_block_sums(counts.astype(np.float64), block), axis=1)
    draws = np.bincount(
        (np.arange(len(starts))[:, None] * n + starts).ravel(), minlength=len(starts) * n
    ).reshape(len(starts), n)
    totals = draws.astype(np.float64) @ at_most
    reached = totals[:, :-1] >= q * totals[:, -1:] - 1e-9
    return np.asarray(rungs[np.where(reached.any(axis=1), reached.argmax(axis=1), -1)])


def _ladder(sample: Clusters, q: float, block: int) -> FloatArray:
    """Thresholds for ``_cluster_quantile``: dense about the quantile, sparse over the rest."""
    ordered = np.sort(sample.values)
    size = len(ordered)
    blocks = _block_sums(influence(sample, q), block)
    error = float(blocks.std()) * math.sqrt(len(sample) / block) / size
    near = np.linspace(q - 8 * error, q + 8 * error, NUM_THRESHOLDS - 32)
    far = np.linspace(0, 1, 33)
    levels = np.clip(np.concatenate([near, far]), 0, 1)
    return np.unique(ordered[np.ceil(levels * (size - 1)).astype(np.int64)])
