"""What a run's start is left out of its numbers: the time to fill an empty system."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slaibench.recording.record import FloatArray

FILL_REQUESTS = 50


@dataclass(frozen=True, slots=True)
class Warmup:
    """What to drop at the start of a run.

    Args:
        cut_s: requests due before this are dropped.
        num_dropped: how many of the arrivals that were looked at these are.
    """

    cut_s: float
    num_dropped: int


def time_to_fill(due_s: FloatArray, end_s: FloatArray, now_s: float) -> float:
    """How long an empty system takes to reach its level: twice the third quartile of the time in
    system of the first 50 requests.

    Arrivals accumulate until departures catch up, one time in system later (exponential stays: the
    level is then at 94 % of its limit). The first requests count, because in an overloaded run
    later ones stay for ever longer. One that has not left by ``now_s`` counts with its age.
    """
    first = slice(0, FILL_REQUESTS)
    stays = np.where(np.isnan(end_s[first]), now_s, end_s[first]) - due_s[first]
    return 2 * float(np.quantile(stays, 0.75)) if len(stays) else 0.0


def warmup(due_s: FloatArray, end_s: FloatArray, stop_s: float) -> Warmup:
    """The warm-up cut: the time to fill, at most half the arrival window.

    The rule looks at the first requests alone. One that looks at the whole run (MSER-5, say)
    prefers cuts that remove bursts, and so takes the tail out of a P99.

    Args:
        due_s: arrivals in order: of requests, or of half-open sessions.
        end_s: when each left; NaN: never.
        stop_s: when the run ended.
    """
    if len(due_s) < 2:
        return Warmup(0.0, 0)
    cut = min(time_to_fill(due_s, end_s, stop_s), float(due_s[-1]) / 2)
    return Warmup(cut, int(np.searchsorted(due_s, cut)))
