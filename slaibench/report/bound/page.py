"""Writing the page of a study of capacity bounds."""

from __future__ import annotations

from pathlib import Path

from slaibench.report.bound.numbers import document
from slaibench.report.bound.render import file_stem, render
from slaibench.report.files import (
    ReportFiles,
    make_folder,
    pictures_of,
    with_pictures,
    write,
)
from slaibench.report.page import makers, profile_notes
from slaibench.studies.bound.result import BoundResult


def write_bound(result: BoundResult, folder: Path) -> ReportFiles:
    """Write the page, as ``report.page.write_report`` writes that of a sweep.

    Args:
        folder: made if it is not there.

    Raises:
        RecordingError: a recording cannot be read.
        ReportError: the page cannot be written.
    """
    from slaibench.report.bound.figures import draw  # noqa: PLC0415  (loads matplotlib)

    make_folder(folder)
    spec = result.bounds.backlog.prepared.spec
    doc = document(result, folder, {**makers(), "profile": profile_notes(spec)})
    drawn = draw(doc)
    doc = with_pictures(doc, drawn)
    return write(folder, file_stem(doc), render(doc, pictures_of(drawn)), drawn)
