"""Parts that Vega-Lite specifications share: frame, axes, colours, targets, rows of data."""

from __future__ import annotations

import json
from collections.abc import Sequence

from slaibench.report.figures.chart import AxisForm, ChartForm, PointState, SeriesForm
from slaibench.report.figures.hover import tip

Spec = dict[str, object]
SHAPES = {
    "o": "circle",
    "s": "square",
    "^": "triangle-up",
    "D": "diamond",
    "v": "triangle-down",
    "P": "cross",
    "X": "M-.7,-1L0,-.3L.7,-1L1,-.7L.3,0L1,.7L.7,1L0,.3L-.7,1L-1,.7L-.3,0L-1,-.7Z",
    "*": "M0,-1L.22,-.31L.95,-.31L.36,.12L.59,.81L0,.38L-.59,.81L-.36,.12L-.95,-.31L-.22,-.31Z",
}
"""The markers of matplotlib that schedulers have, as Vega has them."""
VISIBLE = {"filter": "indexof(hidden, datum.s) < 0"}
QUIET = {"aria": False}
"""A mark that a screen reader passes by: another one lies on it that says its value."""
HOVER: Spec = {"tooltip": {"field": "tip"}, "description": {"field": "tip"}}
OFFERED: AxisForm = {
    "quantity": "offered load",
    "unit": "requests/s",
    "log": False,
    "domain": None,
    "ticks": (),
}
"""What values are drawn against where a chart does not say."""
NUMBERS = ",~r"
"""Format of an axis' numbers: never with an exponent."""
HEIGHT_PX = 250
DASHES = [6, 4]


def frame(height: int) -> Spec:
    return {
        "width": "container",
        "height": height,
        "background": None,
        "params": [{"name": "hidden", "value": []}],
    }


def axis_x(chart: ChartForm) -> Spec:
    """What the values are drawn against."""
    shown = chart.get("x", OFFERED)
    scale: Spec = {"type": "log", "nice": False}
    if not shown["log"]:
        scale = {"zero": False, "nice": False}
    if shown["domain"] is None:
        scale["padding"] = 14
    else:
        scale["domain"] = list(shown["domain"])
    title = shown["quantity"] + _in_brackets(shown["unit"], shown["log"])
    axis: Spec = {"title": title, "tickCount": 8, **labels(shown["ticks"])}
    if shown["log"] and not shown["ticks"]:
        axis |= {"tickCount": 5, "format": NUMBERS}
    return {"field": "x", "type": "quantitative", "scale": scale, "axis": axis}


def axis_y(chart: ChartForm) -> Spec:
    """The values."""
    scale: Spec = {"type": "log" if chart["log"] else "linear", "nice": False}
    if chart["domain"] is not None:
        scale["domain"] = list(chart["domain"])
    title = chart["quantity"] + _in_brackets(chart["unit"], chart["log"])
    axis: Spec = {"title": title, "tickCount": 6, "format": NUMBERS}
    axis |= labels(chart.get("ticks", ()))
    return {"field": "y", "type": "quantitative", "scale": scale, "axis": axis}


def _in_brackets(unit: str, log: bool) -> str:
    inside = ", ".join(part for part in (unit, "log scale" if log else "") if part)
    return f" ({inside})" if inside else ""


def labels(ticks: Sequence[Sequence[float | str]]) -> Spec:
    """Names of an axis' ticks."""
    if not ticks:
        return {}
    places, texts = [place for place, _ in ticks], [text for _, text in ticks]
    label = f"{json.dumps(texts, ensure_ascii=False)}[indexof({json.dumps(places)}, datum.value)]"
    return {"values": places, "labelExpr": label, "labelOverlap": False}


def colour(chart: ChartForm) -> Spec:
    """By scheduler; the colours themselves come from the page's theme."""
    names = [series["name"] for series in chart["series"]]
    return {"field": "s", "type": "nominal", "scale": {"domain": names}, "legend": None}


def shape(chart: ChartForm) -> Spec:
    names = [series["name"] for series in chart["series"]]
    shapes = [SHAPES[series["marker"]] for series in chart["series"]]
    scale = {"domain": names, "range": shapes}
    return {"field": "s", "type": "nominal", "scale": scale, "legend": None}


def target_lines(chart: ChartForm) -> list[Spec]:
    if not chart["targets"]:
        return []
    values = [{"y": value, "text": text} for value, text in chart["targets"]]
    y = {"field": "y", "type": "quantitative"}
    words = {"type": "text", "align": "left", "baseline": "bottom", "dx": 3, "dy": -2, **QUIET}
    return [
        {
            "data": {"values": values},
            "mark": {"type": "rule", "strokeDash": DASHES, **QUIET},
            "encoding": {"y": y},
        },
        {
            "data": {"values": values},
            "mark": words,
            "encoding": {"y": y, "x": {"value": 0}, "text": {"field": "text"}},
        },
    ]


def rows_of(chart: ChartForm, series: SeriesForm) -> list[Spec]:
    """Values as rows of data, with what hovering them says."""
    place = [s["name"] for s in chart["series"]].index(series["name"])
    run, rows = 0, []
    for point in series["points"]:
        saturated = point["state"] == PointState.SATURATED
        run += saturated
        rows.append(
            {
                "s": series["name"],
                "x": point["x"] + series.get("aside", 0.0),
                "y": point["y"],
                "lo": point["low"],
                "hi": point["high"],
                "end": point["y"] if point["high"] is None else point["high"],
                "text": point["text"],
                "state": point["state"],
                "faded": saturated,
                "run": -1 if saturated else run,
                "place": place,
                "beyond": chart["kind"] == "rates" and point["y"] is None,
                "tip": tip(chart, series, point),
            }
        )
    return rows
