"""What hovering a value of an interactive chart says."""

from __future__ import annotations

from collections.abc import Sequence

from slaibench.report.figures.chart import ChartForm, PointForm, PointState, SeriesForm
from slaibench.report.words import change, percent, together

PERCENT = "%"
BEYOND = "longer than the run"


def tip(chart: ChartForm, series: SeriesForm, point: PointForm) -> str:
    """What hovering a value says, a line each: scheduler, where, value, interval, n, state."""
    lines = [series["name"], *_where(chart, series, point)]
    value, *ends = _texts(chart, point)
    lines.append(f"{chart['quantity']}: {value}")
    if ends:
        lines.append(f"95 % interval: {ends[0]} to {ends[1]}")
    if point["n"] is not None:
        lines.append(f"n = {point['n']:,}")
    if point["state"] != PointState.STEADY:
        lines.append(point["state"])
    if point["text"] and chart["kind"] == "rates" and point["y"] is not None:
        lines.append(point["text"])
    return "\n".join(lines)


def _where(chart: ChartForm, series: SeriesForm, point: PointForm) -> Sequence[str]:
    if chart["kind"] == "bars":
        return ()
    if chart["kind"] == "dots":
        row = chart.get("rows", ())[round(point["x"])]
        lines = [row, point["text"]] if len(chart.get("rows", ())) > len(chart["series"]) else []
        return [line for line in lines if line and line != series["name"]]
    axis = chart.get("x")
    if axis is None:
        return (f"{point['x']:g} requests/s",)
    names = {place: str(text) for place, text in axis["ticks"]}
    at = names.get(point["x"], f"{point['x']:,g}")
    return (" ".join(part for part in (f"{axis['quantity']}: {at}", axis["unit"]) if part),)


def _texts(chart: ChartForm, point: PointForm) -> Sequence[str]:
    """The value and, where there is an interval, its ends."""
    if point["y"] is None:
        return [point["text"] or BEYOND]
    values = [point["y"]]
    if point["low"] is not None and point["high"] is not None:
        values += [point["low"], point["high"]]
    if chart.get("change"):
        return [change(value - 1) for value in values]
    value, *ends = with_unit(values, chart["unit"])
    # The lower end goes without: 0.115 to 0.131 s.
    return [value, *(end.removesuffix(f" {chart['unit']}") for end in ends[:1]), *ends[1:]]


def with_unit(values: Sequence[float], unit: str) -> list[str]:
    """Values with their unit, to as many digits as tell them apart; a share is never rounded to all
    or none of it."""
    if unit == PERCENT:
        return [percent(value / 100) for value in values]
    return [f"{text} {unit}" if unit else text for text in together(values)]
