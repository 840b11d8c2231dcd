"""Are a report's drawings those that were drawn, and of these recordings?"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from slaibench.report.document import FRAME, PageDocument, PictureEntry
from slaibench.report.figures.chart import form_of
from slaibench.report.files import ENDINGS
from slaibench.report.recordings import Wrong
from slaibench.report.template import Picture

if TYPE_CHECKING:
    from slaibench.report.figures.panel import Panel

_FIGURE = re.compile(r'<figure id="figure-([a-z0-9-]+)">(.*?)</figure>', re.DOTALL)
_IMAGE = re.compile(r'<img class="panel" data-panel="\d+"[^>]*>')


def pictures_in(page: str) -> dict[str, list[Picture]]:
    """The drawings of a page, by figure."""
    return {
        name: [Picture(image) for image in _IMAGE.findall(body)]
        for name, body in _FIGURE.findall(page)
    }


def wrong_files(
    doc: PageDocument, page: str, html: Path, *, beside: bool
) -> tuple[int, list[Wrong]]:
    """Drawings that are not the ones that were written with a page.

    Args:
        beside: whether the folder of its drawings came along. A page holds each of them itself, so
            that a page alone is whole.

    Returns:
        How many there are, and what is wrong with them.
    """
    wrong: list[Wrong] = []
    shown = pictures_in(page)
    named = doc.get("pictures")
    if not isinstance(named, dict):
        return 0, [("embedded JSON", "no names of drawings", "it was written with them")]
    count = 0
    for figure in sorted({*named, *shown}):
        entries, images = named.get(figure, []), shown.get(figure, [])
        if len(entries) != len(images):
            wrong.append(
                (f"figure {figure}", f"{len(images)} drawings", f"its JSON names {len(entries)}")
            )
            continue
        for entry, image in zip(entries, images, strict=True):
            count += 1
            if _sha256(image.html.encode()) != entry["image_sha256"]:
                where = f"figure {figure}, drawing {entry['name']}"
                wrong.append((where, "another image", "than was drawn (its SHA-256 is another)"))
            for ending in ENDINGS:
                # Older pages have but one file a drawing.
                if beside and f"{ending}_sha256" in entry:
                    wrong += _wrong_file(html, entry, ending)
    return count, wrong


def _wrong_file(html: Path, entry: PictureEntry, ending: str) -> list[Wrong]:
    file = html.parent / html.stem / f"{entry['name']}.{ending}"
    try:
        same = _sha256(file.read_bytes()) == entry.get(f"{ending}_sha256")
    except OSError as error:
        return [(str(file), "drawn it", f"it cannot be read ({error.strerror})")]
    return [] if same else [(str(file), "drawn another", "its SHA-256 is another")]


def wrong_data(doc: PageDocument, panels: Mapping[str, Sequence[Panel]]) -> list[Wrong]:
    """Drawings that show something else than would be drawn now.

    Args:
        panels: what the recordings give, by figure.
    """
    from slaibench.report.figures.data import drawn_digest  # noqa: PLC0415  (loads matplotlib)

    named = {
        (figure, entry["name"]): entry["data"]
        for figure, entries in doc["pictures"].items()
        for entry in entries
    }
    drawn = {
        (figure, panel.name): drawn_digest(panel.figure)
        for figure, drawings in panels.items()
        for panel in drawings
    }
    return _wrong_charts(doc, panels) + [
        (
            f"figure {place[0]}, drawing {place[1]}",
            "drawn it" if place in named else "no such drawing",
            "its recordings give another" if place in drawn else "its recordings give none",
        )
        for place in sorted({*named, *drawn})
        if named.get(place) != drawn.get(place)
    ]


def _wrong_charts(doc: PageDocument, panels: Mapping[str, Sequence[Panel]]) -> list[Wrong]:
    """Values of interactive figures that the recordings do not give. A page of the first frame has
    none, those of the second had another form."""
    if doc["made"].get("frame", 1) < FRAME:
        return []
    now = {
        (figure, panel.name): form_of(panel.chart)
        for figure, drawings in panels.items()
        for panel in drawings
        if panel.chart is not None
    }
    named = {
        (figure, entry["name"]): entry["chart"]
        for figure, entries in doc["pictures"].items()
        for entry in entries
        if "chart" in entry
    }
    return [
        (
            f"figure {place[0]}, interactive form of {place[1]}",
            "its values" if place in named else "none",
            "its recordings give others" if place in now else "its recordings give none",
        )
        for place in sorted({*named, *now})
        if named.get(place) != now.get(place)
    ]


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
