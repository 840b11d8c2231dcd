"""95 % intervals over replicates, by Student's t."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

LEVEL = 0.95

Method = Literal["t", "t-log", "exceedances", "binomial", "influence", "mover", "none"]


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and the interval about it.

    Args:
        estimate: the point estimate.
        low, high: the interval's ends; None when there is too little to tell.
        level: its nominal coverage.
        n: replicates for ``t`` and ``t-log``; else requests, or pairs of them.
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


def t_quantile(degrees: float, level: float) -> float:
    """Two-sided Student's t quantile, e.g. 4.303 for 2 degrees of freedom at 0.95."""
    from scipy.special import stdtrit  # noqa: PLC0415

    return float(stdtrit(degrees, 0.5 + level / 2))
