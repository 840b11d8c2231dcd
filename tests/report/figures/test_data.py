"""Drawings of the same have one digest, drawings of anything else another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from slaibench.report.figures.data import drawn_digest
from slaibench.report.figures.drawing import panels
from slaibench.report.figures.style import legend, panel, styled, svg
from slaibench.report.study_document import StudyDocument
from slaibench.report.subject import Subject

VALUES = [1.0, 2.0, 4.0]


def drawing(
    values: list[float] = VALUES, *, colour: str = "#0173B2", title: str = "T", text: str = "here"
) -> Figure:
    figure, (ax,) = panel()
    ax.plot(range(3), values, color=colour)
    ax.fill_between(range(3), 0, values, color=colour)
    ax.bar(range(3), values, color=colour)
    ax.text(1, 1, text)
    ax.set_title(title)
    legend(figure, [Patch(color=colour, label="a")])
    return figure


@pytest.mark.parametrize(
    "change",
    [
        {"values": [1.0, 2.0, 4.001]},
        {"values": [1.0, 2.0, float("nan")]},
        {"colour": "#DE8F05"},
        {"title": "U"},
        {"text": "there"},
    ],
)
def test_what_is_drawn_counts(change: dict[str, Any]) -> None:
    assert drawn_digest(drawing(**change)) != drawn_digest(drawing())


def test_looks_and_last_bits_do_not_count() -> None:
    before = drawn_digest(drawing())
    assert drawn_digest(drawing([1.0, 2.0, 4.0 + 1e-12])) == before
    with styled():
        assert drawn_digest(drawing()) == before
    rendered = drawing()
    svg(rendered)
    assert drawn_digest(rendered) == before


@pytest.mark.parametrize("add", [lambda ax: ax.axvline(1), lambda ax: ax.axvspan(0, 1)])
def test_what_is_added_counts(add: Callable[[Any], Any]) -> None:
    figure = drawing()
    add(figure.axes[0])
    assert drawn_digest(figure) != drawn_digest(drawing())


def test_every_panel_of_a_report_has_its_own(subject: Subject, doc: StudyDocument) -> None:
    digests = [
        drawn_digest(panel.figure) for some in panels(subject, doc).values() for panel in some
    ]
    assert len(set(digests)) == len(digests) > 10
