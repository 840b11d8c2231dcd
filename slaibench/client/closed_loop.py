"""The clients of a closed loop: each sends its next request when its last one has ended.

Nobody polls: an end that is read makes its client free, and the next request goes out in the gap
after that read, or in the loop's next turn where the end was no read.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from slaibench.client.alarm import Alarm
from slaibench.client.pacer import MAX_IN_A_ROW


class ClosedLoop:
    """Who is free, and which request is next.

    Args:
        concurrency: clients.
        num_requests: of all of them together; whoever is free takes the next.
        start_s: monotonic time at which all begin.
        fire: called with each position, in order, and since when its client was free.
        make_alarm: builds the alarm around its callback.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        concurrency: int,
        num_requests: int,
        start_s: float,
        fire: Callable[[int, float], None],
        make_alarm: Callable[[Callable[[], None]], Alarm],
    ) -> None:
        self._loop = loop
        self._fire = fire
        self._free_s = deque([start_s] * min(concurrency, num_requests))
        self._num_requests = num_requests
        self._next = 0
        self._firing = self._called = False
        self._alarm = make_alarm(self._ring)
        self._alarm.set(start_s)

    def free(self, since_s: float) -> None:
        """A client's request has ended, and it read that at this time."""
        if self._next < self._num_requests:
            self._free_s.append(since_s)
            self._call_soon()

    def catch_up(self, now_s: float) -> None:
        """Send for those that are free by now, a few at most; for the gaps in other work."""
        if self._firing or not self._free_s or now_s < self._free_s[0]:
            return
        self._firing = True
        try:
            for _ in range(MAX_IN_A_ROW):
                if not self._free_s or self._next == self._num_requests:
                    return
                position = self._next
                self._next += 1
                self._fire(position, self._free_s.popleft())
        finally:
            self._firing = False
        self._call_soon()  # sockets get a turn before the others are sent

    def close(self) -> list[tuple[int, float | None]]:
        """Send no more; returns what nobody took: each position, and when it is due, which nobody
        knows."""
        self._alarm.close()
        self._free_s.clear()
        unsent = range(self._next, self._num_requests)
        self._num_requests = self._next
        return [(position, None) for position in unsent]

    def _call_soon(self) -> None:
        if self._free_s and not self._called:
            self._called = True
            self._loop.call_soon(self._ring)

    def _ring(self) -> None:
        self._called = False
        self.catch_up(time.monotonic())
