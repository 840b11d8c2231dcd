"""The figure of how far backends are from the reference, in every quantity at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from slaibench.report.figures.panel import Panel, file_name
from slaibench.report.figures.style import INK, Look, legend, panel, plain
from slaibench.report.validation.quantities import quantities
from slaibench.report.validation.subject import Validation
from slaibench.report.words import MINUS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from slaibench.studies.crosscheck.study import Match

ROW_IN, AROUND_IN = 0.3, 0.75
LEAST, MOST = 0.12, 0.5
"""Range of changes that is shown at least, and at most; what lies further out is an arrowhead."""
SPREAD = 0.5
"""Of a row's height: over how much of it its marks are spread, so that they do not hide."""


def differences(subject: Validation, looks: Mapping[str, Look]) -> list[Panel]:
    """A panel for each other backend: a row a quantity, a mark for each scheduler and rate."""
    return [
        _panel(subject, name, [m for m in subject.matches if m.other == name], looks)
        for name in subject.between[1:]
    ]


def _panel(
    subject: Validation, other: str, matches: list[Match], looks: Mapping[str, Look]
) -> Panel:
    rows = quantities(match.to_json() for match in matches)
    figure, (ax,) = panel(AROUND_IN + ROW_IN * len(rows))
    changes = [e.change for m in matches for e in m.agreement.differences.values() if e.change]
    reach = min(max([LEAST, *(1.15 * abs(each) for each in changes)]), MOST)
    for row, what in enumerate(rows):
        found = [(m.scheduler, m.agreement.differences.get(what.name)) for m in matches]
        known = [(who, each) for who, each in found if each is not None]
        tolerance = next((each.tolerance for _, each in known), None)
        if tolerance is not None:
            ax.barh(row, 2 * tolerance, left=-tolerance, height=0.8, color="#EDEDED", zorder=0)
        for place, (who, each) in enumerate(known):
            if each.change is not None:
                y = row + SPREAD * ((place + 0.5) / len(known) - 0.5)
                _mark(ax, each.change, y, reach, looks[who])
    ax.axvline(0, color=INK, linewidth=0.8, zorder=1)
    ax.set_yticks(range(len(rows)), [plain(what.title) for what in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.grid(visible=False, axis="y")
    ax.set_xlim(-reach, reach)
    ax.xaxis.set_major_formatter(lambda value, _: _percent(value))
    ax.set_xlabel(f"change from {plain(subject.between[0])}")
    ax.set_title(f"{plain(other)} against {plain(subject.between[0])}")
    from matplotlib.lines import Line2D  # noqa: PLC0415

    legend(
        figure,
        [
            Line2D([], [], linestyle="none", color=e.colour, marker=e.marker, label=e.label)
            for e in looks.values()
        ],
    )
    alt = f"Change of every quantity on {other} from {subject.between[0]}"
    return Panel(file_name("differences", other), alt, figure)


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
