"""Tables on a terminal."""

from __future__ import annotations

from rich import box
from rich.table import Table

DIM = "dim"


def plain_table() -> Table:
    """A table without walls: they leave no room for numbers."""
    return Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
