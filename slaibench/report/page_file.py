"""A page on disk, and the document that is embedded in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from slaibench.report.document import PageDocument, RunEntry
from slaibench.report.files import ReportError
from slaibench.report.pages import AnyPage, formats, page_of

NONSENSE = (ValueError, KeyError, TypeError, IndexError, AttributeError)
"""What working with a document raises whose shape was tampered with."""
_BEFORE = b'<script type="application/json" id="slaibench-numbers">'
_AFTER = b"</script>"
INDEX_MARK = b'<html lang="en" data-slaibench="index">'
"""Begins the element of an index that slaibench wrote, and of no other file."""


class NoPageError(ReportError):
    """A file without a document: it is no page, and never was."""


@dataclass(frozen=True, slots=True)
class PageFile:
    """A page of a kind that is read here.

    Args:
        html: where it is.
        data: all of it.
        doc: its document. What it holds may still not be of the form that its parts are said to
            be; working with it then raises ``NONSENSE``.
        runs: the recordings that it rests on.
    """

    html: Path
    data: bytes
    doc: PageDocument
    kind: AnyPage
    runs: Sequence[RunEntry]

    @property
    def text(self) -> str:
        """All of it, decoded: most of a page is scripts and drawings, and an index reads neither.

        Raises:
            ReportError: it is no UTF-8.
        """
        try:
            return self.data.decode()
        except UnicodeDecodeError as error:
            raise _unreadable(self.html, error) from error


KindOf = Callable[[str], AnyPage | None]


def read_page(html: Path, kind_of: KindOf = page_of) -> PageFile:
    """Read a page.

    Args:
        kind_of: the kind of a format, as ``pages.page_of``.

    Raises:
        NoPageError: the file has no document.
        ReportError: it cannot be read, is damaged, or of a kind or version that is not read here.
    """
    try:
        data = html.read_bytes()
    except OSError as error:
        raise _unreadable(html, error) from error
    begin = data.find(_BEFORE)
    end = data.find(_AFTER, begin)
    if INDEX_MARK in data:
        raise NoPageError(f"{str(html)!r} is the index of a folder: verify one of its pages")
    if begin < 0 or end < 0:
        raise NoPageError(f"{str(html)!r} is no slaibench report: it has no embedded numbers")
    doc, kind = _document(data[begin + len(_BEFORE) : end], html, kind_of)
    try:
        runs = kind.runs(doc)
    except NONSENSE as error:
        raise ReportError(f"{str(html)!r}: its embedded numbers name no recordings") from error
    missing = sorted(kind.required - doc.keys())
    if missing:
        raise ReportError(
            f"{str(html)!r}: its embedded numbers lack {', '.join(missing)}; write the page again "
            "from its recordings"
        )
    return PageFile(html, data, doc, kind, runs)


def _document(numbers: bytes, html: Path, kind_of: KindOf) -> tuple[PageDocument, AnyPage]:
    try:
        doc = json.loads(numbers)
        name, version = doc["format"], doc["format_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise ReportError(f"{str(html)!r}: its embedded numbers are damaged ({error})") from error
    kind = kind_of(str(name))
    if kind is None or version != kind.version:
        reads = f"{name} {kind.version}" if kind else ", ".join(formats())
        raise ReportError(
            f"{str(html)!r} is {name} {version}, this slaibench reads {reads}; use the version "
            "that wrote it"
        )
    return cast("PageDocument", doc), kind


def _unreadable(html: Path, error: Exception) -> ReportError:
    return ReportError(f"cannot read {str(html)!r}: {error}; give a report's .html")
