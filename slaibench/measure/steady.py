"""Steady state: how much of a run's start to drop, and whether it has a steady state at all."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from slaibench.recording.record import FloatArray, Outcome, Recording, RequestTable

NUM_BATCHES = 20
"""Batches of the arrival window. Over 20 the Mann-Kendall statistic is normal enough (its
approximation holds from about 10), and a batch of a 1,000-request run still spans 50 requests."""
FILL_REQUESTS = 50


@dataclass(frozen=True, slots=True)
class SaturationRule:
    """When growth of the number in system counts as saturation.

    Args:
        min_arrivals: fewer in the window: not told.
        mk_level: largest Mann-Kendall p.
        min_drift: least drift, as a share of the service rate.
        drift_errors: least drift in standard errors of the net flow (arrivals less departures).
        fill_drift: least drift, over (window end / time to fill - 1): what the rest of an
            exponential ramp may still show, should stays be longer than those of the first
            requests were (0.1: 1.5 times as long; 0.6: 3 times and more).
    """

    min_arrivals: int
    mk_level: float
    min_drift: float
    drift_errors: float
    fill_drift: float


RULE = SaturationRule(
    min_arrivals=100, mk_level=0.01, min_drift=0.01, drift_errors=0.75, fill_drift=0.1
)
"""Chosen on simulated queues (docs/metrics.md has the error rates). Below 1 % of the service rate a
queue takes 100 run lengths to grow by one run's worth of requests."""
EARLY_RULE = SaturationRule(
    min_arrivals=400, mk_level=1e-4, min_drift=0.05, drift_errors=4.5, fill_drift=0.6
)
"""Asked many times a run, and a random walk has many peaks: hence so many standard errors."""


@dataclass(frozen=True, slots=True)
class Warmup:
    """What to drop at the start of a run.

    Args:
        cut_s: requests due before this are dropped.
        num_dropped: how many these are.
        mser_ttft_s, mser_in_system_s: where MSER-5 cuts either series.
        fill_s: time to fill, the least cut.
    """

    cut_s: float
    num_dropped: int
    mser_ttft_s: float
    mser_in_system_s: float
    fill_s: float


@dataclass(frozen=True, slots=True)
class Saturation:
    """Whether the number in system kept growing while requests arrived.

    Args:
        saturated: None when there are too few arrivals to tell; only False means steady.
        reason: the verdict in words, with its numbers.
        mk_p: one-sided p-value of an upward Mann-Kendall trend over batch means (batches taken as
            independent: near saturation they are not, which is why drift has to agree).
        drift_rps: growth of the number in system, requests/s (Theil-Sen slope of the batch means).
        service_rps: requests that left, a second.
        drift_needed: least ``drift_rps / service_rps`` that counts as growth here.
        window_s: the part of the run that was looked at.
    """

    saturated: bool | None
    reason: str
    mk_p: float | None = None
    drift_rps: float | None = None
    service_rps: float | None = None
    drift_needed: float | None = None
    window_s: tuple[float, float] | None = None


def left_s(requests: RequestTable) -> FloatArray:
    """When each request left the system; NaN for those that never did.

    Finished requests leave with their last token, failed ones likewise, or at once without one.
    Timed-out requests count as never leaving: the load they asked for was not carried, and a
    client's patience must not make an overloaded engine look steady.
    """
    failed = requests.outcome == Outcome.FAILED.value
    out = np.where(requests.finished | failed, requests.last_token_s, np.nan)
    return np.where(failed & np.isnan(out), requests.due_s, out)


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


def mser5(series: FloatArray) -> int:
    """Length of the initial transient of ``series`` by MSER-5, at most half of it.

    Means of five successive values; the cut d minimises the squared standard error of the mean
    of what is left, sum of (y - mean)^2 / (m - d)^2 (White, "An effective truncation heuristic
    for bias reduction in simulation output", Simulation 69, 1997; with batches of five: White,
    Cobb and Spratt, 2000).
    """
    num_means = len(series) // 5
    # A constant series has no transient; without this, rounding errors would pick one.
    if num_means < 2 or float(np.ptp(series)) <= 1e-9 * float(np.abs(series).max()):
        return 0
    means = series[: num_means * 5].reshape(num_means, 5).mean(axis=1)
    means = means - means.mean()  # against cancellation in the running sums
    left = np.arange(num_means, 0, -1)
    total = np.cumsum(means[::-1])[::-1]
    squares = np.cumsum(means[::-1] ** 2)[::-1]
    score = (squares - total**2 / left) / left.astype(np.float64) ** 2
    return 5 * int(np.argmin(score[: num_means // 2 + 1]))


def time_to_fill(due_s: FloatArray, end_s: FloatArray, now_s: float) -> float:
    """How long an empty system takes to reach its level: twice the third quartile of the time in
    system of the first 50 requests.

    Arrivals accumulate until departures catch up, one time in system later (exponential stays: the
    level is then at 94 % of its limit). The first requests are asked, because in an overloaded run
    later ones stay for ever longer. One that has not left by ``now_s`` counts with its age.
    """
    first = slice(0, FILL_REQUESTS)
    stays = np.where(np.isnan(end_s[first]), now_s, end_s[first]) - due_s[first]
    return 2 * float(np.quantile(stays, 0.75)) if len(stays) else 0.0


def warmup(due_s: FloatArray, end_s: FloatArray, ttft_s: FloatArray, stop_s: float) -> Warmup:
    """The warm-up cut: MSER-5 on the TTFT and in-system series, at least the time to fill.

    Args:
        due_s: arrivals in order.
        end_s: when each left; NaN: never.
        ttft_s: time to first token; NaN without one (such a request enters with its wait so far).
        stop_s: when the run ended.

    The in-system series is what each arrival finds. The cut is at most half the arrival window.
    """
    if len(due_s) < 2:
        return Warmup(0.0, 0, 0.0, 0.0, 0.0)
    waited = np.where(np.isnan(ttft_s), stop_s - due_s, ttft_s)
    found = num_in_system(due_s, end_s, due_s)
    by_ttft, by_level = (float(due_s[mser5(s)]) if mser5(s) else 0.0 for s in (waited, found))
    fill = min(time_to_fill(due_s, end_s, stop_s), float(due_s[-1]) / 2)
    cut = max(by_ttft, by_level, fill)
    return Warmup(cut, int(np.searchsorted(due_s, cut)), by_ttft, by_level, fill)


def mann_kendall(values: FloatArray) -> tuple[float, float]:
    """Mann-Kendall test for an upward trend: (z, one-sided p).

    z has the continuity correction and the variance the correction for ties (Mann, Econometrica
    13, 1945; Kendall, "Rank Correlation Methods", 1975). Values all equal: (0, 0.5).
    """
    n = len(values)
    rows, columns = np.triu_indices(n, 1)
    score = float(np.sign(values[columns] - values[rows]).sum())
    ties = np.unique(values, return_counts=True)[1].astype(np.float64)
    variance = (n * (n - 1) * (2 * n + 5) - float(np.sum(ties * (ties - 1) * (2 * ties + 5)))) / 18
    z = 0.0 if variance <= 0 else (score - np.sign(score)) / math.sqrt(variance)
    return float(z), 0.5 * math.erfc(z / math.sqrt(2))


def saturation(due_s: FloatArray, end_s: FloatArray, stop_s: float = math.inf) -> Saturation:
    """Whether the number in system grew while requests arrived: trend and drift must agree.

    Only the window in which requests arrive counts, from the time to fill (at most half of
    it) to the last arrival or ``stop_s``: afterwards the system drains, whatever its load was.

    Args:
        due_s: arrivals in order, seconds from the start of the run.
        end_s: when each request left; NaN: never (see ``left_s``).
        stop_s: when the run ended, if before the last arrival.
    """
    return _verdict(due_s, end_s, stop_s, RULE)


def early_verdict(due_s: FloatArray, end_s: FloatArray, now_s: float) -> Saturation:
    """``saturation`` for a run in progress, strict enough to be asked again and again.

    It looks at what is known at ``now_s``, wants at least 400 arrivals and twice the time to fill,
    and far more drift. Saturated True: the run may be stopped. Anything else: go on.
    """
    known = due_s <= now_s
    due, left = due_s[known], end_s[known]
    left = np.where(left <= now_s, left, np.nan)
    if len(due) and now_s < 2 * time_to_fill(due, left, now_s):
        return Saturation(None, "not told: the system may still be filling")
    return _verdict(due, left, now_s, EARLY_RULE)


def recording_saturation(recording: Recording) -> Saturation:
    """``saturation`` of a recorded run."""
    requests = recording.requests
    return saturation(requests.due_s, left_s(requests), float(recording.run["end_s"]))


def _verdict(
    due_s: FloatArray, end_s: FloatArray, stop_s: float, rule: SaturationRule
) -> Saturation:
    stop = min(stop_s, float(due_s[-1])) if len(due_s) else 0.0
    fill = time_to_fill(due_s, end_s, stop)
    start = min(fill, stop / 2)
    num_arrivals = int(np.count_nonzero((due_s > start) & (due_s <= stop)))
    if stop <= start or num_arrivals < rule.min_arrivals:
        few = f"not told: {num_arrivals} arrivals in the window, {rule.min_arrivals} needed"
        return Saturation(None, few)
    left = int(np.count_nonzero((end_s > start) & (end_s <= stop)))
    if fill > start and left > num_arrivals / 3:
        # Most load is carried, so this may be the ramp of a sound system rather than overload.
        return Saturation(
            None, f"not told: a run of {stop:.0f} s is too short to fill ({fill:.0f} s)"
        )
    edges = np.linspace(start, stop, NUM_BATCHES + 1)
    batch_s = (stop - start) / NUM_BATCHES
    means = mean_in_system(due_s, end_s, edges)
    _, mk_p = mann_kendall(means)
    rows, columns = np.triu_indices(NUM_BATCHES, 1)
    drift = float(np.median((means[columns] - means[rows]) / ((columns - rows) * batch_s)))
    service = left / (stop - start)
    net_flow = np.diff(num_in_system(due_s, end_s, edges))
    dispersion = max(1.0, float(net_flow.var(ddof=1)) / (num_arrivals / NUM_BATCHES))
    needed = max(
        rule.min_drift,
        rule.drift_errors * math.sqrt(dispersion / num_arrivals),
        rule.fill_drift * start / (stop - start),
    )
    share = drift / service if service > 0 else math.inf
    saturated = mk_p < rule.mk_level and share > needed
    reason = (
        f"number in system {'grows' if saturated else 'does not grow'}: drift {share:+.1%} of the "
        f"service rate ({needed:.1%} needed), Mann-Kendall p {mk_p:.2g} ({rule.mk_level:g} needed)"
    )
    return Saturation(saturated, reason, mk_p, drift, service, needed, (start, stop))
