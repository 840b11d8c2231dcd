"""The clock of an engine in real time; an emulated device in virtual time puts its own there."""

from __future__ import annotations

import time
from typing import Any


class MonotonicClock:
    """The machine's clock, seconds; all processes of a machine share it."""

    LONGEST_NAP_S = 0.001
    """How long a step that runs nothing may block the engine's loop: arrivals wait as long."""

    def nap(self, wake_s: float | None) -> None:
        """Nothing can run until then; None: until something arrives."""
        left = self.LONGEST_NAP_S if wake_s is None else wake_s - self.now_s()
        time.sleep(min(max(left, 0.0), self.LONGEST_NAP_S))

    def now_s(self) -> float:
        return time.monotonic()

    def arrival_s(self, request: Any) -> float:
        """When a request that is being added arrived."""
        return time.monotonic()
