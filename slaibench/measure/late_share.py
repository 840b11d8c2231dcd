"""What many values of few requests are worth, and whether they keep a bound.

The gaps of one request are not so many observations: one that stalls has many late tokens. How
many independent ones they are worth is measured, with requests as clusters. The share beyond a
bound then has the exact interval of that many (Korn and Graubard, Survey Methodology 24, 1998):
values that are all far within a bound say that it is kept before they say where their percentile
is.
"""

from __future__ import annotations

import numpy as np

from slaibench.measure.resample import Clusters, statistic

CONFIDENCE = 0.95
"""One-sided: of what is called kept, and of what is called broken."""
MIN_REQUESTS = 20
"""Below, the spread between requests says too little; as many as a median takes."""


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


def is_within(late_share: float, independent: float, q: float) -> bool | None:
    """Whether the q-quantile is within a bound: at most 1 - q of all values are late.

    Args:
        late_share: share of values beyond the bound.
        independent: how many independent values that is of.

    Returns:
        None: not sure enough either way. Without any late value it takes 299 for a P99
        (``log(0.05) / log(0.99)``).
    """
    from scipy import special  # noqa: PLC0415

    late = late_share * independent
    in_time = independent - late
    allowed = 1 - q
    most = float(special.betaincinv(late + 1, in_time, CONFIDENCE)) if in_time > 0 else 1.0
    least = float(special.betaincinv(late, in_time + 1, 1 - CONFIDENCE)) if late > 0 else 0.0
    if most <= allowed:
        return True
    return False if least > allowed else None
