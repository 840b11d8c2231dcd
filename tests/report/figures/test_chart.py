"""Interactive forms: which drawings have one, what hovering says, and how small they are."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from slaibench.report.figures.axes import Mark
from slaibench.report.figures.chart import Chart, ChartAxis, form_of
from slaibench.report.figures.drawing import panels
from slaibench.report.figures.hover import tip
from slaibench.report.figures.interactive import at_highest_steady, rates_chart
from slaibench.report.figures.panel import Panel
from slaibench.report.figures.style import looks, styled
from slaibench.report.figures.vega import KINDS, chart_data
from slaibench.report.study_document import StudyDocument
from slaibench.report.subject import Subject
from slaibench.studies.estimate import Estimate

ARRIVALS = {"09-arrivals-quantiles", "09-arrivals-gaps"}
"""Their shape is all that is seen; the numbers are in the audit's table."""


@pytest.fixture(scope="module")
def drawn(subject: Subject, doc: StudyDocument) -> list[Panel]:
    with styled():
        return [panel for some in panels(subject, doc).values() for panel in some]


def charts(drawn: list[Panel]) -> list[Chart]:
    return [panel.chart for panel in drawn if panel.chart is not None]


def test_every_drawing_of_values_has_an_interactive_form(drawn: list[Panel]) -> None:
    without = {panel.name for panel in drawn if panel.chart is None}
    # So few requests have no P99.
    no_values = {name for name in without if "p99" in name}
    assert without - no_values == ARRIVALS
    assert {chart.kind for chart in charts(drawn)} == set(KINDS)


def test_what_is_said_of_a_drawing_is_what_it_shows(drawn: list[Panel]) -> None:
    for panel in drawn:
        assert (
            any(char.isdigit() for char in panel.alt)
            or "n too small" in panel.alt
            or ("no rate" in panel.alt)
        ), panel.name
        assert "figure of" not in panel.alt.lower()
    for panel in drawn:
        if panel.chart is not None and panel.chart.finding:
            assert panel.alt == panel.chart.finding


def test_a_form_names_only_what_a_chart_has(drawn: list[Panel]) -> None:
    for chart in charts(drawn):
        form = form_of(chart)
        assert ("x" in form) == (chart.x is not None)
        assert ("below" in form) == bool(chart.below)
        assert all(part in form for part in ("kind", "title", "series", "targets", "finding"))
        assert json.loads(json.dumps(form, allow_nan=False)) == form


def test_lines_of_many_values_are_in_a_page_once(drawn: list[Panel]) -> None:
    many = [chart for chart in charts(drawn) if chart.kind == "lines"]
    assert max(len(line.x) for chart in many for line in chart.series) > 100
    for chart in many:
        for plot in json.loads(json.dumps(chart_data(form_of(chart))))["plots"]:
            assert "lines" in plot
            assert len(json.dumps(plot["spec"])) < 5000


LOOKS = looks(["a", "b"], {"a": "a", "b": "b"})


def one(value: float, unit: str, *, title: str = "P99 TTFT") -> Chart:
    marks = {"a": [Mark(8.0, Estimate(value, value / 2, 2 * value, 40), steady=True)]}
    chart = rates_chart(marks, LOOKS, title, unit, None, (), log=False)
    assert chart is not None
    return chart


def said(chart: Chart) -> list[str]:
    form = form_of(chart)
    return tip(form, form["series"][0], form["series"][0]["points"][0]).splitlines()


def test_a_value_is_said_with_its_rate_interval_and_n() -> None:
    assert said(one(0.5, "s")) == [
        "a",
        "8 requests/s",
        "P99 TTFT: 0.500 s",
        "95 % interval: 0.250 to 1.00 s",
        "n = 40",
    ]


def test_a_ratio_is_said_as_a_change() -> None:
    lines = said(replace(one(0.3, "", title="change"), change=True))
    assert lines[2:4] == ["change: −70\u00a0%", "95 % interval: −85\u00a0% to −40\u00a0%"]


def test_a_share_is_never_rounded_to_all() -> None:
    assert said(one(99.9996, "%", title="on time"))[2] == "on time: >\u00a099.99\u00a0%"


def test_a_place_with_a_name_is_said_by_it() -> None:
    axis = ChartAxis("cycle", ticks=((8.0, "no end"),))
    assert said(replace(one(1.0, "s"), x=axis))[1] == "cycle: no end"
    assert said(replace(one(1.0, "s"), x=ChartAxis("prompt", "tokens")))[1] == "prompt: 8 tokens"


def test_of_many_schedulers_the_lowest_and_the_highest_are_named() -> None:
    names = [f"s{number}" for number in range(6)]
    many = looks(names, {name: name for name in names})
    series = {
        name: [Mark(2.0, Estimate(float(place + 1), None, None, 9), steady=True)]
        for place, name in enumerate(names)
    }
    text = at_highest_steady(series, many, "Median TTFT", "s")
    assert text == (
        "Median TTFT at 2 requests/s: of 6 the lowest and the highest s0 1.00 s, s5 6.00 s"
    )
