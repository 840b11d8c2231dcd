"""Reports on disk: whole, or what was there before."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from slaibench.machine.atomic_write import write_whole
from slaibench.report.document import PICTURES, D, PictureEntry
from slaibench.report.template import Picture

if TYPE_CHECKING:
    from slaibench.report.figures.drawing import Drawn


class ReportError(RuntimeError):
    """A report cannot be written or read; the message names the path and the way out."""


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """What was written."""

    html: Path
    pngs: tuple[Path, ...]


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
        "png_sha256": hashlib.sha256(panel.png).hexdigest(),
        "image_sha256": hashlib.sha256(image.html.encode()).hexdigest(),
        "data": panel.data,
    }
    if panel.chart is not None:
        entry["chart"] = panel.chart
    return entry


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
    text = re.sub(places, lambda match: re.sub(r"\d+\.\d{3,}", _rounded, match.group()), text)
    text = re.sub(r'<g id="[^"]*">', "<g>", text).replace("xlink:href", "href")
    text = text.replace("DejaVuSans-", "g")
    text = re.sub(r"(?<=[;:]) (?=[\w#-])", "", text)
    text = re.sub(r"\s+", " ", text).replace("> <", "><").strip()
    text = text.replace('"', "'")
    for char in "%#<>&":
        text = text.replace(char, f"%{ord(char):02X}")
    return f"data:image/svg+xml,{text}"


def _rounded(match: re.Match[str]) -> str:
    return f"{float(match.group()):.2f}".rstrip("0").rstrip(".")


def write(folder: Path, stem: str, html: str, drawn: Mapping[str, Sequence[Drawn]]) -> ReportFiles:
    """Write a page and its drawings.

    Everything under temporary names first, then renamed: the page last, since it is what is
    looked for. When that fails, what was there is put back.

    Raises:
        ReportError: something cannot be written.
    """
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
