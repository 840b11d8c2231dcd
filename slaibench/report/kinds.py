"""Which sorts of page there are, and how each is made once more from its document."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slaibench.report import numbers, rebuild, render
from slaibench.report.numbers import Document
from slaibench.report.paper import numbers as paper_numbers
from slaibench.report.paper import rebuild as paper_rebuild
from slaibench.report.paper import render as paper_render
from slaibench.report.rebuild import OnRun
from slaibench.report.template import Picture
from slaibench.report.theory import numbers as theory_numbers
from slaibench.report.theory import rebuild as theory_rebuild
from slaibench.report.theory import render as theory_render
from slaibench.report.validation import numbers as validation_numbers
from slaibench.report.validation import rebuild as validation_rebuild
from slaibench.report.validation import render as validation_render


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of page.

    Args:
        version: of its document's form.
        runs: the recordings that a document rests on.
        results: the parts of a document that recordings decide.
        again: the document from the recordings; raises ``rebuild.LostRecordings``.
        render: the page of a document.
    """

    version: int
    runs: Callable[[Document], Sequence[Document]]
    results: Callable[[Document], Document]
    again: Callable[[Document, Path, OnRun], Document]
    render: Callable[[Document, Mapping[str, Sequence[Picture]]], str]


def _study(doc: Document, folder: Path, on_run: OnRun) -> Document:
    return numbers.document(rebuild.rebuild(doc, folder, on_run), folder, doc["made"])


def _validation(doc: Document, folder: Path, on_run: OnRun) -> Document:
    subject = validation_rebuild.rebuild(doc, folder, on_run)
    return validation_numbers.document(subject, folder, doc["made"])


def _theory(doc: Document, folder: Path, on_run: OnRun) -> Document:
    result = theory_rebuild.rebuild(doc, folder, on_run)
    return theory_numbers.document(result, folder, doc["made"])


def _paper(doc: Document, folder: Path, on_run: OnRun) -> Document:
    return paper_numbers.document(paper_rebuild.rebuild(doc, folder, on_run), folder, doc["made"])


KINDS = {
    numbers.FORMAT: Kind(
        numbers.FORMAT_VERSION, numbers.runs, numbers.results, _study, render.render
    ),
    validation_numbers.FORMAT: Kind(
        validation_numbers.FORMAT_VERSION,
        validation_numbers.runs,
        validation_numbers.results,
        _validation,
        validation_render.render,
    ),
    theory_numbers.FORMAT: Kind(
        theory_numbers.FORMAT_VERSION,
        theory_numbers.runs,
        theory_numbers.results,
        _theory,
        theory_render.render,
    ),
    paper_numbers.FORMAT: Kind(
        paper_numbers.FORMAT_VERSION,
        paper_numbers.runs,
        paper_numbers.results,
        _paper,
        paper_render.render,
    ),
}
"""By the format that a document names."""
