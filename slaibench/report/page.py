"""Writing a report: one page that opens anywhere, its drawings as PNGs beside it."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slaibench.catalog.fields import CatalogError
from slaibench.report.files import (
    ReportFiles,
    make_folder,
    pictures_of,
    with_pictures,
    write,
)
from slaibench.report.numbers import document
from slaibench.report.render import file_stem, render
from slaibench.report.subject import Subject, make_subject
from slaibench.spec import StudySpec
from slaibench.studies.capacity import CapacityResult
from slaibench.studies.sweep import SweepResult
from slaibench.studies.systems.profiled import profile_of
from slaibench.version import __version__

if TYPE_CHECKING:
    from slaibench.studies.compare import CompareResult

PACKAGES = ("numpy", "scipy", "pandas", "pyarrow", "matplotlib", "seaborn", "jinja2")


def write_report(
    sweep: SweepResult,
    folder: Path,
    *,
    comparison: CompareResult | None = None,
    capacities: Sequence[CapacityResult] = (),
    focus_rate: float | None = None,
) -> ReportFiles:
    """Write the report of a sweep, and of what was compared and searched beside it.

    The page is ``<folder>/<stem>.html``, the drawings ``<folder>/<stem>/*.png``, the stem from the
    study's specification. Both appear when everything is written, in place of what was there; the
    same input gives the same bytes.

    Args:
        sweep: the points.
        folder: made if it is not there.
        comparison: of two of the sweep's schedulers; brings their paired changes and capacities.
        capacities: that were searched; for a scheduler without one, its rates in the sweep answer.
        focus_rate: rate that the detailed figures show; None: the largest at which no scheduler
            is saturated.

    Raises:
        ValueError: the parts do not belong together, or ``focus_rate`` was not swept.
        RecordingError: a recording that a figure shows cannot be read.
        ReportError: the page cannot be written.
    """
    searched = {each.scheduler: each for each in capacities}
    pair = None
    if comparison is not None:
        _check_same(sweep, comparison)
        pair = (comparison.a, comparison.b)
        searched.update({c.scheduler: c for c in (comparison.capacity_a, comparison.capacity_b)})
    subject = make_subject(
        sweep, searched=tuple(searched.values()), pair=pair, focus_rate_rps=focus_rate
    )
    return write_subject(subject, folder)


def write_subject(subject: Subject, folder: Path) -> ReportFiles:
    """``write_report`` for a subject that is made."""
    from slaibench.report.figures.drawing import draw  # noqa: PLC0415  (loads matplotlib)

    make_folder(folder)  # before the seconds that drawing takes
    doc = document(subject, folder, made(subject.sweep.spec))
    drawn = draw(subject, doc)
    doc = with_pictures(doc, drawn)
    return write(folder, file_stem(doc), render(doc, pictures_of(drawn)), drawn)


def made(spec: StudySpec) -> dict[str, Any]:
    """By what a report is made: versions, and what the catalog says of the profile, if any."""
    return {**makers(), "profile": profile_notes(spec)}


def makers() -> dict[str, Any]:
    """Versions of what makes a page."""
    versions = {"slaibench": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return {"slaibench": __version__, "versions": versions}


def profile_notes(spec: StudySpec) -> dict[str, Any]:
    """Regime and notes of the profile, which recordings do not hold; empty if it is not here."""
    if spec.gpu is None and spec.profile is None:
        return {}
    try:
        profile = profile_of(spec)
    except CatalogError:
        return {}
    return {
        "regime": asdict(profile.regime),
        "licence": profile.licence,
        "notes": list(profile.notes),
    }


def _check_same(sweep: SweepResult, comparison: CompareResult) -> None:
    mine = {cell.folder for cell in sweep.cells}
    for cell in comparison.sweep.cells:
        if cell.folder not in mine:
            raise ValueError(
                f"the comparison has the run {cell.folder.name!r}, which the sweep has not; report "
                "the sweep that the comparison made (comparison.sweep)"
            )
