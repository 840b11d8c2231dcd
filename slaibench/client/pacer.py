"""Sends each request when it is due, by the clock and nothing else.

All due times are fixed before the start. What happens on the way (a late send, a slow server, a
full pool) moves none of them: the pacer only ever asks whether the next one's time has come.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from slaibench.client.alarm import Alarm

SPIN_S = 100e-6
"""The alarm goes off so much early, and the rest is waited out on the clock: a process that sleeps
takes some tens of microseconds to be on a core again."""
MAX_IN_A_ROW = 4
"""Requests sent before sockets get a turn again: a burst must not keep answers from being read."""


class Pacer:
    """Walks down the due times.

    Args:
        due_s: monotonic times, ascending.
        fire: called with each position, in order, never before its time.
        make_alarm: builds the alarm around its callback.
    """

    def __init__(
        self,
        due_s: Sequence[float],
        fire: Callable[[int], None],
        make_alarm: Callable[[Callable[[], None]], Alarm],
    ) -> None:
        self._due_s = [*due_s, float("inf")]
        self._fire = fire
        self._next = 0
        self._firing = False
        self.next_due_s = self._due_s[0]
        self._alarm = make_alarm(self._ring)
        self._arm()

    @property
    def is_done(self) -> bool:
        """Whether every request was sent."""
        return self._next == len(self._due_s) - 1

    @property
    def num_sent(self) -> int:
        """How many were sent, or are being sent."""
        return self._next

    def catch_up(self, now_s: float) -> None:
        """Send what is due by now, a few at most; for the gaps in other work."""
        if now_s >= self.next_due_s and not self._firing:
            self._send_due()
            self._arm()

    def close(self) -> None:
        """Send no more."""
        self._alarm.close()
        self.next_due_s = float("inf")

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
                position = self._next
                self._next += 1
                self.next_due_s = self._due_s[self._next]
                self._fire(position)
        finally:
            self._firing = False

    def _arm(self) -> None:
        if not self.is_done:
            self._alarm.set(self.next_due_s - SPIN_S)
