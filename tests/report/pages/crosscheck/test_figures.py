"""Backends that agree are drawn inside each other, so that both are seen."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from slaibench.report.figures.axes import shifts
from slaibench.report.figures.style import COLOURS, pale
from slaibench.report.pages.crosscheck import PAGE
from slaibench.report.pages.crosscheck.document import CrosscheckDocument
from slaibench.report.pages.crosscheck.figures import backend_looks
from slaibench.report.pages.crosscheck.subject import Crosscheck


def test_every_drawing_has_a_caption_and_a_name_of_its_own(
    crosscheck: Crosscheck, numbers: CrosscheckDocument
) -> None:
    drawn = PAGE.draw(crosscheck, numbers)
    order = [name for name in PAGE.captions(numbers) if name in drawn]
    assert list(drawn) == order
    names = [panel.name for panels in drawn.values() for panel in panels]
    assert len(set(names)) == len(names)
    for panel in (panel for panels in drawn.values() for panel in panels):
        assert ET.fromstring(panel.svg).tag.endswith("svg")


def test_the_reference_is_wide_and_pale_and_the_others_fit_inside() -> None:
    first, *rest = backend_looks(("sim", "vllm", "sglang"), COLOURS[0])
    assert first.colour == pale(COLOURS[0]) != COLOURS[0]
    assert {look.colour for look in rest} == {COLOURS[0]}
    assert len({look.marker for look in (first, *rest)}) == 3
    assert sum(look.size for look in rest) < first.size


def test_one_other_lies_on_the_reference_and_several_beside_each_other() -> None:
    assert shifts(2, 0.1) == [0.0, 0.0]
    assert shifts(3, 0.1) == [0.0, -0.05, 0.05]
