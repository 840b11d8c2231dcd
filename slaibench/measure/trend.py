"""Whether a series of a run grows: trend and drift over batches of time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from slaibench.recording.record import FloatArray

NUM_BATCHES = 20
"""Batches of the arrival window. Over 20 the Mann-Kendall statistic is normal enough (its
approximation holds from about 10), and a batch of a 1,000-request run still spans 50 requests."""


@dataclass(frozen=True, slots=True)
class Growth:
    """Trend and drift of one series.

    Args:
        what: of which series, in words.
        trend_p: one-sided p-value of an upward Mann-Kendall trend over batch means (batches taken
            as independent: near saturation they are not, which is why drift has to agree).
        drift: growth over the service rate (Theil-Sen slope of the batch means).
        drift_needed: least ``drift`` that counts here.
        grows: whether both are beyond their thresholds.
        words: the same for a reader.
    """

    what: str
    trend_p: float
    drift: float
    drift_needed: float
    grows: bool
    words: str


@dataclass(frozen=True, slots=True)
class Series:
    """Batch means of something counted in requests.

    Args:
        what: of what, in words.
        means: one a batch.
        levels: where it stands at the edges of the batches.
        edges: of the batches, s; one more than means.
        least_noise: least variance of the net change a batch, over the arrivals a batch.
    """

    what: str
    means: FloatArray
    levels: FloatArray
    edges: FloatArray
    least_noise: float

    def growth(
        self,
        service_rps: float,
        num_arrivals: int,
        least_drift: float,
        drift_errors: float,
        trend_level: float,
    ) -> Growth:
        """Whether the series grows.

        Args:
            service_rps: requests that left, a second.
            num_arrivals: in all batches.
            least_drift: what is no growth whatever the noise, as a share of ``service_rps``.
            drift_errors: standard errors of the net change that drift must exceed.
            trend_level: largest p of a trend.
        """
        num = len(self.means)
        batch_s = float(self.edges[-1] - self.edges[0]) / num
        rows, columns = np.triu_indices(num, 1)
        rises = (self.means[columns] - self.means[rows]) / ((columns - rows) * batch_s)
        drift = float(np.median(rises)) / service_rps
        _, trend_p = mann_kendall(self.means)
        noise = float(np.diff(self.levels).var(ddof=1)) / (num_arrivals / num)
        error = math.sqrt(max(self.least_noise, noise) / num_arrivals)
        needed = max(least_drift, drift_errors * error)
        grows = trend_p < trend_level and drift > needed
        words = (
            f"{self.what} {'grows' if grows else 'does not grow'}: drift {drift:+.1%} of the "
            f"service rate ({needed:.1%} needed), Mann-Kendall p {trend_p:.2g} "
            f"({trend_level:g} needed)"
        )
        return Growth(self.what, trend_p, drift, needed, grows, words)


def num_in_system(due_s: FloatArray, end_s: FloatArray, times: FloatArray) -> FloatArray:
    """Requests that have arrived and not left, at each of ``times``.

    Args:
        due_s: arrivals, any order.
        end_s: when each left; NaN: never.
        times: seconds.
    """
    arrived = np.searchsorted(np.sort(due_s), times, side="right")
    gone = np.searchsorted(np.sort(end_s[~np.isnan(end_s)]), times, side="right")
    return np.asarray(arrived - gone, dtype=np.float64)


def mean_in_system(due_s: FloatArray, end_s: FloatArray, edges: FloatArray) -> FloatArray:
    """Exact time average of the number in system between successive ``edges``."""

    def passed(events: FloatArray) -> FloatArray:
        # Integral up to t of the number of events so far: sum of (t - event) over those before t.
        ordered = np.sort(events[~np.isnan(events)])
        sums = np.concatenate([[0.0], np.cumsum(ordered)])
        count = np.searchsorted(ordered, edges, side="right")
        return np.asarray(edges * count - sums[count])

    return np.asarray(np.diff(passed(due_s) - passed(end_s)) / np.diff(edges))


def oldest_age(due_s: FloatArray, end_s: FloatArray, times: FloatArray) -> FloatArray:
    """How long the oldest request that is there has been there, at each of ``times``; 0: nobody.

    Args:
        due_s: arrivals in order.
        end_s: when each left; NaN: never.
        times: seconds.
    """
    ended = np.where(np.isnan(end_s), np.inf, end_s)
    out = np.zeros(len(times))
    for place, time_s in enumerate(times):
        there = ended[: np.searchsorted(due_s, time_s, side="right")] > time_s
        if there.any():
            out[place] = time_s - due_s[int(there.argmax())]
    return out


def mann_kendall(values: FloatArray) -> tuple[float, float]:
    """Mann-Kendall test for an upward trend: (z, one-sided p).

    z has the continuity correction and the variance the correction for ties (Mann, Econometrica
    13, 1945; Kendall, "Rank Correlation Methods", 1975). Values all equal: (0, 0.5). Not SciPy's
    ``kendalltau``, which has no continuity correction: the rules here were chosen with it.
    """
    n = len(values)
    rows, columns = np.triu_indices(n, 1)
    score = float(np.sign(values[columns] - values[rows]).sum())
    ties = np.unique(values, return_counts=True)[1].astype(np.float64)
    variance = (n * (n - 1) * (2 * n + 5) - float(np.sum(ties * (ties - 1) * (2 * ties + 5)))) / 18
    z = 0.0 if variance <= 0 else (score - np.sign(score)) / math.sqrt(variance)
    return float(z), 0.5 * math.erfc(z / math.sqrt(2))
