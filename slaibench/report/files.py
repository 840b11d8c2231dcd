"""Reports on disk: whole, or what was there before."""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from slaibench.machine.atomic_write import write_whole
from slaibench.report.document import PICTURES, D, PictureEntry
from slaibench.report.figures.image import data_uri
from slaibench.report.template import Picture

if TYPE_CHECKING:
    from slaibench.report.figures.drawing import Drawn


ENDINGS = ("png", "svg", "pdf")
"""Of a drawing's files: as PNG for notes and slides, as SVG and PDF for papers."""


class ReportError(RuntimeError):
    """A report cannot be written or read; the message names the path and the way out."""


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """What was written: the page, and each drawing as PNG, SVG and PDF.

    Args:
        pngs: the other two lie beside them.
    """

    html: Path
    pngs: tuple[Path, ...]

    @property
    def drawings(self) -> tuple[Path, ...]:
        """The files of all drawings."""
        return tuple(
            png.with_name(f"{png.stem}.{ending}") for png in self.pngs for ending in ENDINGS
        )


def make_folder(folder: Path) -> None:
    """Make the folder of the pages.

    Raises:
        ReportError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _refused(folder, error) from error


def pictures_of(drawn: Mapping[str, Sequence[Drawn]]) -> dict[str, list[Picture]]:
    """Drawings by figure as a page holds them."""
    return {
        name: [picture(panel, number + 1) for number, panel in enumerate(panels)]
        for name, panels in drawn.items()
    }


def with_pictures(doc: D, drawn: Mapping[str, Sequence[Drawn]]) -> D:
    """A document that names its drawings, by figure: the file, SHA-256 hashes of it and of the
    image in the page, and what is drawn (``figures.data``)."""
    entries: dict[str, list[PictureEntry]] = {}
    for name, panels in drawn.items():
        images = pictures_of({name: panels})[name]
        entries[name] = [_entry(*both) for both in zip(panels, images, strict=True)]
    return cast("D", {**doc, PICTURES: entries})


def _entry(panel: Drawn, image: Picture) -> PictureEntry:
    entry: PictureEntry = {
        "name": panel.name,
        "png_sha256": _sha256(panel.png),
        "svg_sha256": _sha256(panel.svg),
        "pdf_sha256": _sha256(panel.pdf),
        "image_sha256": _sha256(image.html.encode()),
        "data": panel.data,
    }
    if panel.chart is not None:
        entry["chart"] = panel.chart
    return entry


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def picture(panel: Drawn, number: int) -> Picture:
    """A drawing as an image element that holds its data."""
    alt = panel.alt.translate({ord(c): None for c in '<>"&'})
    return Picture(
        f'<img class="panel" data-panel="{number}" width="{panel.width_px}" '
        f'height="{panel.height_px}" alt="{alt}" src="{data_uri(panel.svg)}">'
    )


def write(folder: Path, stem: str, html: str, drawn: Mapping[str, Sequence[Drawn]]) -> ReportFiles:
    """Write a page and its drawings.

    Everything under temporary names first, then renamed: the page last, since it is what is
    looked for. When that fails, what was there is put back.

    Raises:
        ReportError: something cannot be written.
    """
    page, beside = folder / f"{stem}.html", folder / stem
    token = uuid.uuid4().hex
    new_page, new_drawn, old_drawn = (
        folder / f".{stem}-{token}-{part}" for part in ("p", "n", "o")
    )
    placed = False
    try:
        new_drawn.mkdir(parents=True)
        for panels in drawn.values():
            for panel in panels:
                for ending, data in panel.files.items():
                    (new_drawn / f"{panel.name}.{ending}").write_bytes(data)
        new_page.write_text(html, encoding="utf-8", newline="\n")
        if beside.exists():
            os.replace(beside, old_drawn)
        os.replace(new_drawn, beside)
        placed = True
        os.replace(new_page, page)
    except OSError as error:
        if placed:
            shutil.rmtree(beside, ignore_errors=True)
        if old_drawn.exists():
            os.replace(old_drawn, beside)
        raise _refused(folder, error) from error
    finally:
        shutil.rmtree(new_drawn, ignore_errors=True)
        shutil.rmtree(old_drawn, ignore_errors=True)
        with suppress(OSError):
            new_page.unlink(missing_ok=True)
    names = [panel.name for panels in drawn.values() for panel in panels]
    return ReportFiles(page, tuple(beside / f"{name}.png" for name in names))


def _refused(folder: Path, error: OSError) -> ReportError:
    return ReportError(
        f"cannot write the report in {str(folder)!r}: {error}; choose another folder"
    )


def check_file(file: Path | None, option: str) -> None:
    """Refuse a file that cannot be written, before any work is done.

    Args:
        file: None: nothing is to be written.
        option: that names it on the command line.

    Raises:
        ValueError: its folder is not there, or it is a folder itself.
    """
    if file is None:
        return
    if file.is_dir():
        raise ValueError(f"{option} {str(file)!r} is a folder: name a file")
    if not os.access(file.parent, os.W_OK):
        raise ValueError(f"{option} {str(file)!r}: its folder is missing or cannot be written")


def write_text(file: Path, text: str) -> None:
    """Write a file, whole or not at all.

    Raises:
        ReportError: the file system refused.
    """
    try:
        write_whole(file, text)
    except OSError as error:
        raise ReportError(f"cannot write {str(file)!r}: {error}") from error
