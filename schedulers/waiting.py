"""The waiting queue, kept in order as requests come and go: the simulator's and the engines'."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any, Generic, TypeVar

R = TypeVar("R")


class WaitingQueue(Generic[R]):
    """Requests in the order of a scheduler's key; equal keys: preempted first, then by arrival.

    Attributes:
        requests: the queue itself; read only.
    """

    def __init__(self) -> None:
        self.requests: list[R] = []
        self._keys: list[tuple[Any, int]] = []
        self._last = 0
        self._first = 0

    def __len__(self) -> int:
        return len(self.requests)

    def add(self, request: R, key: Any) -> None:
        """Add a new request: behind all others of equal key."""
        self._last += 1
        self._insert(request, (key, self._last))

    def put_back(self, request: R, key: Any) -> None:
        """Add a preempted request: before all others of equal key."""
        self._first -= 1
        self._insert(request, (key, self._first))

    def remove(self, request: R) -> None:
        """Take out a request (mostly the first).

        Raises:
            ValueError: it is not there.
        """
        index = self.requests.index(request)
        del self.requests[index]
        del self._keys[index]

    def _insert(self, request: R, key: tuple[Any, int]) -> None:
        index = bisect_right(self._keys, key)
        self.requests.insert(index, request)
        self._keys.insert(index, key)
