"""Predicted against measured: a mark a run, and how far from the line of equals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from slaibench.report.figures.axes import log_axis
from slaibench.report.figures.panel import Panel
from slaibench.report.figures.style import COLOURS, INK, MARKERS, legend, panel
from slaibench.report.words import plural

NEAR = 0.2
"""Share of the dashed lines."""
ROOM = 1.2
HEIGHT_IN = 4.2


def predicted_panel(
    name: str, quantity: str, series: Mapping[str, Sequence[tuple[float, float]]]
) -> Panel:
    """A drawing on two logarithmic axes of the same span.

    Args:
        name: of its file.
        quantity: what was predicted, without unit.
        series: (measured, predicted), milliseconds, by who predicted; the last in front.
    """
    figure, (ax,) = panel(HEIGHT_IN)
    values = [value for points in series.values() for pair in points for value in pair]
    span = (min(values) / ROOM, max(values) * ROOM)
    log_axis(ax, "x", span)
    log_axis(ax, "y", span)
    for factor, style in ((1.0, "-"), (1 + NEAR, "--"), (1 / (1 + NEAR), "--")):
        ends = [end * factor for end in span]
        ax.plot(span, ends, color=INK, linestyle=style, linewidth=0.8, zorder=1)
    handles = []
    for place, (title, points) in enumerate(series.items()):
        # Colours as elsewhere: the first is the tool's own, which is drawn last.
        look = len(series) - 1 - place
        (drawn,) = ax.plot(
            [x for x, _ in points],
            [y for _, y in points],
            linestyle="none",
            color=COLOURS[look],
            marker=MARKERS[look],
            markersize=3.0,
            alpha=0.6,
            zorder=2 + place,
            label=title,
        )
        handles.append(drawn)
    ax.set_xlabel(f"{quantity}, measured (ms, log scale)")
    ax.set_ylabel("predicted (ms, log scale)")
    legend(figure, handles)
    counts = ", ".join(f"{title}: {plural(len(points), 'run')}" for title, points in series.items())
    return Panel(name, f"Predicted against measured {quantity} ({counts})", figure)
