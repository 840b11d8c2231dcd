"""Is a report still true? Its numbers and drawings, made again from the recordings and compared."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from slaibench.report.document import RENDERED, PageDocument, RunEntry
from slaibench.report.page_file import NONSENSE, read_page
from slaibench.report.pages import AnyPage
from slaibench.report.recordings import LostRecordings, OnRun, Wrong, other_code
from slaibench.report.verify_numbers import without_code, wrong_lines, wrong_numbers
from slaibench.report.verify_pictures import pictures_in, wrong_data, wrong_files
from slaibench.version import __version__


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One thing that does not hold.

    Args:
        where: path of the number in the embedded JSON, a recording, or a line of the page.
        page: what the page has.
        right: what it should be, or what is wrong.
    """

    where: str
    page: str
    right: str

    def __str__(self) -> str:
        return f"{self.where}: the page has {self.page}; {self.right}"


class PageVerdict(StrEnum):
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
    def verdict(self) -> PageVerdict:
        if self.mismatches:
            return PageVerdict.OTHER_NUMBERS
        if self.num_absent:
            return PageVerdict.ABSENT
        return PageVerdict.OTHER_CODE if self.code else PageVerdict.SAME

    @property
    def ok(self) -> bool:
        """Whether every number follows from the recordings."""
        return self.verdict in (PageVerdict.SAME, PageVerdict.OTHER_CODE)

    def to_json(self) -> Mapping[str, object]:
        wrong = [{"where": m.where, "page": m.page, "found": m.right} for m in self.mismatches]
        return {"verdict": self.verdict.value, **asdict(self), "mismatches": wrong}


def _quiet(_: int, __: int) -> None:
    """Report to nobody."""


def verify(html: Path, *, on_run: OnRun = _quiet) -> Verification:
    """Recompute every number of a report, and compare the page's text and drawings with them.

    Four checks: each recording is there and is the run it is said to be; each number of the
    embedded JSON follows from the recordings; the page, but for its drawings, is what these
    numbers render to; the drawings are the files that were written, and what they show follows
    from the recordings. What was planned (specification, focus rate) is taken as given.

    Args:
        html: a page of any kind, where it can see its recordings.
        on_run: called after each recording that is read.

    Raises:
        ReportError: the file cannot be read or is no report of this version.
    """
    page = read_page(html)
    text, doc, kind, runs = page.text, page.doc, page.kind, page.runs
    wrong, notes = _text_wrong(text, doc, kind)
    if kind.not_recomputed:
        notes.append(f"taken as given, since recordings do not hold it: {kind.not_recomputed}")
    folder = html.parent / html.stem
    beside = folder.is_dir()
    pictures, wrong_drawings = wrong_files(doc, text, html, beside=beside)
    wrong += wrong_drawings
    if pictures and not beside:
        notes.append(f"its drawings as files were not compared: there is no folder '{folder}'")
    count, absent, code = 0, 0, ""
    try:
        subject = kind.rebuild(doc, html.parent, on_run)
        again = kind.document(subject, html.parent, doc["made"])
        code = other_code(kind.runs(again), html.parent)
        shown, right = kind.results(doc), kind.results(again)
        if [run["code"] for run in runs] != [run["code"] for run in kind.runs(again)]:
            notes.append(
                "the page's own recordings are not there: compared with those of the same cells "
                "by other code"
            )
            shown, right = without_code(shown), without_code(right)
        count, differing = wrong_numbers(shown, right)
        wrong += [*differing, *wrong_data(doc, kind.panels(subject, again))]
    except LostRecordings as lost:
        wrong += lost.wrong
        absent = len(lost.absent)
        notes.append("numbers were not recomputed: that takes all recordings")
    except NONSENSE as error:
        wrong.append(("embedded JSON", "as it is", f"cannot be recomputed: {error!r}"))
    return Verification(
        count,
        pictures,
        len(runs),
        absent,
        tuple(Mismatch(*texts) for texts in wrong),
        code,
        _command(doc, kind, html, runs),
        tuple(notes),
    )


def _command(doc: PageDocument, kind: AnyPage, html: Path, runs: Sequence[RunEntry]) -> str:
    """What makes the recordings again where the page looks for them."""
    try:
        place = os.path.normpath(html.parent / runs[0]["folder"])
        return kind.command(doc, Path(place).parents[2])
    except NONSENSE:
        return ""


def _text_wrong(text: str, doc: PageDocument, kind: AnyPage) -> tuple[list[Wrong], list[str]]:
    """Lines of the page that its numbers do not render to, and what could not be checked."""
    written_by = doc.get("made", {}).get("slaibench")
    if written_by != __version__:
        return [], [
            f"the page was written by slaibench {written_by}, this is {__version__}: its text was "
            "not compared with its numbers"
        ]
    frame = doc["made"].get("frame", 1)
    if frame not in RENDERED:
        return [], [
            f"the page has frame {frame}, which this slaibench does not render: its text was not "
            "compared with its numbers"
        ]
    try:
        expected = kind.render(doc, pictures_in(text))
    except NONSENSE as error:
        return [("embedded JSON", "as it is", f"cannot be rendered: {error!r}")], []
    return (list(wrong_lines(text, expected)) if text != expected else []), []
