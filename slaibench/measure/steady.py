"""Steady state: whether a run grew, had a steady state, or was too short to tell.

Two series must not grow while requests arrive: the requests without a first token, and the age of
the oldest of these. Who is overloaded makes requests wait, if only a few: an order that serves
short prompts first keeps the number in system level while long prompts wait for ever. A number in
system that grows while nobody waits longer may still be filling, and cannot tell.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from slaibench.measure.dependence import long_run_variance
from slaibench.measure.half_open import sessions_of
from slaibench.measure.trend import (
    NUM_BATCHES,
    Growth,
    Series,
    mean_in_system,
    num_in_system,
    oldest_age,
)
from slaibench.measure.warmup import time_to_fill
from slaibench.recording.record import FloatArray, Outcome, Recording, RequestTable
from slaibench.recording.sessions import is_half_open

LEAST_NOISE = 0.05
"""Of the requests that wait (``Series.least_noise``): where nearly all are served at once, their
number hardly moves, and a single one that stays must not count as growth."""


class Steadiness(StrEnum):
    """What a run says of its own steady state."""

    STEADY = "steady"
    GROWING = "growing"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class SteadyRule:
    """When growth counts, and when its absence does.

    Args:
        min_arrivals: fewer in the window: cannot tell.
        trend_level: largest Mann-Kendall p of a trend.
        min_drift: least drift, as a share of the service rate.
        drift_errors: least drift in standard errors of the series' own net change.
        fill_drift: least drift, over (window end / time to fill - 1): what the rest of an
            exponential ramp may still show, should stays be longer than those of the first
            requests were (0.1: 1.5 times as long; 0.6: 3 times and more).
        longest_wait: a run with a wait for a first token beyond this share of its window is too
            short to be called steady.
        min_independent: so is one whose times to first token are worth fewer independent requests.
        least_waiting: least drift of the requests without a first token, whichever series grows,
            with a trend of their own. Under an order by length one long prompt that waits makes the
            age of the oldest grow as long as it does, and may yet be served.
    """

    min_arrivals: int
    trend_level: float
    min_drift: float
    drift_errors: float
    fill_drift: float
    longest_wait: float = 1.0
    min_independent: float = 0.0
    least_waiting: float = 0.0


RULE = SteadyRule(
    min_arrivals=100,
    trend_level=0.01,
    min_drift=0.003,
    drift_errors=0.75,
    fill_drift=0.1,
    longest_wait=0.1,
    min_independent=30,
)
"""Chosen on simulated queues (docs/metrics.md has the error rates)."""
EARLY_RULE = SteadyRule(
    min_arrivals=400,
    trend_level=1e-4,
    min_drift=0.05,
    drift_errors=4.5,
    fill_drift=0.6,
    least_waiting=0.04,
)
"""Evaluated many times a run, and a random walk has many peaks: hence so many standard errors."""


@dataclass(frozen=True, slots=True)
class SteadyVerdict:
    """Whether a run had a steady state.

    Args:
        state: only ``STEADY`` says that it had.
        reason: the verdict in words, with its numbers.
        growth: of each series that was looked at; empty where none was.
        window_s: the part of the run that was looked at.
        filling: it cannot tell for no other reason than that the number in system grows while
            nobody waits longer: whoever knows that this rate can be carried knows it is filling.
    """

    state: Steadiness
    reason: str
    growth: tuple[Growth, ...] = ()
    window_s: tuple[float, float] | None = None
    filling: bool = False


def left_s(requests: RequestTable) -> FloatArray:
    """When each request left the system; NaN for those that never did.

    Finished requests leave with their last token, failed ones likewise, or at once without one.
    Timed-out requests count as never leaving: their load was not carried, and a
    client's patience must not make an overloaded engine look steady.
    """
    failed = requests.outcome == Outcome.FAILED.value
    out = np.where(requests.finished | failed, requests.last_token_s, np.nan)
    return np.where(failed & np.isnan(out), requests.due_s, out)


def served_s(requests: RequestTable) -> FloatArray:
    """When each request stopped waiting for its first token: with it, or when it failed; NaN:
    never."""
    return np.where(np.isnan(requests.first_token_s), left_s(requests), requests.first_token_s)


def steadiness(
    due_s: FloatArray,
    first_s: FloatArray,
    end_s: FloatArray,
    stop_s: float = math.inf,
    least_fill_s: float = 0.0,
) -> SteadyVerdict:
    """Whether waiting grew while requests arrived: trend and drift of one series must agree.

    Only the window in which requests arrive counts, from the time to fill (at most half of
    it) to the last arrival or ``stop_s``: afterwards the system drains, whatever its load was.

    Args:
        due_s: arrivals in order, seconds from the start of the run.
        first_s: when each got its first token (``served_s``); NaN: never.
        end_s: when each left (``left_s``); NaN: never.
        stop_s: when the run ended, if before the last arrival.
        least_fill_s: the system takes at least so long to fill, whatever the stays of requests.
    """
    return _verdict(due_s, first_s, end_s, stop_s, RULE, least_fill_s)


def early_verdict(
    due_s: FloatArray,
    first_s: FloatArray,
    end_s: FloatArray,
    now_s: float,
    least_fill_s: float = 0.0,
) -> SteadyVerdict:
    """``steadiness`` for a run in progress, strict enough to be evaluated again and again.

    It looks at what is known at ``now_s``, wants at least 400 arrivals and twice the time to fill,
    and far more drift. Growing: the run may be stopped. Anything else: go on.
    """
    arrived = due_s <= now_s
    due, first, end = due_s[arrived], first_s[arrived], end_s[arrived]
    first, end = (np.where(times <= now_s, times, np.nan) for times in (first, end))
    if len(due) and now_s < 2 * max(time_to_fill(due, end, now_s), least_fill_s):
        return SteadyVerdict(Steadiness.CANNOT_TELL, "the system may still be filling")
    return _verdict(due, first, end, now_s, EARLY_RULE, least_fill_s)


def recording_steadiness(recording: Recording) -> SteadyVerdict:
    """``steadiness`` of a recorded run."""
    requests, stop_s, fill_s = recording.requests, float(recording.run["end_s"]), 0.0
    left = left_s(requests)
    if is_half_open(recording.run):
        came_s, over_s = sessions_of(requests, left)
        fill_s = time_to_fill(came_s, over_s, stop_s)
    return steadiness(requests.due_s, served_s(requests), left, stop_s, fill_s)


def _verdict(
    due_s: FloatArray,
    first_s: FloatArray,
    end_s: FloatArray,
    stop_s: float,
    rule: SteadyRule,
    least_fill_s: float,
) -> SteadyVerdict:
    stop = min(stop_s, float(due_s[-1])) if len(due_s) else 0.0
    fill = max(time_to_fill(due_s, end_s, stop), least_fill_s)
    start = min(fill, stop / 2)
    inside = (due_s > start) & (due_s <= stop)
    num_arrivals = int(np.count_nonzero(inside))
    if stop <= start or num_arrivals < rule.min_arrivals:
        few = f"{num_arrivals} arrivals in the window, {rule.min_arrivals} needed"
        return SteadyVerdict(Steadiness.CANNOT_TELL, few)
    left = int(np.count_nonzero((end_s > start) & (end_s <= stop)))
    if fill > start and left > num_arrivals / 3:
        # Most load is carried, so this may be the ramp of a sound system rather than overload.
        short = f"a run of {stop:.0f} s is too short to fill ({fill:.0f} s)"
        return SteadyVerdict(Steadiness.CANNOT_TELL, short)
    series = _series(due_s, first_s, end_s, np.linspace(start, stop, NUM_BATCHES + 1), num_arrivals)
    service_rps = max(left, 1) / (stop - start)
    least = max(rule.min_drift, rule.fill_drift * start / (stop - start))
    growth = tuple(
        counted.growth(service_rps, num_arrivals, least, rule.drift_errors, rule.trend_level)
        for counted in series
    )
    window = (start, stop)
    in_system, *waiting = growth
    worst = max(waiting, key=lambda trend: (trend.grows, trend.drift / trend.drift_needed))
    num_waiting = waiting[0]
    enough = rule.least_waiting == 0 or (
        num_waiting.drift > rule.least_waiting and num_waiting.trend_p < rule.trend_level
    )
    if worst.grows and enough:
        return SteadyVerdict(Steadiness.GROWING, worst.words, growth, window)
    short = _too_short(due_s, first_s, inside, window, rule)
    if short or in_system.grows:
        grows = f"{in_system.words}; nobody waits longer yet" if in_system.grows else ""
        why = grows or short
        return SteadyVerdict(Steadiness.CANNOT_TELL, why, growth, window, filling=not short)
    return SteadyVerdict(Steadiness.STEADY, worst.words, growth, window)


def _series(
    due_s: FloatArray, first_s: FloatArray, end_s: FloatArray, edges: FloatArray, num_arrivals: int
) -> tuple[Series, ...]:
    """What must not grow, all in requests: an age counts as what arrives in that time."""
    rate_rps = num_arrivals / float(edges[-1] - edges[0])
    ages = rate_rps * oldest_age(due_s, first_s, edges)

    def counted(what: str, gone_s: FloatArray, least_noise: float) -> Series:
        levels = num_in_system(due_s, gone_s, edges)
        return Series(what, mean_in_system(due_s, gone_s, edges), levels, edges, least_noise)

    return (
        counted("number in system", end_s, 1.0),
        counted("requests without a first token", first_s, LEAST_NOISE),
        Series(
            "age of the oldest without a first token",
            (ages[1:] + ages[:-1]) / 2,
            ages,
            edges,
            LEAST_NOISE,
        ),
    )


def _too_short(
    due_s: FloatArray,
    first_s: FloatArray,
    inside: np.ndarray,
    window: tuple[float, float],
    rule: SteadyRule,
) -> str:
    """Why a run without growth cannot be called steady; empty if it can."""
    start, stop = window
    ended = np.where(np.isnan(first_s), np.inf, first_s)
    waits = np.minimum(ended, stop) - due_s
    longest = float(waits[due_s <= stop].max())
    if longest > rule.longest_wait * (stop - start):
        return (
            f"a request waited {longest:.3g} s for its first token, over "
            f"{rule.longest_wait:.0%} of the {stop - start:.0f} s looked at"
        )
    if rule.min_independent:
        ttft = (ended - due_s)[inside]
        above = (ttft > np.quantile(ttft, 0.5, method="lower")) - 0.5
        independent = len(ttft) / long_run_variance([above - above.mean()]).inflation
        if independent < rule.min_independent:
            return (
                f"its {len(ttft)} times to first token are worth {independent:.0f} independent "
                f"ones, {rule.min_independent:g} needed"
            )
    return ""
