"""What hovering a value of an interactive chart says."""

from __future__ import annotations

from collections.abc import Sequence

from slaibench.report.figures.chart import ChartForm, PointForm, PointState, SeriesForm
from slaibench.report.words import together


def tip(chart: ChartForm, series: SeriesForm, point: PointForm) -> str:
    """What hovering a value says, a line each: scheduler, rate, value, interval, n, state."""
    unit = chart["unit"]
    lines = [series["name"]]
    if chart["kind"] == "rates":
        lines.append(f"{point['x']:g} requests/s")
    value, *ends = _texts(point)
    lines.append(f"{chart['quantity']}: {value if value == _BEYOND else f'{value} {unit}'}")
    if ends:
        lines.append(f"95 % interval: {ends[0]} to {ends[1]} {unit}")
    if point["n"] is not None:
        lines.append(f"n = {point['n']:,}")
    if point["state"] != PointState.STEADY:
        lines.append(point["state"])
    return "\n".join(lines)


_BEYOND = "longer than the run"


def _texts(point: PointForm) -> Sequence[str]:
    if point["y"] is None:
        return [point["text"] or _BEYOND]
    if point["low"] is None or point["high"] is None:
        return together([point["y"]])
    return together([point["y"], point["low"], point["high"]])
