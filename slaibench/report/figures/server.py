"""The course of a server by its own metrics: queue, batches, KV cache and preemptions over time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from slaibench.measure.server_use import increases
from slaibench.recording import store
from slaibench.recording.record import FloatArray, ServerTable
from slaibench.report.figures.panel import Panel, file_name
from slaibench.report.figures.style import COLOURS, Look, legend, panel
from slaibench.report.subject import Subject
from slaibench.report.words import rate as rate_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_RATES = 6
"""Lines of a panel that can be told apart."""
Dashes = tuple[float, Sequence[float]] | Literal["-"]
DASHES: Sequence[Dashes] = (
    *("-", (0, (5, 1.5)), (0, (1, 1))),
    *((0, (5, 1, 1, 1)), (0, (3, 3)), (0, (8, 2, 2, 2))),
)
"""By rate, beside the colours: lines are told apart in print too."""


class Course(NamedTuple):
    """A run's readings, and whether it was saturated."""

    rate_rps: float
    table: ServerTable
    end_s: float
    saturated: bool


class Row(NamedTuple):
    """One quantity of a panel: its axis, and its values at the readings."""

    label: str
    values: Callable[[ServerTable], FloatArray]


def server(subject: Subject, looks: Mapping[str, Look]) -> list[Panel]:
    """A panel for each scheduler that has readings: a line a rate, first seed.

    Raises:
        RecordingError: a recording cannot be read.
    """
    panels = []
    for name in subject.schedulers:
        courses = _courses(subject, name)
        if courses:
            panels.append(_panel(courses, looks[name], name))
    return panels


def _courses(subject: Subject, name: str) -> list[Course]:
    """Of as many rates as can be told apart, the lowest and the highest among them."""
    first = []
    for rate in subject.sweep.spec.rates:
        cells = subject.cells_at(name, rate)
        if cells and cells[0].summary.server is not None:
            first.append(cells[0])
    if len(first) > MOST_RATES:
        places = np.linspace(0, len(first) - 1, MOST_RATES).round().astype(int)
        first = [first[place] for place in places]
    courses = []
    for cell in first:
        recording = store.read(cell.folder)
        if recording.server is not None:
            end_s = float(recording.run["end_s"])
            saturated = cell.summary.saturated
            courses.append(Course(cell.cell.rate_rps, recording.server, end_s, saturated))
    return courses


_ROWS = (
    Row("waiting", lambda table: table.waiting),
    Row("running", lambda table: table.running),
    Row("KV in use (%)", lambda table: 100 * table.kv_use),
    Row("preemptions", lambda table: _grown(table.preemptions)),
)


def _panel(courses: Sequence[Course], look: Look, name: str) -> Panel:
    from matplotlib.lines import Line2D  # noqa: PLC0415

    rows = [row for row in _ROWS if _says_something(row, courses)]
    figure, axes = panel(1.0 + 1.05 * len(rows), rows=len(rows))
    for ax, row in zip(axes, rows, strict=True):
        for place, course in enumerate(courses):
            _line(ax, course, row, place)
        ax.set_ylim(bottom=0)
        ax.set_ylabel(row.label)
    axes[0].set_title(look.label)
    axes[-1].set_xlabel("time (s)")
    axes[-1].set_xlim(0, max(course.end_s for course in courses))
    figure.align_ylabels(axes)
    handles = [
        Line2D(
            [],
            [],
            color=COLOURS[place],
            linestyle=DASHES[place],
            linewidth=1.3,
            label=f"{rate_text(course.rate_rps)} requests/s{' (saturated)' * course.saturated}",
        )
        for place, course in enumerate(courses)
    ]
    legend(figure, handles)
    said = ", ".join(row.label.removesuffix(" (%)") for row in rows)
    alt = f"By the server's own metrics over time, at each rate, under {name}: {said}"
    return Panel(file_name("11-server", look.label), alt, figure)


def _line(ax: Axes, course: Course, row: Row, place: int) -> None:
    """What a reading says holds until the next one."""
    ax.step(
        course.table.answered_s,
        row.values(course.table),
        where="post",
        color=COLOURS[place],
        linestyle=DASHES[place],
        linewidth=1.3,
    )


def _says_something(row: Row, courses: Sequence[Course]) -> bool:
    """Whether the server knows the quantity; of preemptions, whether there were any."""
    values = np.concatenate([row.values(course.table) for course in courses])
    present = values[np.isfinite(values)]
    return bool(len(present)) and (row.label != "preemptions" or bool(present.max() > 0))


def _grown(counts: FloatArray) -> FloatArray:
    """A counter since the first reading."""
    return np.concatenate([[0.0], np.cumsum(increases(counts))])
