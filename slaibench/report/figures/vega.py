"""Interactive charts as Vega-Lite specifications: plain JSON, computed from a page's document."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from slaibench.report.figures.chart import ChartForm
from slaibench.report.figures.style import dark
from slaibench.report.figures.vega_lines import LINES_PX, lines, lines_of
from slaibench.report.figures.vega_marks import rates
from slaibench.report.figures.vega_parts import SHAPES, Spec
from slaibench.report.figures.vega_rows import bars, dots

KINDS: Mapping[str, Callable[[ChartForm], Spec]] = {
    "rates": rates,
    "bars": bars,
    "dots": dots,
    "lines": lines,
}

MARKED = ("rates", "dots")
"""Kinds in which a series has a mark."""


def chart_data(chart: ChartForm) -> Mapping[str, object]:
    """What the page's script needs of a chart: title, legend, and a specification for each
    drawing."""
    drawings = [chart, *chart.get("below", ())]
    legend = {
        series["name"]: {
            "name": series["name"],
            "light": series["colour"],
            "dark": dark(series["colour"]),
            "shape": SHAPES[series["marker"]] if drawing["kind"] in MARKED else "square",
        }
        for drawing in drawings
        for series in drawing["series"]
    }
    plots = [_plot(drawing, low=len(drawings) > 1) for drawing in drawings]
    return {"title": chart["title"], "legend": list(legend.values()), "plots": plots}


def _plot(chart: ChartForm, *, low: bool) -> Mapping[str, object]:
    spec = KINDS[chart["kind"]](chart)
    if low:
        spec["height"] = LINES_PX
    own = [series["colour"] for series in chart["series"]]
    plot: Spec = {
        "title": chart["title"],
        "spec": spec,
        "light": own,
        "dark": [dark(colour) for colour in own],
    }
    if chart["kind"] == "lines":
        plot["lines"] = lines_of(chart)
    return plot
