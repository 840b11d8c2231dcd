"""Values as they stand in a terminal's tables and sentences."""

from __future__ import annotations

import math

from rich import box
from rich.table import Table

from slaibench.studies.estimate import Estimate

DIM = "dim"


def number(value: float) -> str:
    """Three significant digits, never in scientific notation: ``0.0838``, ``11.8``, ``2,151``."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    digits = max(2 - math.floor(math.log10(abs(value))), 0)
    return f"{value:.{min(digits, 6)}f}"


def seconds(estimate: Estimate) -> str:
    """``0.123``; words where there is no number, a dash where there is nothing to measure."""
    if estimate.value is None:
        return "n too small" if estimate.n else "-"
    return "unserved" if math.isinf(estimate.value) else number(estimate.value)


def interval(estimate: Estimate) -> str:
    """``0.115–0.131``; empty without one."""
    if estimate.ci95 is None:
        return ""
    return "–".join("?" if math.isinf(end) else number(end) for end in estimate.ci95)


def share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def change(estimate: Estimate) -> str:
    return "cannot tell" if estimate.value is None else f"{estimate.value:+.1%}"


def change_interval(estimate: Estimate) -> str:
    """``-55.0% to -51.2%``; empty without one."""
    return "" if estimate.ci95 is None else " to ".join(f"{end:+.1%}" for end in estimate.ci95)


def count(number: int, what: str) -> str:
    """``1 seed``, ``3 seeds``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def plain_table() -> Table:
    """A table without walls: they leave no room for numbers."""
    return Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
