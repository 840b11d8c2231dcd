"""Interactive charts as Vega-Lite specifications: plain JSON, computed from a page's document."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from slaibench.report.figures.chart import ChartForm, PointState, SeriesForm
from slaibench.report.figures.hover import tip
from slaibench.report.figures.spans import span_layers
from slaibench.report.figures.style import dark

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
HEIGHT_PX = 250
BAR_PX = 46
DASHES = [6, 4]
FADED = 0.55


def chart_data(chart: ChartForm) -> Mapping[str, object]:
    """What the page's script needs of a chart: title, legend and specification."""
    make = {"rates": _rates, "bars": _bars}[chart["kind"]]
    legend = [
        {"name": s["name"], "light": s["colour"], "dark": dark(s["colour"])}
        for s in chart["series"]
    ]
    return {"title": chart["title"], "legend": legend, "spec": make(chart)}


def _rates(chart: ChartForm) -> Spec:
    """Values against offered load: bands, lines, marks; saturated values faded and hollow."""
    rows, pieces = [], []
    for series in chart["series"]:
        rows += _rows(chart, series)
        pieces += _pieces(series)
    unit = f" ({chart['unit']}{', log scale' if chart['log'] else ''})"
    scale: Spec = {"type": "log" if chart["log"] else "linear", "nice": False}
    if chart["domain"] is not None:
        scale["domain"] = list(chart["domain"])
    x = {
        "field": "x",
        "type": "quantitative",
        "scale": {"zero": False, "padding": 14},
        "axis": {"title": "offered load (requests/s)", "tickCount": 8},
    }
    y = {
        "field": "y",
        "type": "quantitative",
        "scale": scale,
        "axis": {"title": chart["quantity"] + unit, "tickCount": 6, "format": "~g"},
    }
    colour, shape = _colour(chart), _shape(chart)
    faded = {"condition": {"test": "datum.faded", "value": FADED}, "value": 1}
    hollow = {
        "condition": {"test": f"datum.state === '{PointState.STEADY}'", "value": 1},
        "value": 0,
    }
    marks = [VISIBLE, {"filter": "isValid(datum.y)"}]
    hover = {"tooltip": {"field": "tip"}, "description": {"field": "tip"}}
    ends = [VISIBLE, {"filter": "isValid(datum.lo)"}]
    layers: list[Spec] = [
        *span_layers(chart),
        *_target_lines(chart),
        {
            "data": {"values": rows},
            "transform": [*ends, {"filter": "datum.run >= 0"}],
            "mark": {"type": "area", "opacity": 0.18, "clip": True},
            "encoding": {
                "x": x,
                "y": {**y, "field": "lo"},
                "y2": {"field": "hi"},
                "color": colour,
                "detail": {"field": "run"},
            },
        },
        {
            "data": {"values": pieces},
            "transform": [VISIBLE],
            "mark": {"type": "line", "clip": True, "strokeWidth": 2},
            "encoding": {
                "x": x,
                "y": y,
                "color": colour,
                "detail": {"field": "piece"},
                "opacity": faded,
                "strokeDash": {"condition": {"test": "datum.faded", "value": [2, 3]}, "value": []},
            },
        },
        {
            "data": {"values": rows},
            "transform": ends,
            "mark": {"type": "rule", "clip": True, "strokeWidth": 1.2},
            "encoding": {
                "x": x,
                "y": {**y, "field": "lo"},
                "y2": {"field": "hi"},
                "color": colour,
                "opacity": faded,
            },
        },
        {
            "data": {"values": rows},
            "transform": marks,
            "mark": {"type": "point", "filled": False, "strokeWidth": 1.6, "size": 55},
            "encoding": {
                "x": x,
                "y": y,
                "color": colour,
                "fill": {**colour},
                "fillOpacity": hollow,
                "shape": shape,
                "opacity": faded,
            },
        },
        {
            "data": {"values": rows},
            "transform": marks,
            "mark": {"type": "point", "filled": True, "size": 420, "opacity": 0.001},
            "encoding": {"x": x, "y": y, "detail": {"field": "s"}, **hover},
        },
    ]
    if any(row["beyond"] for row in rows):
        layers.append(
            {
                "data": {"values": rows},
                "transform": [VISIBLE, {"filter": "datum.beyond"}],
                "mark": {"type": "text", "text": "↑", "fontSize": 17, "fontWeight": "bold"},
                "encoding": {
                    "x": x,
                    "y": {"value": {"expr": "10 + 14 * datum.place"}},
                    "color": colour,
                    **hover,
                },
            }
        )
    return {**_frame(HEIGHT_PX), "layer": layers}


def _bars(chart: ChartForm) -> Spec:
    """One bar a scheduler, with its interval and its value in words."""
    rows: list[Spec] = []
    for series in chart["series"]:
        rows += _rows(chart, series)
    y = {
        "field": "s",
        "type": "nominal",
        "sort": None,
        "axis": {"title": None, "labelLimit": 160, "grid": False},
    }
    x: Spec = {
        "field": "y",
        "type": "quantitative",
        "scale": {"domain": list(chart["domain"] or (0, 1)), "nice": False},
        "axis": {"title": f"{chart['quantity']} ({chart['unit']})", "tickCount": 6},
    }
    data: Spec = {"data": {"values": rows}, "transform": [VISIBLE]}
    hover = {"tooltip": {"field": "tip"}, "description": {"field": "tip"}}
    layers: list[Spec] = [
        {
            **data,
            "mark": {"type": "bar", "height": 24},
            "encoding": {
                "y": y,
                "x": {**x, "stack": None},
                "color": _colour(chart),
                "fillOpacity": {
                    "condition": {"test": "isValid(datum.lo)", "value": 0.8},
                    "value": 0.4,
                },
                **hover,
            },
        },
        {
            "data": {"values": rows},
            "transform": [VISIBLE, {"filter": "isValid(datum.lo)"}],
            "mark": {"type": "rule", "strokeWidth": 1.6},
            "encoding": {"y": y, "x": {**x, "field": "lo"}, "x2": {"field": "hi"}},
        },
        {
            **data,
            "mark": {"type": "text", "align": "left", "dx": 7},
            "encoding": {"y": y, "x": {**x, "field": "end"}, "text": {"field": "text"}},
        },
    ]
    return {**_frame(BAR_PX * len(rows)), "layer": layers}


def _frame(height: int) -> Spec:
    return {
        "width": "container",
        "height": height,
        "background": None,
        "params": [{"name": "hidden", "value": []}],
    }


def _colour(chart: ChartForm) -> Spec:
    """By scheduler; the colours themselves come from the page's theme."""
    names = [series["name"] for series in chart["series"]]
    return {"field": "s", "type": "nominal", "scale": {"domain": names}, "legend": None}


def _shape(chart: ChartForm) -> Spec:
    names = [series["name"] for series in chart["series"]]
    shapes = [SHAPES[series["marker"]] for series in chart["series"]]
    scale = {"domain": names, "range": shapes}
    return {"field": "s", "type": "nominal", "scale": scale, "legend": None}


def _target_lines(chart: ChartForm) -> list[Spec]:
    if not chart["targets"]:
        return []
    values = [{"y": value, "text": text} for value, text in chart["targets"]]
    y = {"field": "y", "type": "quantitative"}
    words = {"type": "text", "align": "left", "baseline": "bottom", "dx": 3, "dy": -2}
    return [
        {
            "data": {"values": values},
            "mark": {"type": "rule", "strokeDash": DASHES},
            "encoding": {"y": y},
        },
        {
            "data": {"values": values},
            "mark": words,
            "encoding": {"y": y, "x": {"value": 0}, "text": {"field": "text"}},
        },
    ]


def _rows(chart: ChartForm, series: SeriesForm) -> list[Spec]:
    place = [s["name"] for s in chart["series"]].index(series["name"])
    run, rows = 0, []
    for point in series["points"]:
        saturated = point["state"] == PointState.SATURATED
        run += saturated
        rows.append(
            {
                "s": series["name"],
                "x": point["x"],
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


def _pieces(series: SeriesForm) -> list[Spec]:
    """Lines between neighbours: faded where one of them is saturated."""
    drawn = [point for point in series["points"] if point["y"] is not None]
    pieces: list[Spec] = []
    for number, ends in enumerate(pairwise(drawn)):
        faded = any(point["state"] == PointState.SATURATED for point in ends)
        pieces += [
            {
                "s": series["name"],
                "x": point["x"],
                "y": point["y"],
                "piece": f"{series['name']} {number}",
                "faded": faded,
            }
            for point in ends
        ]
    return pieces
