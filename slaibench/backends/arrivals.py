"""When the requests of a run in virtual time arrive: at times of their own, or as others end.

Three ways: an open loop, a closed one, and half-open sessions, which come by themselves and whose
later turns wait for the ones before (docs/metrics.md).
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from typing import Protocol

from slaibench.backends.base import RunSettings
from slaibench.workloads.request import Request
from slaibench.workloads.schedule import Followers, followers_of, waits


class EndedRequest(Protocol):
    """What there is to know of a request that has ended (``virtual.RequestState``)."""

    token_steps: array[int]

    @property
    def request_id(self) -> int: ...


class Arrivals(Protocol):
    """The times at which requests are sent, one after another; never earlier than the last one."""

    next_s: float
    """When the next one is sent, as far as that is certain; infinite: not before a request ends."""

    def send(self) -> tuple[float, int]:
        """The next request is sent; returns when, and its place in the run."""

    def end(self, time_s: float, state: EndedRequest) -> None:
        """A client reads that its request ended, in any way."""


class OpenLoop:
    """Requests are sent when they are due, whatever became of the others.

    Args:
        requests: by due time.
    """

    def __init__(self, requests: Sequence[Request]) -> None:
        self._requests = requests
        self._num_sent = 0
        self.next_s = requests[0].due_s if requests else math.inf

    def send(self) -> tuple[float, int]:
        """As ``Arrivals``."""
        sent_s, place = self.next_s, self._num_sent
        self._num_sent = following = place + 1
        more = following < len(self._requests)
        self.next_s = self._requests[following].due_s if more else math.inf
        return sent_s, place

    def end(self, time_s: float, state: EndedRequest) -> None:
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
        self._num_requests = num_requests
        self._num_sent = 0
        self._free_s = start_times(concurrency, ramp_s)
        heapify(self._free_s)
        self.next_s = self._first()

    def send(self) -> tuple[float, int]:
        """As ``Arrivals``."""
        sent_s, place = heappop(self._free_s), self._num_sent
        self._num_sent += 1
        self.next_s = self._first()
        return sent_s, place

    def end(self, time_s: float, state: EndedRequest) -> None:
        """A client is free."""
        heappush(self._free_s, time_s)
        self.next_s = self._first()

    def _first(self) -> float:
        more = self._num_sent < self._num_requests and self._free_s
        return self._free_s[0] if more else math.inf


class HalfOpen:
    """Sessions come by themselves; within one, a turn waits for the turn before.

    Who waits for none is due when it is due. Whoever waits is due when the other one has finished,
    as its client reads it, and ``think_s`` have passed; where that one did not finish, never.

    Args:
        requests: by due time.
        followers: who of them waits for whom.
    """

    def __init__(self, requests: Sequence[Request], followers: Followers) -> None:
        self._followers = followers
        self._output_tokens = {
            request.request_id: request.output_tokens
            for request in requests
            if request.request_id in followers
        }
        # Sorted, so it is a heap; of those due at the same time the first of the run goes first.
        self._due = [
            (request.due_s, place) for place, request in enumerate(requests) if not waits(request)
        ]
        self.next_s = self._due[0][0] if self._due else math.inf

    def send(self) -> tuple[float, int]:
        """As ``Arrivals``."""
        sent = heappop(self._due)
        self.next_s = self._due[0][0] if self._due else math.inf
        return sent

    def end(self, time_s: float, state: EndedRequest) -> None:
        """Whoever waited for it is due, if it has all its tokens."""
        output_tokens = self._output_tokens.get(state.request_id)
        if output_tokens is None or len(state.token_steps) < output_tokens:
            return
        for place, think_s in self._followers[state.request_id]:
            heappush(self._due, (time_s + think_s, place))
        self.next_s = self._due[0][0]


def start_times(concurrency: int, ramp_s: float) -> list[float]:
    """When clients send their first requests, in whole microseconds."""
    return [round(ramp_s * client / concurrency, 6) for client in range(concurrency)]


def arrivals_of(requests: Sequence[Request], settings: RunSettings) -> Arrivals:
    """When a run's requests arrive.

    Args:
        requests: by due time.
    """
    if settings.concurrency is None:
        followers = followers_of(requests)
        return HalfOpen(requests, followers) if followers else OpenLoop(requests)
    return ClosedLoop(len(requests), settings.concurrency, settings.ramp_s)
