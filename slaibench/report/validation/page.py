"""Writing the page of a validation: several backends side by side."""

from __future__ import annotations

from pathlib import Path

from slaibench.report.files import (
    ReportFiles,
    make_folder,
    pictures_of,
    with_pictures,
    write,
)
from slaibench.report.page import makers, profile_notes
from slaibench.report.validation.numbers import document
from slaibench.report.validation.render import file_stem, render
from slaibench.report.validation.subject import make_validation
from slaibench.studies.crosscheck.study import ValidateResult


def write_validation(result: ValidateResult, folder: Path) -> ReportFiles:
    """Write the page of a validation, as ``report.page.write_report`` writes that of a sweep.

    Args:
        result: the study on each backend, and how far they agree.
        folder: made if it is not there.

    Raises:
        ValueError: there is nothing to show.
        RecordingError: a recording cannot be read.
        ReportError: the page cannot be written.
    """
    from slaibench.report.validation.figures import draw  # noqa: PLC0415  (loads matplotlib)

    make_folder(folder)
    subject = make_validation(result)
    studies = zip(subject.between, subject.studies, strict=True)
    profiles = {name: profile_notes(study.sweep.spec) for name, study in studies}
    doc = document(subject, folder, {**makers(), "profiles": profiles})
    drawn = draw(subject, doc)
    doc = with_pictures(doc, drawn)
    return write(folder, file_stem(doc), render(doc, pictures_of(drawn)), drawn)
