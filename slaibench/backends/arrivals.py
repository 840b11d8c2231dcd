"""When the requests of a run in virtual time arrive: at times of their own, or as others end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from typing import Protocol

from slaibench.backends.base import RunSettings
from slaibench.workloads.request import Request


class Arrivals(Protocol):
    """The times at which requests are sent, one after another."""

    next_s: float
    """When the next one is sent, as far as that is certain; infinite: not before a request ends."""

    def send(self) -> float:
        """The next request is sent; returns when."""

    def end(self, time_s: float, num_requests: int) -> None:
        """Clients read that requests of theirs ended."""


class OpenLoop:
    """Requests are sent when they are due, whatever became of the others.

    Args:
        requests: by due time.
    """

    def __init__(self, requests: Sequence[Request]) -> None:
        self._requests = requests
        self._num_sent = 0
        self.next_s = requests[0].due_s if requests else math.inf

    def send(self) -> float:
        """The next request is sent; returns when."""
        sent_s = self.next_s
        self._num_sent = place = self._num_sent + 1
        self.next_s = self._requests[place].due_s if place < len(self._requests) else math.inf
        return sent_s

    def end(self, time_s: float, num_requests: int) -> None:
        """Nobody waits for that."""


class ClosedLoop:
    """Clients that send a request each, and the next one the moment it has ended in any way.

    The requests are one queue, in their order; whoever is free takes the next. What a request's
    own due time was does not matter.

    Args:
        num_requests: of the run.
        concurrency: clients.
        ramp_s: client k of N (from 0) begins at k/N of this time; 0: all begin at once.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(self, num_requests: int, concurrency: int, ramp_s: float = 0.0) -> None:
        if concurrency < 1:
            raise ValueError(f"concurrency must be at least 1, not {concurrency}")
        if not 0 <= ramp_s < math.inf:
            raise ValueError(f"ramp_s must be 0 or more seconds, not {ramp_s}")
        self._left = num_requests
        self._free_s = start_times(concurrency, ramp_s)
        heapify(self._free_s)
        self.next_s = self._first()

    def send(self) -> float:
        """The next request is sent; returns when."""
        sent_s = heappop(self._free_s)
        self._left -= 1
        self.next_s = self._first()
        return sent_s

    def end(self, time_s: float, num_requests: int) -> None:
        """Clients read that requests of theirs ended, and are free."""
        for _ in range(num_requests):
            heappush(self._free_s, time_s)
        self.next_s = self._first()

    def _first(self) -> float:
        return self._free_s[0] if self._left and self._free_s else math.inf


def start_times(concurrency: int, ramp_s: float) -> list[float]:
    """When clients send their first requests, in whole microseconds."""
    return [round(ramp_s * client / concurrency, 6) for client in range(concurrency)]


def arrivals_of(requests: Sequence[Request], settings: RunSettings) -> Arrivals:
    """When a run's requests arrive.

    Args:
        requests: by due time.
    """
    if settings.concurrency is None:
        return OpenLoop(requests)
    return ClosedLoop(len(requests), settings.concurrency, settings.ramp_s)
