"""Writing a report: one page that opens anywhere, its drawings as PNGs beside it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slaibench.catalog.errors import CatalogError
from slaibench.report.errors import ReportError
from slaibench.report.numbers import document
from slaibench.report.render import Picture, file_stem, render
from slaibench.report.subject import Subject, make_subject
from slaibench.spec import StudySpec
from slaibench.study.capacity import CapacityResult
from slaibench.study.sweep import SweepResult
from slaibench.study.venues.profiled import profile_of
from slaibench.version import __version__

if TYPE_CHECKING:
    from slaibench.report.figures.drawing import Drawn
    from slaibench.study.compare import CompareResult

PACKAGES = ("numpy", "scipy", "pandas", "pyarrow", "matplotlib", "seaborn", "jinja2")


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """What was written."""

    html: Path
    pngs: tuple[Path, ...]


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

    try:
        folder.mkdir(parents=True, exist_ok=True)  # before the seconds that drawing takes
    except OSError as error:
        raise _refused(folder, error) from error
    doc = document(subject, folder, made(subject.sweep.spec))
    drawn = draw(subject, doc)
    pictures = {
        name: [picture(panel, number + 1) for number, panel in enumerate(panels)]
        for name, panels in drawn.items()
    }
    html = render(doc, pictures)
    return _write(folder, file_stem(doc), html, drawn)


def made(spec: StudySpec) -> dict[str, Any]:
    """By what a report is made: versions, and what the catalog says of the profile, if any."""
    versions = {"slaibench": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return {"slaibench": __version__, "versions": versions, "profile": _profile(spec)}


def _profile(spec: StudySpec) -> dict[str, Any]:
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


def picture(panel: Drawn, number: int) -> Picture:
    """A drawing as an image element that holds its data."""
    alt = panel.alt.translate({ord(c): None for c in '<>"&'})
    return Picture(
        f'<img class="panel" data-panel="{number}" width="{panel.width_px}" '
        f'height="{panel.height_px}" alt="{alt}" src="{data_uri(panel.svg)}">'
    )


def data_uri(svg: bytes) -> str:
    """An SVG as a data URI of little more than its own length: without comments, metadata and
    line breaks, coordinates to a hundredth of a point, and only what must be escaped escaped."""
    text = svg.decode()
    text = re.sub(
        r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>", "", text, flags=re.S
    )
    # Not every number: those of scale(...) are small, and multiply what they are put to.
    places = r' (?:d|x|y)="[^"]*"|translate\([^)]*\)'
    text = re.sub(places, lambda found: re.sub(r"\d+\.\d{3,}", _rounded, found.group()), text)
    text = re.sub(r'<g id="[^"]*">', "<g>", text).replace("xlink:href", "href")
    text = text.replace("DejaVuSans-", "g")
    text = re.sub(r"(?<=[;:]) (?=[\w#-])", "", text)
    text = re.sub(r"\s+", " ", text).replace("> <", "><").strip()
    text = text.replace('"', "'")
    for char in "%#<>&":
        text = text.replace(char, f"%{ord(char):02X}")
    return f"data:image/svg+xml,{text}"


def _rounded(found: re.Match[str]) -> str:
    return f"{float(found.group()):.2f}".rstrip("0").rstrip(".")


def _write(folder: Path, stem: str, html: str, drawn: Mapping[str, Sequence[Drawn]]) -> ReportFiles:
    """Everything under temporary names first, then renamed: the page last, since it is what is
    looked for. When that fails, what was there is put back."""
    page, pngs = folder / f"{stem}.html", folder / stem
    token = uuid.uuid4().hex
    new_page, new_pngs, old_pngs = (folder / f".{stem}-{token}-{part}" for part in ("p", "n", "o"))
    placed = False
    try:
        new_pngs.mkdir(parents=True)
        for panels in drawn.values():
            for panel in panels:
                (new_pngs / f"{panel.name}.png").write_bytes(panel.png)
        new_page.write_text(html, encoding="utf-8", newline="\n")
        if pngs.exists():
            os.replace(pngs, old_pngs)
        os.replace(new_pngs, pngs)
        placed = True
        os.replace(new_page, page)
    except OSError as error:
        if placed:
            shutil.rmtree(pngs, ignore_errors=True)
        if old_pngs.exists():
            os.replace(old_pngs, pngs)
        raise _refused(folder, error) from error
    finally:
        shutil.rmtree(new_pngs, ignore_errors=True)
        shutil.rmtree(old_pngs, ignore_errors=True)
        with suppress(OSError):
            new_page.unlink(missing_ok=True)
    names = [panel.name for panels in drawn.values() for panel in panels]
    return ReportFiles(page, tuple(pngs / f"{name}.png" for name in names))


def _refused(folder: Path, error: OSError) -> ReportError:
    return ReportError(
        f"cannot write the report in {str(folder)!r}: {error}; choose another folder"
    )
