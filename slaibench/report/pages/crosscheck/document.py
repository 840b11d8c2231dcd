"""The document of a page of several backends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from slaibench.report.document import PageDocument
from slaibench.report.study_document import StudyNumbers, StudyRun
from slaibench.studies.crosscheck.forms import MatchForm


class BackendRun(StudyRun):
    """A recording, and the backend that it is of."""

    backend: str


class CrosscheckNumbers(TypedDict):
    """The study on each backend, the reference first, and how far the others agree with it."""

    between: list[str]
    studies: Mapping[str, StudyNumbers]
    matches: list[MatchForm]


class CrosscheckDocument(PageDocument, CrosscheckNumbers):
    """The whole document."""
