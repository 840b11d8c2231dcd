"""How fast an engine admits requests, and so how long its queue takes."""

from __future__ import annotations

from dataclasses import dataclass

LEARNS = 0.02
"""Weight of the last interval: some fifty admissions count."""


@dataclass(slots=True)
class Pace:
    """Mean time between two admissions while others wait.

    Attributes:
        interval_s: 0 until there have been two.
    """

    interval_s: float = 0.0
    _last_s: float | None = None

    def admitted(self, number: int, now_s: float, waiting: int) -> None:
        """So many were admitted now, of so many that waited.

        Time in which nobody waits is no interval: it says nothing of what the engine can do.
        """
        for _ in range(number):
            if self._last_s is not None:
                passed_s = now_s - self._last_s
                known = self.interval_s
                self.interval_s = known + LEARNS * (passed_s - known) if known else passed_s
            self._last_s = now_s
        if number >= waiting:
            self._last_s = None
