"""Lines of many values, as Vega-Lite: distributions, and what happened over time.

Their values are in no row of data: the page's script makes rows of ``lines_of``, and says those at
the pointer. A mark for each would be thousands of elements of a page.
"""

from __future__ import annotations

from slaibench.report.figures.chart import ChartForm, LineShape
from slaibench.report.figures.spans import span_layers
from slaibench.report.figures.vega_parts import (
    HEIGHT_PX,
    OFFERED,
    QUIET,
    VISIBLE,
    Spec,
    axis_x,
    axis_y,
    colour,
    frame,
    target_lines,
)

LINES_PX = 200
"""Height of drawings that lie below each other."""


def lines(chart: ChartForm) -> Spec:
    """A line or a stacked area a series."""
    kind = chart.get("shape", LineShape.JOINED)
    mark: Spec = {"type": "line", "strokeWidth": 1.6, "clip": True, **QUIET}
    y = axis_y(chart)
    if kind == LineShape.STACKED:
        mark = {"type": "area", "clip": True, **QUIET}
        y |= {"stack": "zero"}
    elif kind == LineShape.STEPPED:
        mark["interpolate"] = "step-after"
    layers: list[Spec] = [
        *span_layers(chart),
        *target_lines(chart),
        {
            "transform": [VISIBLE],
            "mark": mark,
            "encoding": {
                "x": axis_x(chart),
                "y": y,
                "color": colour(chart),
                "order": {"field": "o", "type": "quantitative"},
            },
        },
    ]
    return {**frame(HEIGHT_PX), "layer": layers}


def lines_of(chart: ChartForm) -> Spec:
    """The values, for the page's script."""
    axis = chart.get("x", OFFERED)
    return {
        "x": {"quantity": axis["quantity"], "unit": axis["unit"]},
        "y": {"quantity": chart["quantity"], "unit": chart["unit"]},
        "stepped": chart.get("shape") == LineShape.STEPPED,
        "series": [
            {"s": series["name"], "x": series.get("x", ()), "y": series.get("y", ())}
            for series in chart["series"]
        ],
    }
