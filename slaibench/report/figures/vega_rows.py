"""Values in rows below each other, as Vega-Lite: bars, and dots with their intervals."""

from __future__ import annotations

from slaibench.report.figures.chart import ChartForm
from slaibench.report.figures.vega_parts import (
    DASHES,
    HOVER,
    QUIET,
    VISIBLE,
    Spec,
    axis_y,
    colour,
    frame,
    labels,
    rows_of,
    shape,
)

BAR_PX = 46
ROW_PX = 26


def bars(chart: ChartForm) -> Spec:
    """One bar a scheduler, with its interval and its value in words."""
    rows: list[Spec] = []
    for series in chart["series"]:
        rows += rows_of(chart, series)
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
    data: Spec = {"data": {"name": "rows"}, "transform": [VISIBLE]}
    layers: list[Spec] = [
        {
            **data,
            "mark": {"type": "bar", "height": 24},
            "encoding": {
                "y": y,
                "x": {**x, "stack": None},
                "color": colour(chart),
                "fillOpacity": {
                    "condition": {"test": "isValid(datum.lo)", "value": 0.8},
                    "value": 0.4,
                },
                **HOVER,
            },
        },
        {
            "data": {"name": "rows"},
            "transform": [VISIBLE, {"filter": "isValid(datum.lo)"}],
            "mark": {"type": "rule", "strokeWidth": 1.6, **QUIET},
            "encoding": {"y": y, "x": {**x, "field": "lo"}, "x2": {"field": "hi"}},
        },
        {
            **data,
            "mark": {"type": "text", "align": "left", "dx": 7, **QUIET},
            "encoding": {"y": y, "x": {**x, "field": "end"}, "text": {"field": "text"}},
        },
    ]
    return {**frame(BAR_PX * len(rows)), "datasets": {"rows": rows}, "layer": layers}


def dots(chart: ChartForm) -> Spec:
    """Marks in named rows, with their intervals and texts; targets are upright lines."""
    rows: list[Spec] = []
    for series in chart["series"]:
        rows += rows_of(chart, series)
    names = chart.get("rows", ())
    y: Spec = {
        "field": "x",
        "type": "quantitative",
        "scale": {"domain": [len(names) - 0.4, -0.6], "nice": False, "zero": False},
        "axis": {
            "title": None,
            "grid": False,
            "labelLimit": 190,
            **labels(list(enumerate(names))),
        },
    }
    value = axis_y(chart)
    scale = value["scale"]
    assert isinstance(scale, dict)
    # What lies further out stands at the edge; its text has the value.
    x: Spec = {**value, "scale": {**scale, "zero": False, "clamp": True}}
    data: Spec = {"data": {"name": "rows"}, "transform": [VISIBLE, {"filter": "isValid(datum.y)"}]}
    paint = colour(chart)
    layers: list[Spec] = [
        {
            "data": {"values": [{"y": value} for value, _ in chart["targets"]]},
            "mark": {"type": "rule", "strokeDash": DASHES, **QUIET},
            "encoding": {"x": x},
        },
        {
            "data": {"name": "rows"},
            "transform": [VISIBLE, {"filter": "isValid(datum.lo)"}],
            "mark": {"type": "rule", "strokeWidth": 1.6, **QUIET},
            "encoding": {
                "y": y,
                "x": {**x, "field": "lo"},
                "x2": {"field": "hi"},
                "color": paint,
            },
        },
        {
            **data,
            "mark": {"type": "point", "filled": True, "opacity": 1, "size": 70},
            "encoding": {"y": y, "x": x, "color": paint, "shape": shape(chart), **HOVER},
        },
        {
            **data,
            "mark": {"type": "text", "baseline": "bottom", "dy": -7, **QUIET},
            "encoding": {"y": y, "x": x, "text": {"field": "text"}},
        },
    ]
    height = max(ROW_PX * len(names), 2 * BAR_PX)
    return {**frame(height), "datasets": {"rows": rows}, "layer": layers}
