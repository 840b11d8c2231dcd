"""Which sorts of page there are, and how each is made once more from its document."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from slaibench.report import command, numbers, rebuild, render
from slaibench.report.bound import numbers as theory_numbers
from slaibench.report.bound import rebuild as theory_rebuild
from slaibench.report.bound import render as theory_render
from slaibench.report.numbers import Document
from slaibench.report.rebuild import OnRun
from slaibench.report.template import Picture
from slaibench.report.validation import numbers as validation_numbers
from slaibench.report.validation import rebuild as validation_rebuild
from slaibench.report.validation import render as validation_render
from slaibench.reproductions.bari2025.page import numbers as paper_numbers
from slaibench.reproductions.bari2025.page import rebuild as paper_rebuild
from slaibench.reproductions.bari2025.page import render as paper_render

if TYPE_CHECKING:
    from slaibench.report.figures.panel import Panel


Panels = Mapping[str, Sequence["Panel"]]


@dataclass(frozen=True, slots=True)
class Again:
    """A document from its recordings.

    Args:
        doc: without the names of its drawings.
        panels: draws what the page shows, by figure, without rendering it.
    """

    doc: Document
    panels: Callable[[], Panels]


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of page.

    Args:
        version: of its document's form.
        runs: the recordings that a document rests on.
        results: the parts of a document that recordings decide.
        again: all of it from the recordings; raises ``rebuild.LostRecordings``.
        render: the page of a document.
        command: what makes the recordings of a document, into a folder.
    """

    version: int
    runs: Callable[[Document], Sequence[Document]]
    results: Callable[[Document], Document]
    again: Callable[[Document, Path, OnRun], Again]
    render: Callable[[Document, Mapping[str, Sequence[Picture]]], str]
    command: Callable[[Document, Path], str]


# Drawing loads matplotlib: a second that whoever only reads shall not wait for.


def _study(doc: Document, folder: Path, on_run: OnRun) -> Again:
    subject = rebuild.rebuild(doc, folder, on_run)
    again = numbers.document(subject, folder, doc["made"])

    def panels() -> Panels:
        from slaibench.report.figures.drawing import panels as drawn  # noqa: PLC0415

        return drawn(subject, again)

    return Again(again, panels)


def _validation(doc: Document, folder: Path, on_run: OnRun) -> Again:
    subject = validation_rebuild.rebuild(doc, folder, on_run)
    again = validation_numbers.document(subject, folder, doc["made"])

    def panels() -> Panels:
        from slaibench.report.validation.figures import panels as drawn  # noqa: PLC0415

        return drawn(subject, again)

    return Again(again, panels)


def _theory(doc: Document, folder: Path, on_run: OnRun) -> Again:
    result = theory_rebuild.rebuild(doc, folder, on_run)
    again = theory_numbers.document(result, folder, doc["made"])

    def panels() -> Panels:
        from slaibench.report.bound.figures import panels as drawn  # noqa: PLC0415

        return drawn(again)

    return Again(again, panels)


def _paper(doc: Document, folder: Path, on_run: OnRun) -> Again:
    result = paper_rebuild.rebuild(doc, folder, on_run)
    again = paper_numbers.document(result, folder, doc["made"])

    def panels() -> Panels:
        from slaibench.reproductions.bari2025.page.figures import panels as drawn  # noqa: PLC0415

        return drawn(result)

    return Again(again, panels)


KINDS = {
    numbers.FORMAT: Kind(
        numbers.FORMAT_VERSION,
        numbers.runs,
        numbers.results,
        _study,
        render.render,
        command.of_study,
    ),
    validation_numbers.FORMAT: Kind(
        validation_numbers.FORMAT_VERSION,
        validation_numbers.runs,
        validation_numbers.results,
        _validation,
        validation_render.render,
        command.of_validation,
    ),
    theory_numbers.FORMAT: Kind(
        theory_numbers.FORMAT_VERSION,
        theory_numbers.runs,
        theory_numbers.results,
        _theory,
        theory_render.render,
        command.of_bound,
    ),
    paper_numbers.FORMAT: Kind(
        paper_numbers.FORMAT_VERSION,
        paper_numbers.runs,
        paper_numbers.results,
        _paper,
        paper_render.render,
        command.of_paper,
    ),
}
"""By the format that a document names."""
