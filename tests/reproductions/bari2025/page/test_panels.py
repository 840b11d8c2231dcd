"""Drawings of the paper's page: what their axes hold."""

from __future__ import annotations

import pytest

from slaibench.report.figures.axes import Mark
from slaibench.report.figures.latency import against_rate
from slaibench.report.figures.panel import Panel
from slaibench.report.figures.style import Look, styled
from slaibench.reproductions.bari2025.page.panels import tier_panel
from slaibench.studies.estimate import Estimate

LOOK = Look("one", "#0173B2", "o")


def top_of(panel: Panel) -> float:
    (ax,) = panel.figure.axes
    return float(ax.get_ylim()[1])


@pytest.mark.parametrize(("high", "top"), [(2.4, 2.4), (300.0, 4.0)])
def test_an_interval_of_two_seeds_does_not_flatten_the_bars(high: float, top: float) -> None:
    means = [
        ("paying", Estimate(1.5, 1.4, 1.6, 3)),
        ("free", Estimate(2.0, 0.01, high, 2)),
        ("nobody", Estimate(None, None, None, 0)),
    ]
    with styled():
        panel = tier_panel(means, LOOK, "fig-10-paper", "Mean TTFT by tier")
        (ax,) = panel.figure.axes
        assert top_of(panel) == pytest.approx(1.12 * top)
        assert [text.get_text() for text in ax.get_xticklabels()] == ["paying", "free"]


def test_a_linear_axis_ends_where_its_limit_is() -> None:
    marks = {
        "a": [
            Mark(0.2, Estimate(0.3, 0.2, 0.4, 3), True),
            Mark(1.6, Estimate(40.0, None, None, 3), True),
        ]
    }
    with styled():
        linear = against_rate(marks, {"a": LOOK}, [0.2, 1.6], "x", "Median TTFT", "s", top=2.0)
        log = against_rate(marks, {"a": LOOK}, [0.2, 1.6], "x", "Median TTFT", "s")
        assert (top_of(linear), linear.figure.axes[0].get_yscale()) == (2.0, "linear")
        assert linear.figure.axes[0].get_ylabel() == "Median TTFT (s)"
        assert log.figure.axes[0].get_yscale() == "log"
        assert top_of(log) > 40
