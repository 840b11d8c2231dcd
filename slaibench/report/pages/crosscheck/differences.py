"""The figure of how far backends are from the reference, in every quantity at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from slaibench.report.figures.chart import Chart, ChartPoint, ChartSeries
from slaibench.report.figures.interactive import name_of
from slaibench.report.figures.panel import Panel, file_name
from slaibench.report.figures.style import INK, Look, legend, panel, plain
from slaibench.report.pages.crosscheck.quantities import quantities
from slaibench.report.pages.crosscheck.subject import Crosscheck
from slaibench.report.words import MINUS, hundredths, rate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from slaibench.studies.crosscheck.study import Match

ROW_IN, AROUND_IN = 0.3, 0.75
LEAST, MOST = 0.12, 0.5
"""Range of changes that is shown at least, and at most; what lies further out is an arrowhead."""
SPREAD = 0.5
"""Of a row's height: over how much of it its marks are spread, so that they do not hide."""


def differences(subject: Crosscheck, looks: Mapping[str, Look]) -> list[Panel]:
    """A panel for each other backend: a row a quantity, a mark for each scheduler and rate."""
    return [
        _panel(subject, name, [m for m in subject.matches if m.other == name], looks)
        for name in subject.between[1:]
    ]


def _panel(
    subject: Crosscheck, other: str, matches: list[Match], looks: Mapping[str, Look]
) -> Panel:
    rows = quantities(match.to_json() for match in matches)
    figure, (ax,) = panel(AROUND_IN + ROW_IN * len(rows))
    changes = [d.change for m in matches for d in m.agreement.differences.values() if d.change]
    reach = min(max([LEAST, *(1.15 * abs(change) for change in changes)]), MOST)
    for row, what in enumerate(rows):
        marks = [
            (match.scheduler, match.agreement.differences[what.name])
            for match in matches
            if what.name in match.agreement.differences
        ]
        tolerance = next((difference.tolerance for _, difference in marks), None)
        if tolerance is not None:
            ax.barh(row, 2 * tolerance, left=-tolerance, height=0.8, color="#EDEDED", zorder=0)
        for place, (scheduler, difference) in enumerate(marks):
            if difference.change is not None:
                y = row + SPREAD * ((place + 0.5) / len(marks) - 0.5)
                _mark(ax, difference.change, y, reach, looks[scheduler])
    ax.axvline(0, color=INK, linewidth=0.8, zorder=1)
    ax.set_yticks(range(len(rows)), [plain(what.title) for what in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.grid(visible=False, axis="y")
    ax.set_xlim(-reach, reach)
    ax.xaxis.set_major_formatter(lambda value, _: _percent(value))
    ax.set_xlabel(f"change from {plain(subject.between[0])}")
    ax.set_title(f"{plain(other)} against {plain(subject.between[0])}")
    from matplotlib.lines import Line2D  # noqa: PLC0415

    marks_only = [
        Line2D([], [], linestyle="none", color=s.colour, marker=s.marker, label=s.label)
        for s in looks.values()
    ]
    legend(figure, marks_only)
    chart = _chart(subject, other, matches, looks, reach)
    alt = chart.finding or f"No quantity on {other} has a change from {subject.between[0]}"
    return Panel(file_name("differences", other), alt, figure, chart)


def _chart(
    subject: Crosscheck,
    other: str,
    matches: list[Match],
    looks: Mapping[str, Look],
    reach: float,
) -> Chart:
    """A dot for each quantity, scheduler and rate; what lies further out stands at the edge."""
    rows = quantities(match.to_json() for match in matches)
    series = {
        scheduler: [
            (row, match, change)
            for row, what in enumerate(rows)
            for match in matches
            if match.scheduler == scheduler
            and what.name in match.agreement.differences
            and (change := match.agreement.differences[what.name].change) is not None
        ]
        for scheduler in looks
    }
    first = subject.between[0]
    every = [(abs(c), row, m, c) for dots in series.values() for row, m, c in dots]
    finding = ""
    if every:
        _, row, match, change = max(every, key=lambda dot: dot[0])
        finding = (
            f"Furthest from {first} on {other}: {rows[row].title} of "
            f"{name_of(looks[match.scheduler])} at {rate(match.rate_rps)} requests/s, "
            f"{hundredths(change)}"
        )
    ticks = [_tick(i * reach / 2) for i in range(-2, 3)]
    return Chart(
        "dots",
        f"{other} against {first}",
        f"change from {first}",
        "",
        False,
        (1 - reach, 1 + reach),
        tuple(
            ChartSeries(
                name_of(looks[scheduler]),
                looks[scheduler].colour,
                looks[scheduler].marker,
                tuple(
                    ChartPoint(
                        row,
                        1 + change,
                        None,
                        None,
                        None,
                        text=f"{rate(match.rate_rps)} requests/s",
                    )
                    for row, match, change in dots
                ),
            )
            for scheduler, dots in series.items()
            if dots
        ),
        ((1.0, ""),),
        finding,
        ticks=tuple(ticks),
        change=True,
        rows=tuple(what.title for what in rows),
    )


def _tick(change: float) -> tuple[float, str]:
    return 1 + change, _percent(float(f"{change:.2g}"))


def _mark(ax: Axes, change: float, y: float, reach: float, look: Look) -> None:
    """A change at its place; further out than is shown, an arrowhead at the edge."""
    if abs(change) <= reach:
        ax.plot(
            [change], [y], linestyle="none", color=look.colour, marker=look.marker, markersize=3
        )
        return
    edge, marker = (reach, ">") if change > 0 else (-reach, "<")
    ax.plot(
        [edge], [y], linestyle="none", color=look.colour, marker=marker, markersize=4, clip_on=False
    )


def _percent(value: float) -> str:
    return f"{100 * value:+g} %".replace("-", MINUS) if value else "0 %"
