"""Marks with their intervals against offered load, or against another axis, as Vega-Lite."""

from __future__ import annotations

from itertools import pairwise

from slaibench.report.figures.chart import ChartForm, PointState, SeriesForm
from slaibench.report.figures.spans import span_layers
from slaibench.report.figures.vega_parts import (
    HEIGHT_PX,
    HOVER,
    QUIET,
    VISIBLE,
    Spec,
    axis_x,
    axis_y,
    colour,
    frame,
    rows_of,
    shape,
    target_lines,
)

FADED = 0.55


def rates(chart: ChartForm) -> Spec:
    """Values against one axis: bands, lines, marks; saturated values faded and hollow."""
    rows, pieces = [], []
    for series in chart["series"]:
        rows += rows_of(chart, series)
        pieces += [] if series.get("loose") else _pieces(series)
    x, y = axis_x(chart), axis_y(chart)
    paint, form = colour(chart), shape(chart)
    faded = {"condition": {"test": "datum.faded", "value": FADED}, "value": 1}
    hollow = {
        "condition": {"test": f"datum.state === '{PointState.STEADY}'", "value": 1},
        "value": 0,
    }
    marks = [VISIBLE, {"filter": "isValid(datum.y)"}]
    ends = [VISIBLE, {"filter": "isValid(datum.lo)"}]
    layers: list[Spec] = [
        *span_layers(chart),
        *target_lines(chart),
        {
            "data": {"name": "rows"},
            "transform": [*ends, {"filter": "datum.run >= 0"}],
            "mark": {"type": "area", "opacity": 0.18, "clip": True, **QUIET},
            "encoding": {
                "x": x,
                "y": {**y, "field": "lo"},
                "y2": {"field": "hi"},
                "color": paint,
                "detail": {"field": "run"},
            },
        },
        {
            "data": {"name": "pieces"},
            "transform": [VISIBLE],
            "mark": {"type": "line", "clip": True, "strokeWidth": 2, **QUIET},
            "encoding": {
                "x": x,
                "y": y,
                "color": paint,
                "detail": {"field": "piece"},
                "opacity": faded,
                "strokeDash": {"condition": {"test": "datum.faded", "value": [2, 3]}, "value": []},
            },
        },
        {
            "data": {"name": "rows"},
            "transform": ends,
            "mark": {"type": "rule", "clip": True, "strokeWidth": 1.2, **QUIET},
            "encoding": {
                "x": x,
                "y": {**y, "field": "lo"},
                "y2": {"field": "hi"},
                "color": paint,
                "opacity": faded,
            },
        },
        {
            "data": {"name": "rows"},
            "transform": marks,
            "mark": {
                "type": "point",
                "filled": False,
                "strokeWidth": 1.6,
                "size": 55,
                "clip": True,
                **QUIET,
            },
            "encoding": {
                "x": x,
                "y": y,
                "color": paint,
                "fill": {**paint},
                "fillOpacity": hollow,
                "shape": form,
                "opacity": faded,
            },
        },
        {
            "data": {"name": "rows"},
            "transform": marks,
            "mark": {"type": "point", "filled": True, "size": 420, "opacity": 0.001, "clip": True},
            "encoding": {"x": x, "y": y, "detail": {"field": "s"}, **HOVER},
        },
    ]
    if any(row["beyond"] for row in rows):
        layers.append(
            {
                "data": {"name": "rows"},
                "transform": [VISIBLE, {"filter": "datum.beyond"}],
                "mark": {"type": "text", "text": "↑", "fontSize": 17, "fontWeight": "bold"},
                "encoding": {
                    "x": x,
                    "y": {"value": {"expr": "10 + 14 * datum.place"}},
                    "color": paint,
                    **HOVER,
                },
            }
        )
    return {
        **frame(HEIGHT_PX),
        "datasets": {"rows": rows, "pieces": pieces},
        "layer": layers,
    }


def _pieces(series: SeriesForm) -> list[Spec]:
    """Lines between neighbours: faded where one of them is saturated."""
    drawn = [point for point in series["points"] if point["y"] is not None]
    pieces: list[Spec] = []
    for number, ends in enumerate(pairwise(drawn)):
        faded = any(point["state"] == PointState.SATURATED for point in ends)
        pieces += [
            {
                "s": series["name"],
                "x": point["x"] + series.get("aside", 0.0),
                "y": point["y"],
                "piece": f"{series['name']} {number}",
                "faded": faded,
            }
            for point in ends
        ]
    return pieces
