"""Many values a request, such as its gaps between tokens, and what they are worth together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slaibench.measure.percentiles import sorted_quantiles
from slaibench.recording.record import FloatArray, IntArray

CONFIDENCE = 0.95
"""One-sided, of the correction for few requests."""


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


def statistic(sample: Sample, q: float) -> float:
    """Quantile ``q`` of all values."""
    values = sample.values if isinstance(sample, Clusters) else sample
    return float(sorted_quantiles(np.sort(values), [q])[0])


def independent_values(sample: Clusters, q: float) -> float:
    """How many independent values the sample's q-quantile is worth.

    The variance of the share of values beyond the quantile, with requests as clusters (the ratio
    estimator), is that of so many independent draws. It is made smaller for the few clusters that
    the variance is known from (Student's t), and lies between 1 and the number of values; 0 with
    fewer than two requests. Requests are taken to be independent of one another.
    """
    from scipy import special  # noqa: PLC0415

    sizes = np.diff(sample.offsets)
    sizes = sizes[sizes > 0]
    num, total = len(sizes), len(sample.values)
    if num < 2:
        return 0.0
    quantile = statistic(sample, q)
    beyond = sample.values > quantile
    if not beyond.any():  # the quantile is the largest value
        beyond = sample.values >= quantile
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    late = np.add.reduceat(beyond.astype(np.float64), starts)
    share = float(beyond.mean())
    variance = num / (num - 1) * float(((late - share * sizes) ** 2).sum()) / total**2
    worth = share * (1 - share) / variance if variance > 0 else float(total)
    few = float(special.ndtri(CONFIDENCE) / special.stdtrit(num - 1, CONFIDENCE))
    return min(max(worth * few**2, 1.0), float(total))
