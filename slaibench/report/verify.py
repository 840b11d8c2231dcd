"""Is a report still true? Its numbers, recomputed from the recordings and held against the page."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slaibench.report.errors import ReportError
from slaibench.report.kinds import KINDS, Kind
from slaibench.report.numbers import Document
from slaibench.report.rebuild import LostRecordings, OnRun
from slaibench.report.template import Picture
from slaibench.version import __version__

TOLERANCE = 1e-9
"""Relative. Sums may be taken in another order on another machine; nothing else may differ."""
SHOWN_LINES = 20
ABSENT = "(absent)"
NONSENSE = (ValueError, KeyError, TypeError, IndexError, AttributeError)
"""What working with a document raises whose shape was tampered with."""
_NUMBERS = re.compile(
    r'<script type="application/json" id="slaibench-numbers">(.*?)</script>', re.DOTALL
)
_FIGURE = re.compile(r'<figure id="figure-([a-z0-9-]+)">(.*?)</figure>', re.DOTALL)
_IMAGE = re.compile(r'<img class="panel" data-panel="\d+"[^>]*>')


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One thing that does not hold.

    Args:
        where: path of the number in the embedded JSON, a recording, or a line of the page.
        page: what the page has.
        found: what it should be, or what is wrong.
    """

    where: str
    page: str
    found: str

    def __str__(self) -> str:
        return f"{self.where}: the page has {self.page}; {self.found}"


@dataclass(frozen=True, slots=True)
class Verification:
    """What became of a report.

    Args:
        checked: numbers that were recomputed and compared.
        num_recordings: recordings it rests on.
        mismatches: everything that does not hold; empty: the report is true.
        notes: what could not be checked.
    """

    checked: int
    num_recordings: int
    mismatches: tuple[Mismatch, ...]
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.mismatches


def _quiet(_: int, __: int) -> None:
    """Tell nobody."""


def verify(html: Path, *, on_run: OnRun = _quiet) -> Verification:
    """Recompute every number of a report, and hold the page's text against its numbers.

    Three checks: each recording is there and is the run it is said to be; each number of the
    embedded JSON follows from the recordings; the page, but for its drawings, is what these
    numbers render to. What the study asked for (specification, focus rate) is taken as given.

    Args:
        html: a page that ``write_report`` wrote, where it can see its recordings.
        on_run: told of each recording that is read.

    Raises:
        ReportError: the file cannot be read or is no report of this version.
    """
    page = _read(html)
    doc, kind, num_recordings = _document(page, html)
    mismatches, notes = _text_mismatches(page, doc, kind)
    count = 0
    try:
        again = kind.again(doc, html.parent, on_run)
        count, wrong = _number_mismatches(kind.results(doc), kind.results(again))
        mismatches += wrong
    except LostRecordings as lost:
        mismatches += [Mismatch(*each) for each in lost.found]
        notes.append("numbers were not recomputed: that takes all recordings")
    except NONSENSE as error:
        mismatches.append(Mismatch("embedded JSON", "as it is", f"cannot be recomputed: {error!r}"))
    return Verification(count, num_recordings, tuple(mismatches), tuple(notes))


def _read(html: Path) -> str:
    try:
        return html.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ReportError(f"cannot read {str(html)!r}: {error}; give a report's .html") from error


def _document(page: str, html: Path) -> tuple[Document, Kind, int]:
    """The numbers embedded in a page, of which kind, and how many recordings they rest on.

    Raises:
        ReportError: there are none, or of another version.
    """
    found = _NUMBERS.search(page)
    if found is None:
        raise ReportError(f"{str(html)!r} is no slaibench report: it has no embedded numbers")
    try:
        doc = json.loads(found.group(1))
        name, version = doc["format"], doc["format_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise ReportError(f"{str(html)!r}: its embedded numbers are damaged ({error})") from error
    kind = KINDS.get(str(name))
    if kind is None or version != kind.version:
        reads = f"{name} {kind.version}" if kind else ", ".join(KINDS)
        raise ReportError(
            f"{str(html)!r} is {name} {version}, this slaibench reads {reads}; use the version "
            "that wrote it"
        )
    try:
        return dict(doc), kind, len(kind.runs(doc))
    except NONSENSE as error:
        raise ReportError(f"{str(html)!r}: its embedded numbers name no recordings") from error


def _text_mismatches(page: str, doc: Document, kind: Kind) -> tuple[list[Mismatch], list[str]]:
    """Lines of the page that its numbers do not render to."""
    written_by = doc.get("made", {}).get("slaibench")
    if written_by != __version__:
        return [], [
            f"the page was written by slaibench {written_by}, this is {__version__}: its text was "
            "not held against its numbers"
        ]
    pictures = {
        name: [Picture(image) for image in _IMAGE.findall(body)]
        for name, body in _FIGURE.findall(page)
    }
    try:
        expected = kind.render(doc, pictures)
    except NONSENSE as error:
        return [Mismatch("embedded JSON", "as it is", f"cannot be rendered: {error!r}")], []
    if page == expected:
        return [], []
    return list(_line_mismatches(page.split("\n"), expected.split("\n"))), []


def _line_mismatches(page: list[str], expected: list[str]) -> Iterator[Mismatch]:
    matcher = difflib.SequenceMatcher(None, page, expected, autojunk=False)
    shown = 0
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            continue
        shown += 1
        if shown > SHOWN_LINES:
            yield Mismatch("page", "more lines that differ", "see those before")
            return
        has, should = (_plain(lines) for lines in (page[i1:i2], expected[j1:j2]))
        yield Mismatch(f"page, line {i1 + 1}", has, f"its numbers say {should}")


def _plain(lines: list[str]) -> str:
    """Lines of the page without their tags, cut to a readable length."""
    text = re.sub(r"<[^>]*>", " ", "\n".join(lines))
    text = re.sub(r"\s+", " ", text).strip() or "\n".join(lines).strip() or ABSENT
    return text if len(text) <= 300 else f"{text[:297]}..."


def _number_mismatches(doc: Document, again: Document) -> tuple[int, list[Mismatch]]:
    mine, other = (dict(_leaves(each)) for each in (doc, _as_json(again)))
    count = sum(_is_number(value) for value in other.values())
    wrong = [
        Mismatch(path, _shown(mine, path), f"its recordings say {_shown(other, path)}")
        for path in {**mine, **other}
        if path not in mine or path not in other or not _same(mine[path], other[path])
    ]
    return count, wrong


def _as_json(doc: Document) -> Document:
    return dict(json.loads(json.dumps(doc)))


def _leaves(doc: Document) -> Iterator[tuple[str, Any]]:
    """(path, value) of everything in a document."""
    for key, value in doc.items():
        yield from _walk(value, key)


def _walk(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _walk(inner, f"{path}/{key}")
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from _walk(inner, f"{path}[{index}]")
    else:
        yield path, value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(a: Any, b: Any) -> bool:
    if _is_number(a) and _is_number(b):
        return math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=1e-300)
    return type(a) is type(b) and a == b


def _shown(values: dict[str, Any], path: str) -> str:
    return json.dumps(values[path]) if path in values else ABSENT
