"""How far one latency's samples lie from what they should be: request by request, and as a whole.

Pairs of the same requests tell a bias (all are too long) from a spread (each is off by something);
distributions show what a reader of percentiles would see. Two runs of the same engine already
differ request by request while their distributions agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from slaibench.measure.percentiles import needed_samples, sorted_quantiles
from slaibench.recording.record import FloatArray

LEVELS = (0.50, 0.90, 0.95, 0.99)
MEAN = "mean"


@dataclass(frozen=True, slots=True)
class StatisticError:
    """A statistic of the reference and of the other side.

    Args:
        change: other / reference - 1.
        enough_samples: whether the samples suffice for it (``percentiles.needed_samples``); without
            them it is shown, and judged by nobody.
    """

    reference: float
    other: float
    change: float
    enough_samples: bool

    def to_json(self) -> dict[str, Any]:
        return {
            "reference": self.reference,
            "other": self.other,
            "change": self.change,
            "enough_samples": self.enough_samples,
        }


@dataclass(frozen=True, slots=True)
class Errors:
    """The errors of one latency.

    Args:
        n: pairs.
        statistics: ``mean``, ``p50``, ``p90``, ``p95``, ``p99``.
        bias: mean over requests of other / reference - 1.
        median_bias: the median of the same; a few wild requests do not move it.
        spread: its standard deviation.
        typical: median of its absolute value.
        ks: Kolmogorov-Smirnov distance: the largest difference of the two distribution functions.
        wasserstein: mean distance that probability has to be moved, over the reference's mean.
    """

    n: int
    statistics: dict[str, StatisticError]
    bias: float
    median_bias: float
    spread: float
    typical: float
    ks: float
    wasserstein: float

    def to_json(self) -> dict[str, Any]:
        return {
            "n": self.n,
            "statistics": {name: error.to_json() for name, error in self.statistics.items()},
            "per_request": {
                "bias": self.bias,
                "median_bias": self.median_bias,
                "spread": self.spread,
                "median_absolute": self.typical,
            },
            "distribution": {"ks": self.ks, "wasserstein": self.wasserstein},
        }


def errors(reference: FloatArray, other: FloatArray, carriers: int | None = None) -> Errors | None:
    """Errors of ``other`` against ``reference``, in one order, mostly a value a request.

    Args:
        reference: positive, seconds.
        other: of the same requests.
        carriers: of how many requests the values are; None: of one each.

    Returns:
        None without any pair.

    Raises:
        ValueError: not as many on both sides, or a value that is not finite, or a reference that is
            not positive.
    """
    if len(reference) != len(other):
        raise ValueError(
            f"{len(reference)} reference values cannot be paired with {len(other)}: give the same "
            "requests on both sides"
        )
    if not len(reference):
        return None
    if not (np.isfinite(reference).all() and np.isfinite(other).all() and (reference > 0).all()):
        raise ValueError(
            "errors need finite values, and positive reference values: leave out what was not "
            "observed"
        )
    from scipy import stats  # noqa: PLC0415

    ratio = other / reference - 1
    ordered = np.sort(reference), np.sort(other)
    levels = [sorted_quantiles(side, LEVELS) for side in ordered]
    statistics = {
        MEAN: _statistic(float(reference.mean()), float(other.mean()), enough_samples=True)
    }
    for q, a, b in zip(LEVELS, *levels, strict=True):
        enough = (len(reference) if carriers is None else carriers) >= needed_samples(q)
        statistics[f"p{100 * q:g}"] = _statistic(float(a), float(b), enough_samples=enough)
    return Errors(
        n=len(reference),
        statistics=statistics,
        bias=float(ratio.mean()),
        median_bias=float(np.median(ratio)),
        spread=float(ratio.std()),
        typical=float(np.median(np.abs(ratio))),
        ks=float(stats.ks_2samp(reference, other, method="asymp").statistic),
        wasserstein=float(stats.wasserstein_distance(reference, other) / reference.mean()),
    )


def _statistic(reference: float, other: float, *, enough_samples: bool) -> StatisticError:
    return StatisticError(reference, other, other / reference - 1, enough_samples)
