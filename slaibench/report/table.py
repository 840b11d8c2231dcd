"""A table as values; pages (``templates/parts.html.j2``) and terminals (``cli.terminal``) show it.

What a table says is decided where it is made: its columns, which rows are no operating points,
which cells stand out. How that looks is the renderer's matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

STRONG, GOOD, BAD, UNSURE = "strong", "good", "bad", "unsure"
"""Marks: how a cell or a row is set off."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A number, and in small print below it its interval or n.

    Args:
        mark: how it is set off (``STRONG``), or empty.
        span: columns that it covers.
        detail: what is said after it, on the same line.
    """

    text: str
    under: tuple[str, ...] = ()
    mark: str = ""
    span: int = 1
    detail: str = ""

    @property
    def lines(self) -> str:
        """The number, and what stands below it, a line each."""
        return "\n".join((self.text, *self.under))


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands over a column.

    Args:
        title: may have two lines.
        unit: of its numbers; empty: none, or said in the title.
        is_text: texts are left-aligned, numbers right-aligned.
        folds: where there is no room, a cell may take a second line.
    """

    title: str
    unit: str = ""
    is_text: bool = False
    folds: bool = False


RATE = Heading("rate", "requests/s")
SCHEDULER = Heading("scheduler", is_text=True)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table.

    Args:
        name: whose numbers these are: a scheduler, or what a grid's line is called.
        state: why it is no operating point (``saturated``, ``invalid``), or empty. Such rows are
            dimmed.
        where: of which of several backends that is said; empty: of all.
        mark: how the whole row is set off, as a cell.
    """

    name: str
    cells: tuple[Cell, ...]
    state: str = ""
    where: str = ""
    mark: str = ""


def state_of(*, is_invalid: bool, is_saturated: bool) -> str:
    """Why a point is no operating point; empty: it is one."""
    return "invalid" if is_invalid else "saturated" if is_saturated else ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows in groups.

    Args:
        name: for links to it.
        note: what must be known to read it.
        columns: over the rows' cells.
        groups: (what its rows have in common, rows).
        by: over what groups have in common; None: rows are not grouped.
        head: over the rows' names.
    """

    name: str
    title: str
    note: str
    columns: tuple[Heading, ...]
    groups: tuple[tuple[str, tuple[Row, ...]], ...]
    by: Heading | None = RATE
    head: Heading = SCHEDULER

    @property
    def rows(self) -> tuple[Row, ...]:
        return tuple(row for _, rows in self.groups for row in rows)


def grid(
    name: str,
    title: str,
    note: str,
    columns: Iterable[str | Heading],
    rows: Iterable[tuple[str, Sequence[Cell]] | Row],
    *,
    text: Iterable[int] = (),
    head: Heading = Heading("", is_text=True),
) -> Table:
    """A table whose rows are not grouped.

    Args:
        columns: headings; of one that is only a title, numbers unless ``text`` has its place.
        rows: or their names and cells.
        text: columns of texts, by place.
    """
    left = frozenset(text)
    return Table(
        name,
        title,
        note,
        tuple(
            column if isinstance(column, Heading) else Heading(column, is_text=place in left)
            for place, column in enumerate(columns)
        ),
        (("", tuple(r if isinstance(r, Row) else Row(r[0], tuple(r[1])) for r in rows)),),
        by=None,
        head=head,
    )
