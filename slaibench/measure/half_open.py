"""Half-open sessions: where measuring begins and ends, and what such a load cannot tell.

Sessions come by themselves, as requests do in an open loop; within one, a turn waits for the one
before. So what comes by itself are sessions, and two rules that are about arrivals are about
theirs:

- **Start**: sessions overlap ever more until the first of them are over. How long a system takes
  to fill is told by how long sessions stay (``warmup.time_to_fill``), pauses included.
- **End**: from the last session's first turn on, ever fewer turns come. What is due later is left
  out (``measured_part``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from slaibench.measure.warmup import time_to_fill
from slaibench.recording.record import FloatArray, IntArray, Recording, RequestTable, first_rows
from slaibench.recording.sessions import is_half_open
from slaibench.workloads.request import Request
from slaibench.workloads.schedule import waits

CANNOT_TELL = (
    "half-open sessions: later turns wait for the ones before, so that a slow system is sent less; "
    "the rates asked for are those of a system that takes no time, and what was sent is what it "
    "made of them"
)


def measured_part(recording: Recording) -> Recording:
    """A run of half-open sessions up to the last session's first turn; any other as it is."""
    requests = recording.requests
    if not is_half_open(recording.run):
        return recording
    last_s = requests.due_s[requests.turn <= 1].max(initial=0.0)
    count = int(np.searchsorted(requests.due_s, last_s, side="right"))
    return replace(recording, requests=first_rows(requests, count))


def sessions_of(requests: RequestTable, left_s: FloatArray) -> tuple[FloatArray, FloatArray]:
    """When sessions came and when they were over, by when they came; a request that is in none is
    one.

    Args:
        requests: by due time.
        left_s: when each left; NaN: never.

    Returns:
        of each session, the due time of its first turn, and when the last of its turns that were
        due left (NaN: not all did).
    """
    return _sessions(requests.session, requests.due_s, left_s)


def ramp_s(requests: Sequence[Request]) -> float:
    """How long an empty system takes at least until as many sessions overlap as ever will, by
    their pauses alone; 0 where no turn waits for another."""
    if not any(map(waits, requests)):
        return 0.0
    session = np.array([-1 if it.turn is None else it.turn.session for it in requests])
    due_s = np.array([it.due_s for it in requests])
    came_s, over_s = _sessions(session, due_s, due_s)
    return time_to_fill(came_s, over_s, float(due_s[-1]))


def _sessions(
    session: IntArray, due_s: FloatArray, left_s: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """``sessions_of``, of columns; -1: in no session."""
    own = session.max(initial=-1) + 1 + np.arange(len(session))
    _, first, of = np.unique(
        np.where(session < 0, own, session), return_index=True, return_inverse=True
    )
    over_s = np.full(len(first), -np.inf)
    np.maximum.at(over_s, of, np.where(np.isnan(left_s), np.inf, left_s))
    over_s[np.isinf(over_s)] = np.nan
    order = np.argsort(first, kind="stable")
    return due_s[first][order], over_s[order]
