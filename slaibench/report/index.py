"""The index of a folder of pages: a row for each, made of the document that the page holds."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from urllib.parse import quote

from slaibench.machine.atomic_write import write_whole
from slaibench.report.files import ReportError
from slaibench.report.page import Card
from slaibench.report.page_file import (
    INDEX_MARK,
    NONSENSE,
    NoPageError,
    read_page,
)
from slaibench.report.pages import page_of
from slaibench.report.template import INDEX, fill
from slaibench.report.words import short_names
from slaibench.version import __version__

MOST_NAMED = 6
"""More schedulers in a row are a number."""
PASSES = 5
"""Pages may come while an index is made. Whoever writes one makes an index after it, so that few
passes are enough."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row: a page, and what it says of itself."""

    name: str
    card: Card

    @property
    def link(self) -> str:
        return quote(self.name)

    @property
    def schedulers(self) -> str:
        names = list(short_names(self.card.schedulers).values())
        more = len(names) - MOST_NAMED
        return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


@dataclass(frozen=True, slots=True)
class Index:
    """What became of an index.

    Args:
        html: where it is; None: it was not written, and ``notes`` says why.
        entries: by kind, model, GPU and name.
        notes: pages that could not be read, each with the reason.
    """

    html: Path | None
    entries: tuple[Entry, ...]
    notes: tuple[str, ...]


def write_index(folder: Path) -> Index:
    """Write ``index.html`` of the pages in a folder; not of those in its subfolders.

    HTML files that are no pages are left out; an ``index.html`` of somebody else is left alone.
    The same pages give the same bytes. Nothing is raised: an index is no reason for a study to
    fail.
    """
    file = folder / INDEX
    index = Index(None, (), ())
    try:
        if file.exists() and INDEX_MARK not in file.read_bytes():
            return Index(None, (), (f"{str(file)!r} is not slaibench's: it is left as it is",))
        for _ in range(PASSES):
            listed = _listed(folder)
            entries, notes = _entries(folder, [name for name, *_ in listed])
            index = Index(file, entries, notes)
            write_whole(file, _html(index))
            if _listed(folder) == listed:
                break
    except OSError as error:
        return Index(None, index.entries, (f"cannot write {str(file)!r}: {error.strerror}",))
    return index


def _listed(folder: Path) -> list[tuple[str, int, int]]:
    """HTML files but for the index: name, size, and when they were changed."""
    with os.scandir(folder) as inside:
        files = [
            (entry.name, entry.stat().st_size, entry.stat().st_mtime_ns)
            for entry in inside
            if entry.name.endswith(".html")
            and not entry.name.startswith(".")
            and entry.name != INDEX
            and entry.is_file()
        ]
    return sorted(files)


def _entries(folder: Path, names: Sequence[str]) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """The rows, and why some pages have none."""
    entries, notes = [], []
    kind_of = cache(page_of)  # what other packages bring takes a while to look up
    for name in names:
        try:
            page = read_page(folder / name, kind_of)
            entries.append(Entry(name, page.kind.card(page.doc)))
        except NoPageError:
            continue
        except ReportError as error:
            notes.append(str(error))
        except NONSENSE as error:
            notes.append(f"{str(folder / name)!r}: its embedded numbers are damaged ({error!r})")
    entries.sort(key=lambda e: (e.card.kind, e.card.model or "", e.card.place or "", e.name))
    return tuple(entries), tuple(notes)


def _html(index: Index) -> str:
    groups: Mapping[str, Sequence[Entry]] = {
        kind: list(entries) for kind, entries in groupby(index.entries, lambda e: e.card.kind)
    }
    return fill(
        "index",
        "slaibench.report",
        {},
        (),
        groups=groups,
        count=len(index.entries),
        notes=index.notes,
        version=__version__,
    )
