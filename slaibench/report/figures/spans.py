"""Bands of rates behind an interactive chart: an answer, and its interval."""

from __future__ import annotations

from slaibench.report.figures.chart import ChartForm


def span_layers(chart: ChartForm) -> list[dict[str, object]]:
    """Bands of rates; one without width is a line, with its text beside it."""
    if not chart.get("spans"):
        return []
    values = [{"x": low, "x2": high, "text": text} for low, high, text in chart["spans"]]
    x = {"field": "x", "type": "quantitative"}
    words = {"type": "text", "align": "right", "baseline": "bottom", "angle": 270, "dy": -3}
    return [
        {
            "data": {"values": values},
            "transform": [{"filter": "datum.x2 > datum.x"}],
            "mark": {"type": "rect", "color": "#888888", "opacity": 0.18, "clip": True},
            "encoding": {"x": x, "x2": {"field": "x2"}},
        },
        {
            "data": {"values": values},
            "transform": [{"filter": "datum.x2 === datum.x"}],
            "mark": {"type": "rule", "clip": True},
            "encoding": {"x": x},
        },
        {
            "data": {"values": values},
            "mark": words,
            "encoding": {"x": x, "y": {"value": 2}, "text": {"field": "text"}},
        },
    ]
