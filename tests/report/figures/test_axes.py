"""What is drawn of a point: steady, saturated, untold and beyond the run never look alike."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgba

from slaibench.report.figures.axes import Mark, draw_series, limits, log_axis
from slaibench.report.figures.style import COLOURS, Look, legend, looks, panel, plain, styled
from slaibench.studies.estimate import Estimate

LOOK = Look("slai", "#0173B2", "o")


@pytest.fixture(autouse=True)
def style() -> Iterator[None]:
    with styled():
        yield


def mark(rate: float, value: float | None, steady: bool | None = True) -> Mark:
    is_finite = value is not None and math.isfinite(value)
    low, high = (value / 1.2, value * 1.2) if is_finite and value else (None, None)
    return Mark(rate, Estimate(value, low, high, 100), steady)


def drawn(*marks: Mark) -> Any:
    _, (ax,) = panel()
    draw_series(ax, marks, LOOK, 0)
    return ax


def markers(ax: Any) -> dict[float, Any]:
    """The line object that holds each rate's marker."""
    lines = [line for line in ax.lines if line.get_marker() not in ("None", None, "")]
    return {float(x): line for line in lines for x in line.get_xdata()}


def test_steady_marks_are_filled_and_joined_saturated_ones_hollow_and_dotted() -> None:
    ax = drawn(mark(1, 0.1), mark(2, 0.2), mark(3, 5.0, False), mark(4, 9.0, False))
    by_rate = markers(ax)
    assert to_rgba(by_rate[1.0].get_markerfacecolor()) == to_rgba(LOOK.colour)
    assert to_rgba(by_rate[3.0].get_markerfacecolor()) == to_rgba("white")
    assert by_rate[3.0].get_alpha() < 1
    lines = [line for line in ax.lines if line.get_marker() == "None"]
    joins = {tuple(map(float, line.get_xdata())): line for line in lines}
    assert joins[1.0, 2.0].get_linestyle() == "-"
    assert joins[2.0, 3.0, 4.0].get_linestyle() == ":"


def test_a_point_too_short_to_tell_is_neither() -> None:
    line = markers(drawn(mark(1, 0.1, None)))[1.0]
    assert line.get_fillstyle() == "bottom"


def test_a_value_beyond_the_run_is_an_arrow_at_the_top_and_not_a_height() -> None:
    ax = drawn(mark(1, 0.1), mark(2, math.inf, False))
    line = markers(ax)[2.0]
    assert "arrow" in str(line.get_marker())
    assert 0.9 < line.get_ydata()[0] < 1.0
    assert line.get_transform() == ax.get_xaxis_transform()


def test_an_unknown_value_is_not_drawn() -> None:
    assert set(markers(drawn(mark(1, 0.1), mark(2, None)))) == {1.0}


def test_bands_join_steady_neighbours_only() -> None:
    ax = drawn(mark(1, 0.1), mark(2, 0.2), mark(3, 5.0, False))
    band, bar = ax.collections
    assert band.get_paths()[0].vertices[:, 0].max() == 2.0
    assert bar.get_segments()[0][0][0] == 3.0


@given(
    st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=6),
    st.floats(1e-3, 1e3),
    st.floats(1.0, 1e6),
)
def test_limits_hold_all_values_and_targets_but_not_the_widest_intervals(
    values: list[float], target: float, spread: float
) -> None:
    marks = [
        Mark(i, Estimate(value, value / spread, value * spread, 9), True)
        for i, value in enumerate(values)
    ]
    ends = limits(marks, [target])
    assert ends is not None
    low, high = ends
    least, most = min(*values, target), max(*values, target)
    assert least / 11 < low < least
    assert most < high < most * 12


def test_nothing_to_show_is_said_in_the_axes() -> None:
    assert limits([mark(1, None)], []) is None
    figure, (ax,) = panel()
    log_axis(ax, "y", None)
    assert "n too small" in ax.texts[0].get_text()
    figure.draw_without_rendering()


def test_looks_stay_with_their_place_and_repeat_after_the_last_colour() -> None:
    names = [f"s{i}" for i in range(10)]
    by_name = looks(names, {name: name for name in names})
    assert [by_name[name].colour for name in names[:8]] == list(COLOURS)
    assert by_name["s0"].colour == by_name["s8"].colour
    assert len({(look.colour, look.marker) for look in by_name.values()}) == 8


def test_a_legend_shows_names_that_matplotlib_would_hide_or_typeset() -> None:
    assert plain("a$b$") == r"a\$b\$"
    figure, (ax,) = panel()
    (line,) = ax.plot([0, 1], label=plain("_mine$x"))
    before = figure.get_figheight()
    legend(figure, [line])
    assert figure.get_figheight() > before
    assert [text.get_text().strip() for text in figure.legends[0].get_texts()] == [r"_mine\$x"]
