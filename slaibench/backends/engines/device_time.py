"""How the time of an emulated device passes: computed, or waited for."""

from __future__ import annotations

import time
from typing import Any, Protocol

from slaibench.backends.virtual import end_of


class DeviceTime(Protocol):
    """Lets the time of a batch pass."""

    def spend(self, batch_s: float, overhead_s: float) -> None:
        """Return when a batch that begins now is done.

        Args:
            overhead_s: time between two batches that is not the device's.
        """


class VirtualTime:
    """The clock of a run in virtual time: the device moves it, the scheduler reads it."""

    def __init__(self) -> None:
        self.time_s = 0.0
        self.due_s = 0.0
        """Of the request that is being added."""

    def now_s(self) -> float:
        return self.time_s

    def arrival_s(self, request: Any) -> float:
        return self.due_s

    def nap(self, wake_s: float | None) -> None:
        """The run moves the clock."""

    def spend(self, batch_s: float, overhead_s: float) -> None:
        self.time_s = end_of(self.time_s, batch_s + overhead_s)


class RealTime:
    """A device that computes as long as the cost model says, on the machine's own clock.

    The time between two batches that is not the device's is part of the cost model
    (``step_overhead_s``). The engine's own work between them is taken off it: a batch is prolonged
    only by what is left.
    """

    def __init__(self) -> None:
        self._free_s = 0.0
        self._next_s = 0.0

    def spend(self, batch_s: float, overhead_s: float) -> None:
        now = time.monotonic()
        start = max(now, self._next_s) if now < self._free_s + overhead_s else now
        self._free_s = start + batch_s
        self._next_s = self._free_s + overhead_s
        while (left := self._free_s - time.monotonic()) > 0:
            time.sleep(left)
