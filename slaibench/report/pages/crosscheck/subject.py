"""What a page of several backends is about: the study on each, and how far they agree."""

from __future__ import annotations

from dataclasses import dataclass

from slaibench.report.pages.crosscheck.document import BackendRun, CrosscheckDocument
from slaibench.report.study_document import StudyNumbers
from slaibench.report.subject import Subject, default_focus, make_subject
from slaibench.studies.crosscheck.study import CrosscheckResult, Match


@dataclass(frozen=True)
class Crosscheck:
    """Everything that such a page shows, as values.

    Args:
        between: the backends; the first is the reference of the others.
        studies: the study on each, with its own conclusions: the capacities that its rates give
            and, of two schedulers, the paired changes.
        matches: by other backend, scheduler and rate.
    """

    between: tuple[str, ...]
    studies: tuple[Subject, ...]
    matches: tuple[Match, ...]

    @property
    def reference(self) -> Subject:
        return self.studies[0]

    @property
    def schedulers(self) -> tuple[str, ...]:
        return self.reference.schedulers


def make_crosscheck(result: CrosscheckResult) -> Crosscheck:
    """Bring the studies of a crosscheck to the form that pages are made of.

    All are shown in detail at the same rate, the reference's (``subject.default_focus``).

    Raises:
        ValueError: there is no rate to show.
    """
    schedulers = result.sweeps[0].spec.schedulers
    compared = schedulers if len(schedulers) == 2 else ()
    focus = default_focus(result.sweeps[0])
    return Crosscheck(
        result.between,
        tuple(
            make_subject(sweep, compared=compared, focus_rate_rps=focus) for sweep in result.sweeps
        ),
        result.matches,
    )


def reference(doc: CrosscheckDocument) -> StudyNumbers:
    """The numbers of the study on the reference, in the page's document."""
    return doc["studies"][doc["between"][0]]


def others(doc: CrosscheckDocument) -> list[str]:
    """The backends that are compared with the reference."""
    return doc["between"][1:]


def runs_of(doc: CrosscheckDocument) -> list[BackendRun]:
    """Every recording behind the page, with the backend that it is of."""
    return [
        {"backend": name, **run} for name in doc["between"] for run in doc["studies"][name]["runs"]
    ]
