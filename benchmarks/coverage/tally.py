"""Of many intervals: how many were printed, how many of these hold the truth, how wide they are."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

HEADER = f"{'':34}{'printed':>9}{'covers':>8}{'+-':>6}{'below':>8}{'above':>8}{'width':>8}"


@dataclass
class Tally:
    """Intervals of one number.

    Args:
        truth: what they should hold.
    """

    truth: float
    tries: int = 0
    printed: int = 0
    too_low: int = 0
    too_high: int = 0
    widths: list[float] = field(default_factory=list)

    def add(self, low: float | None, high: float | None) -> None:
        """One interval; an end that is None: none was printed."""
        self.tries += 1
        if low is None or high is None:
            return
        self.printed += 1
        self.too_low += high < self.truth
        self.too_high += low > self.truth
        self.widths.append((high - low) / abs(self.truth))

    def row(self, name: str) -> str:
        """Shares in per cent; +-: two standard errors of the coverage; width: mean, relative."""
        if not self.printed:
            return f"{name:34}{0:>8.1f}%"
        missed = (self.too_low + self.too_high) / self.printed
        error = 2 * math.sqrt(max(missed * (1 - missed), 1e-9) / self.printed)
        return (
            f"{name:34}{100 * self.printed / self.tries:>8.1f}%{100 * (1 - missed):>7.1f}%"
            f"{100 * error:>6.1f}{100 * self.too_low / self.printed:>7.1f}%"
            f"{100 * self.too_high / self.printed:>7.1f}%"
            f"{100 * sum(self.widths) / len(self.widths):>7.0f}%"
        )
