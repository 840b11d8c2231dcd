"""Tables on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from textwrap import wrap

from rich import box
from rich import table as rich_table
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.text import Text

from slaibench.measure.catalogue import metric_of
from slaibench.report.table import BAD, GOOD, STRONG, UNSURE, Cell, Heading, Table, grid

DIM = "dim"
STYLES = {STRONG: "bold", GOOD: "green", BAD: "bold red", UNSURE: "yellow"}
"""Of marks of cells and rows."""
GAP = 2
"""Characters between two columns."""
READABLE = 24
"""Characters that a text needs, if it is longer, to be read over several lines."""
MIN_WIDTH = 20


def shown(table: Table) -> Iterator[RenderableType]:
    """A table with its title, if it has one, after an empty line; its note is the caller's.

    Headings stand at the bottom; rows that are no operating points are dimmed; of groups, each has
    its name in its first row only. Nothing is cut at any width: texts that may take a second line
    and headings do, and columns that have no room stand below the others, beside the rows' names
    once more.
    """
    if table.title:
        yield Text(f"\n{table.title}", style="bold")
    yield _Grid(table)


@dataclass(frozen=True, slots=True)
class _Column:
    """One column as it is printed, and what it needs.

    Args:
        full: characters with which nothing takes a second line.
        least: with which it can be read.
    """

    heading: Heading
    cells: tuple[Text, ...]
    full: int
    least: int

    @classmethod
    def of(cls, heading: Heading, cells: Sequence[Text]) -> _Column:
        lines = [line for cell in cells for line in cell.plain.split("\n")]
        titles = _title(heading).split("\n")
        widest = max(map(cell_len, lines), default=0)
        words = [word for title in titles for word in title.split()]
        least = widest
        if heading.is_text and heading.folds:
            longest = max((cell_len(word) for line in lines for word in line.split()), default=0)
            least = max(min(widest, READABLE), longest)
        return cls(
            heading,
            tuple(cells),
            max(widest, *map(cell_len, titles)),
            max(least, *map(cell_len, words), 0),
        )


class _Grid:
    """A table in the room that there is."""

    def __init__(self, table: Table) -> None:
        self._table = table
        rows = [
            (label if place == 0 else "", row)
            for label, rows in table.groups
            for place, row in enumerate(rows)
        ]
        self._rows = [row for _, row in rows]
        self._ends = list(accumulate(len(rows) for _, rows in table.groups))
        by = [_Column.of(table.by, [Text(label) for label, _ in rows])] if table.by else []
        self._heads = [*by, _Column.of(table.head, [Text(row.name) for row in self._rows])]
        self._columns = [
            _Column.of(
                heading,
                [
                    _cell(row.cells[place]) if place < len(row.cells) else Text()
                    for row in self._rows
                ],
            )
            for place, heading in enumerate(table.columns)
        ]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for place, part in enumerate(self._parts(options.max_width)):
            if place:
                yield Text()
            yield self._drawn(part, _widths(part, options.max_width))

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(min(MIN_WIDTH, options.max_width), options.max_width)

    def _parts(self, room: int) -> Iterator[list[_Column]]:
        """Columns that fit beside each other, after the rows' names."""
        part = list(self._heads)
        for column in self._columns:
            if len(part) > len(self._heads) and not _fits([*part, column], room):
                yield part
                part = list(self._heads)
            part.append(column)
        yield part

    def _drawn(self, columns: Sequence[_Column], widths: Sequence[int]) -> rich_table.Table:
        drawn = rich_table.Table(
            # Walls leave no room for numbers.
            box=box.SIMPLE_HEAD,
            show_edge=False,
            pad_edge=False,
            padding=(0, 1, 0, 0),
        )
        titles = [
            _wrapped(_title(column.heading), width)
            for column, width in zip(columns, widths, strict=True)
        ]
        height = max((title.count("\n") for title in titles), default=0)
        for column, title, width in zip(columns, titles, widths, strict=True):
            drawn.add_column(
                Text("\n" * (height - title.count("\n")) + title),
                justify="left" if column.heading.is_text else "right",
                width=width,
                overflow="fold",
            )
        for place, row in enumerate(self._rows):
            drawn.add_row(
                *(column.cells[place] for column in columns),
                style=DIM if row.state else STYLES.get(row.mark, ""),
                end_section=self._table.by is not None and place + 1 in self._ends,
            )
        return drawn


def _fits(columns: Sequence[_Column], room: int) -> bool:
    return sum(_least(column, room) for column in columns) + GAP * (len(columns) - 1) <= room


def _least(column: _Column, room: int) -> int:
    """A text never takes more than half of the room: a long name is broken."""
    return min(column.least, room // 2) if column.heading.is_text else column.least


def _widths(columns: Sequence[_Column], room: int) -> list[int]:
    """Characters of each column, as many as it has use for; texts get them first, each its share.

    What does not fit although it stands alone is broken.
    """
    widths = [_least(column, room) for column in columns]
    spare = room - sum(widths) - GAP * (len(columns) - 1)
    for is_text in (True, False):
        missing = [
            max(column.full - width, 0) if column.heading.is_text is is_text else 0
            for column, width in zip(columns, widths, strict=True)
        ]
        share = min(max(spare, 0) / (sum(missing) or 1), 1.0)
        widths = [width + int(more * share) for width, more in zip(widths, missing, strict=True)]
        spare = room - sum(widths) - GAP * (len(columns) - 1)
    if spare < 0 and widths:
        widths[-1] = max(widths[-1] + spare, 1)
    return widths


def _title(heading: Heading) -> str:
    return heading.title + (f"\n{heading.unit}" if heading.unit else "")


def _wrapped(title: str, width: int) -> str:
    """A heading in lines of words."""
    lines = (wrap(line, max(width, 1)) or [""] for line in title.split("\n"))
    return "\n".join(word for words in lines for word in words)


def _cell(cell: Cell) -> Text:
    text = Text(cell.lines, style=STYLES.get(cell.mark, ""))
    if cell.detail:
        text.append(f": {cell.detail}", style=DIM)
    return text


def listed(
    title: str,
    columns: Sequence[str | Heading],
    rows: Iterable[Sequence[str | Cell]],
    head: str = "name",
) -> RenderableType:
    """A list of things as a table: of each its name, and what is said of it.

    Args:
        columns: headings; of one that is only a title, of texts that may take several lines.
        rows: the name first.
    """
    headings = [
        Heading(column, is_text=True, folds=True) if isinstance(column, str) else column
        for column in columns
    ]
    cells = [
        (str(name), [said if isinstance(said, Cell) else Cell(said) for said in more])
        for name, *more in rows
    ]
    return Group(*shown(grid("", title, "", headings, cells, head=Heading(head, is_text=True))))


def metric_title(name: str) -> str:
    """Over a metric's column, in two lines: ``TTFT`` over ``P50``, or the metric over its tier."""
    metric, tier = metric_of(name)
    if tier:
        return f"{metric.label}\n{tier}"
    return metric.heading or metric.label.replace(" ", "\n", 1)
