"""The numbers of a page of several backends: those of each study, and how far they agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slaibench.report import numbers
from slaibench.report.numbers import Document, study_numbers
from slaibench.report.runs import answers
from slaibench.report.runs import identity as identity_of
from slaibench.report.validation.subject import Validation

FORMAT = "slaibench-validation"
FORMAT_VERSION = 2


def document(subject: Validation, folder: Path, made: dict[str, Any]) -> Document:
    """All numbers of such a page.

    Args:
        subject: what it is about.
        folder: where the page will lie; recordings are named relative to it.
        made: versions and the like, taken over as they are.

    Raises:
        RecordingError: a recording's run.json cannot be read.
    """
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "made": made,
        "between": list(subject.between),
        "studies": {
            name: study_numbers(study, folder)
            for name, study in zip(subject.between, subject.studies, strict=True)
        },
        "matches": [match.to_json() for match in subject.matches],
    }


def results(doc: Document) -> Document:
    """The parts that recordings decide."""
    studies = {name: numbers.results(study) for name, study in doc["studies"].items()}
    return {"studies": studies, "matches": doc["matches"]}


def runs(doc: Document) -> list[Document]:
    """Every recording behind the page, with the backend that it is of."""
    return [
        {"backend": name, **run} for name in doc["between"] for run in doc["studies"][name]["runs"]
    ]


def reference(doc: Document) -> Document:
    """The numbers of the study on the reference."""
    return dict(doc["studies"][doc["between"][0]])


def others(doc: Document) -> list[str]:
    """The backends that are held against the reference."""
    return [str(name) for name in doc["between"][1:]]


def identity(doc: Document) -> str:
    """Eight hex digits for file names, as ``report.numbers.identity``."""
    asked = [doc["studies"][name]["spec"] for name in doc["between"]]
    return identity_of([doc["between"], asked, answers(runs(doc))])
