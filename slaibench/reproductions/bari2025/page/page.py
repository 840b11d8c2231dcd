"""Writing the page of the paper's figures."""

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
from slaibench.reproductions.bari2025.page.numbers import document
from slaibench.reproductions.bari2025.page.render import file_stem, render
from slaibench.reproductions.bari2025.result import PaperResult
from slaibench.reproductions.bari2025.spec import GPU, MODEL
from slaibench.spec import StudySpec


def write_paper(result: PaperResult, folder: Path) -> ReportFiles:
    """Write the page of the paper's figures, as ``report.page.write_report`` writes a sweep's.

    Args:
        result: figures, claims, conventions.
        folder: made if it is not there.

    Raises:
        RecordingError: a recording cannot be read.
        ReportError: the page cannot be written.
    """
    from slaibench.reproductions.bari2025.page.figures import draw  # noqa: PLC0415  (loads matplotlib)

    make_folder(folder)
    profile = profile_notes(StudySpec(gpu=GPU, model=MODEL))
    doc = document(result, folder, {**makers(), "profile": profile})
    drawn = draw(result)
    doc = with_pictures(doc, drawn)
    return write(folder, file_stem(doc), render(doc, pictures_of(drawn)), drawn)
