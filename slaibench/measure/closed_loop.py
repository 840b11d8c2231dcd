"""Closed loops: which of a run's requests are measured, and whether its clients kept up.

N clients send a request each, and the next one when it has ended. At the start all N prompts come
at once, and at the end nobody sends any more, so that neither is what N clients make of a server.

- **Ramp**: a first request's stay is how long a client takes for one of its turns. Left out is what
  was sent within twice the third quartile of the N first stays, at most half of the run.
- **End**: the last N requests are left out, since whoever was sent among them was served beside
  ever fewer. Rates are measured until the first of them was sent, while all N were busy.

docs/metrics.md says how far the numbers are off with and without these rules.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slaibench.measure.steady import left_s
from slaibench.recording.record import FloatArray, IntArray, RequestTable, first_rows

TURNS = 2.0
"""Of the third quartile of the first stays: how long a ramp is."""
LIGHTER = 0.01
"""Share of the clients that may be idle, on average, without a word."""
MOST_LIGHTER = 0.05
"""Share from which on the load is another than was asked for."""


@dataclass(frozen=True, slots=True)
class LoopAudit:
    """Whether as many requests were in flight as there are clients.

    Args:
        concurrency: clients.
        ramp_s: what was sent before is left out.
        num_ramp: requests that were; ``num_end``: those at the end that are left out as well.
        share_full: of the time from the start to the last sending, with all clients busy; None: no
            time passed.
        mean_in_flight: requests in flight over that time.
        turn_p50_s, turn_p99_s, turn_max_s: from the end of a request (its last token, where all
            finished; else when the client heard of it) to the next sending; None: nobody sent a
            second one.
        little: requests that were sent a second, times their mean stay, over the clients, minus 1:
            by Little's law 0, but for what the ends of the measured time cut off; None: nothing
            was measured, or not all of that finished.
        why_invalid: why the run is no measurement of so many clients; empty where it is.
        note: what a reader must know; empty: nothing.
    """

    concurrency: int
    ramp_s: float
    num_ramp: int
    num_end: int
    share_full: float | None
    mean_in_flight: float | None
    turn_p50_s: float | None
    turn_p99_s: float | None
    turn_max_s: float | None
    little: float | None

    @property
    def idle_share(self) -> float:
        """Of the clients, on average."""
        busy = self.mean_in_flight
        return 0.0 if busy is None else 1 - busy / self.concurrency

    @property
    def why_invalid(self) -> str:
        return f"{self._lighter}: use a faster client" if self.idle_share > MOST_LIGHTER else ""

    @property
    def note(self) -> str:
        return self._lighter if LIGHTER < self.idle_share <= MOST_LIGHTER else ""

    @property
    def _lighter(self) -> str:
        return (
            f"{self.mean_in_flight:.4g} of {self.concurrency} clients had a request in flight on "
            "average, so that the load was lighter than that"
        )


def measured_part(requests: RequestTable, concurrency: int) -> tuple[float, RequestTable]:
    """Where measuring begins, and the requests up to where it ends (those of the ramp included).

    Args:
        requests: of the whole run, by due time.
    """
    return ramp_s(requests, concurrency), first_rows(requests, max(len(requests) - concurrency, 0))


def ramp_s(requests: RequestTable, concurrency: int) -> float:
    """How long the start is that is left out."""
    if not len(requests):
        return 0.0
    stays = (left_s(requests) - requests.due_s)[:concurrency]
    stays = stays[~np.isnan(stays)]
    half = float(requests.due_s[-1]) / 2
    return min(TURNS * float(np.quantile(stays, 0.75)), half) if len(stays) else half


def loop_audit(requests: RequestTable, concurrency: int) -> LoopAudit:
    """The audit of a run.

    Args:
        requests: of the whole run, by due time.
    """
    start_s, part = measured_part(requests, concurrency)
    sent_s = np.sort(requests.sent_s[~np.isnan(requests.sent_s)])
    free_s = _free_s(requests, concurrency)
    turns = sent_s[concurrency:] - free_s[: max(len(sent_s) - concurrency, 0)]
    full, mean = _in_flight(sent_s, free_s, concurrency)
    p50, p99, longest = np.quantile(turns, (0.5, 0.99, 1.0)).tolist() if len(turns) else [None] * 3
    return LoopAudit(
        concurrency=concurrency,
        ramp_s=start_s,
        num_ramp=int(np.searchsorted(requests.due_s, start_s)),
        num_end=len(requests) - len(part),
        share_full=full,
        mean_in_flight=mean,
        turn_p50_s=p50,
        turn_p99_s=p99,
        turn_max_s=longest,
        little=_little(part, start_s, concurrency),
    )


def _free_s(requests: RequestTable, concurrency: int) -> FloatArray:
    """When clients became free, ascending: as many as sent again."""
    count = max(len(requests) - concurrency, 0)
    if requests.finished.all():
        return np.sort(requests.last_token_s)[:count]
    return requests.due_s[concurrency:]


def _in_flight(
    sent_s: FloatArray, free_s: FloatArray, concurrency: int
) -> tuple[float | None, float | None]:
    """Share of the time until the last sending with all clients busy, and how many were."""
    length = float(sent_s[-1]) if len(sent_s) else 0.0
    if length <= 0:
        return None, None
    times = np.concatenate([sent_s, free_s[free_s < length], [0.0]])
    steps: IntArray = np.concatenate(
        [np.ones(len(sent_s)), -np.ones(len(times) - len(sent_s) - 1), [0]]
    ).astype(np.int64)
    order = np.argsort(times, kind="stable")
    inside = np.cumsum(steps[order])[:-1]
    lasts = np.diff(times[order])
    full = float(lasts[inside >= concurrency].sum()) / length
    return full, float((lasts * inside).sum()) / length


def _little(part: RequestTable, start_s: float, concurrency: int) -> float | None:
    inside = part.due_s >= start_s
    length = float(part.due_s[-1]) - start_s if len(part) else 0.0
    if length <= 0 or not part.finished[inside].all():
        return None
    stay_s = float((part.last_token_s - part.due_s)[inside].mean())
    return float(np.count_nonzero(inside)) / length * stay_s / concurrency - 1
