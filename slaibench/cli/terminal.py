"""Tables on a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich import table as rich_table
from rich.console import RenderableType
from rich.markup import escape
from rich.text import Text

from slaibench.measure.catalogue import metric_of
from slaibench.report.table import BAD, GOOD, STRONG, UNSURE, Cell, Heading, Table

DIM = "dim"
STYLES = {STRONG: "bold", GOOD: "green", BAD: "bold red", UNSURE: "yellow"}
"""Of marks of cells and rows."""


def plain_table() -> rich_table.Table:
    """A table without walls: they leave no room for numbers."""
    return rich_table.Table(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0)
    )


def shown(table: Table) -> Iterator[RenderableType]:
    """A table with its title, if it has one, after an empty line; its note is the caller's.

    Headings stand at the bottom; rows that are no operating points are dimmed; of groups, each has
    its name in its first row only.
    """
    if table.title:
        yield Text(f"\n{table.title}", style="bold")
    grid = plain_table()
    headings = [*([table.by] if table.by else []), table.head, *table.columns]
    height = max(_title(heading).count("\n") for heading in headings)
    for heading in headings:
        title = _title(heading)
        grid.add_column(
            "\n" * (height - title.count("\n")) + escape(title),
            justify="left" if heading.is_text else "right",
            no_wrap=not heading.folds,
            # A number is never cut short; a text's long words may be.
            overflow="ellipsis" if heading.is_text else "fold",
        )
    for label, rows in table.groups:
        for place, row in enumerate(rows):
            grid.add_row(
                *([label if place == 0 else ""] if table.by else []),
                escape(row.name),
                *map(_cell, row.cells),
                style=DIM if row.state else STYLES.get(row.mark, ""),
                end_section=table.by is not None and place == len(rows) - 1,
            )
    yield grid


def _title(heading: Heading) -> str:
    return heading.title + (f"\n{heading.unit}" if heading.unit else "")


def _cell(cell: Cell) -> Text:
    text = Text(cell.lines, style=STYLES.get(cell.mark, ""))
    if cell.detail:
        text.append(f": {cell.detail}", style=DIM)
    return text


def metric_title(name: str) -> str:
    """Over a metric's column, in two lines: ``TTFT`` over ``P50``, or the metric over its tier."""
    metric, tier = metric_of(name)
    if tier:
        return f"{metric.label}\n{tier}"
    return metric.heading or metric.label.replace(" ", "\n", 1)
