"""Sends each request when it is due, by the clock and nothing else.

What happens on the way (a late send, a slow server, a full pool) moves no due time: the pacer only
ever asks whether the next one's time has come. In an open loop all are known before the start; of
half-open sessions that of a later turn is added when the turn before has ended, and is as fixed
from then on.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from heapq import heappop, heappush

from slaibench.client.alarm import Alarm

SPIN_S = 100e-6
"""The alarm goes off so much early, and the rest is waited out on the clock: a process that sleeps
takes some tens of microseconds to be on a core again."""
MAX_IN_A_ROW = 4
"""Requests sent before sockets get a turn again: a burst must not keep answers from being read."""


class Pacer:
    """Walks down the due times.

    Args:
        due: (monotonic time, number) of each request that is known to be due, ascending.
        fire: called with each number and when it is due, in the order of their times and never
            before them; of equal times the smaller number goes first.
        make_alarm: builds the alarm around its callback.
    """

    def __init__(
        self,
        due: Iterable[tuple[float, int]],
        fire: Callable[[int, float], None],
        make_alarm: Callable[[Callable[[], None]], Alarm],
    ) -> None:
        self._due = list(due)  # sorted, so it is a heap
        self._fire = fire
        self._firing = self._closed = False
        self.next_due_s = self._first_s()
        self._alarm = make_alarm(self._ring)
        self._arm()

    @property
    def is_done(self) -> bool:
        """Whether every request that is known to be due was sent."""
        return not self._due

    def add(self, number: int, due_s: float) -> None:
        """When another request is due is known."""
        heappush(self._due, (due_s, number))
        if not self._closed and due_s < self.next_due_s:
            self.next_due_s = due_s
            self._arm()

    def free(self, since_s: float) -> None:
        """A request has ended: nobody is due for that alone."""

    def catch_up(self, now_s: float) -> None:
        """Send what is due by now, a few at most; for the gaps in other work."""
        if now_s >= self.next_due_s and not self._firing:
            self._send_due()
            self._arm()

    def close(self) -> list[tuple[int, float | None]]:
        """Send no more; returns those whose time is known and that were not sent: each number, and
        when it is due. Once more for those that were added since."""
        self._alarm.close()
        self._closed = True
        self.next_due_s = math.inf
        unsent: list[tuple[int, float | None]] = [
            (number, due_s) for due_s, number in sorted(self._due)
        ]
        self._due.clear()
        return unsent

    def _ring(self) -> None:
        due_s = self.next_due_s
        if due_s - time.monotonic() <= SPIN_S:
            while time.monotonic() < due_s:
                pass
            self._send_due()
        self._arm()

    def _send_due(self) -> None:
        self._firing = True
        try:
            for _ in range(MAX_IN_A_ROW):
                if time.monotonic() < self.next_due_s:
                    return
                due_s, number = heappop(self._due)
                self.next_due_s = self._first_s()
                self._fire(number, due_s)
        finally:
            self._firing = False

    def _first_s(self) -> float:
        return self._due[0][0] if self._due else math.inf

    def _arm(self) -> None:
        if self._due and not self._closed:
            self._alarm.set(self.next_due_s - SPIN_S)
