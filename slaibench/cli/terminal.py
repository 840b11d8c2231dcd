"""Tables on a terminal."""

from __future__ import annotations

from rich import box
from rich.table import Table

from slaibench.measure.catalogue import Metric

DIM = "dim"


def plain_table() -> Table:
    """A table without walls: they leave no room for numbers."""
    return Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))


def heading(metric: Metric, tier: str = "") -> str:
    """Of a metric's column, in two lines: ``TTFT`` over ``P50``, or the metric over its tier."""
    if tier:
        return f"{metric.label}\n{tier}"
    return metric.heading or metric.label.replace(" ", "\n", 1)
