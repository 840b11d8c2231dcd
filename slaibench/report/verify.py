"""Is a report still true? Its numbers and drawings, made again from the recordings and compared."""

from __future__ import annotations

import difflib
import json
import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from slaibench.report.errors import ReportError
from slaibench.report.kinds import KINDS, Kind
from slaibench.report.numbers import Document
from slaibench.report.rebuild import LostRecordings, OnRun
from slaibench.report.verify_code import other_code, without_code
from slaibench.report.verify_pictures import data_wrong, files_wrong, pictures_in
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


class Verdict(StrEnum):
    """What became of a report, the worst first."""

    OTHER_NUMBERS = "other numbers"
    """Something in it does not follow from its recordings, or they are not what was recorded."""
    ABSENT = "recordings absent"
    """Not all of its recordings are there, so that its numbers cannot be recomputed."""
    OTHER_CODE = "other code"
    """It is true; this code is not the one that made its recordings, and might make others."""
    SAME = "all the same"


@dataclass(frozen=True, slots=True)
class Verification:
    """What became of a report.

    Args:
        checked: numbers that were recomputed and compared.
        pictures: drawings that were compared.
        num_recordings: recordings it rests on.
        num_absent: how many of them are not there.
        mismatches: everything that does not hold.
        code: which code made the recordings, where it is not this one; else empty.
        again: the command that makes the recordings again.
        notes: what could not be checked.
    """

    checked: int
    pictures: int
    num_recordings: int
    num_absent: int
    mismatches: tuple[Mismatch, ...]
    code: str
    again: str
    notes: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        if self.mismatches:
            return Verdict.OTHER_NUMBERS
        if self.num_absent:
            return Verdict.ABSENT
        return Verdict.OTHER_CODE if self.code else Verdict.SAME

    @property
    def ok(self) -> bool:
        """Whether every number follows from the recordings."""
        return self.verdict in (Verdict.SAME, Verdict.OTHER_CODE)


def _quiet(_: int, __: int) -> None:
    """Tell nobody."""


def verify(html: Path, *, on_run: OnRun = _quiet) -> Verification:
    """Recompute every number of a report, and hold the page's text and drawings against them.

    Four checks: each recording is there and is the run it is said to be; each number of the
    embedded JSON follows from the recordings; the page, but for its drawings, is what these
    numbers render to; the drawings are the files that were written, and what they show follows
    from the recordings. What the study asked for (specification, focus rate) is taken as given.

    Args:
        html: a page that ``write_report`` wrote, where it can see its recordings.
        on_run: told of each recording that is read.

    Raises:
        ReportError: the file cannot be read or is no report of this version.
    """
    page = _read(html)
    doc, kind, runs = _document(page, html)
    mismatches, notes = _text_mismatches(page, doc, kind)
    pictures, wrong = files_wrong(doc, page, html)
    mismatches += [Mismatch(*each) for each in wrong]
    count, absent, code = 0, 0, ""
    try:
        again = kind.again(doc, html.parent, on_run)
        code = other_code(kind.runs(again.doc), html.parent)
        ours, theirs = kind.results(doc), kind.results(again.doc)
        if [run["code"] for run in runs] != [run["code"] for run in kind.runs(again.doc)]:
            notes.append(
                "the page's own recordings are not there: compared with those of the same cells "
                "by other code"
            )
            ours, theirs = without_code(ours), without_code(theirs)
        count, differing = _number_mismatches(ours, theirs)
        mismatches += differing
        mismatches += [Mismatch(*each) for each in data_wrong(doc, again.panels())]
    except LostRecordings as lost:
        mismatches += [Mismatch(*each) for each in lost.found]
        absent = len(lost.absent)
        notes.append("numbers were not recomputed: that takes all recordings")
    except NONSENSE as error:
        mismatches.append(Mismatch("embedded JSON", "as it is", f"cannot be recomputed: {error!r}"))
    return Verification(
        count,
        pictures,
        len(runs),
        absent,
        tuple(mismatches),
        code,
        _command(doc, kind, html, runs),
        tuple(notes),
    )


def _command(doc: Document, kind: Kind, html: Path, runs: Sequence[Document]) -> str:
    """What makes the recordings again where the page looks for them."""
    try:
        place = os.path.normpath(html.parent / runs[0]["folder"])
        return kind.command(doc, Path(place).parents[2])
    except NONSENSE:
        return ""


def _read(html: Path) -> str:
    try:
        return html.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ReportError(f"cannot read {str(html)!r}: {error}; give a report's .html") from error


def _document(page: str, html: Path) -> tuple[Document, Kind, Sequence[Document]]:
    """The numbers embedded in a page, of which kind, and the recordings that they rest on.

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
        return dict(doc), kind, kind.runs(doc)
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
    try:
        expected = kind.render(doc, pictures_in(page))
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
