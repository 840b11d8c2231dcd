"""A regression run on GitHub: Markdown of the whole, and workflow commands for what is worse."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from slaibench.measure.regression import ChangeVerdict
from slaibench.report.regress import words
from slaibench.studies.regression.result import RegressResult, Row

MARKS = {
    ChangeVerdict.WORSE: "🔴 worse",
    ChangeVerdict.BETTER: "🟢 better",
    ChangeVerdict.UNKNOWN: "⚪ cannot tell",
    ChangeVerdict.SAME: "no difference shown",
    ChangeVerdict.IDENTICAL: "identical",
}
COLUMNS = ("scheduler", "req/s", "metric", "before", "after", "change", "90 % interval", "verdict")
OPEN = (ChangeVerdict.WORSE, ChangeVerdict.BETTER, ChangeVerdict.UNKNOWN)
"""Verdicts that are shown without a click."""
MOST_ERRORS = 9
"""GitHub shows ten annotations of a kind and step; the last one says how many more there are."""


def markdown(result: RegressResult) -> str:
    """The summary of a workflow, or a comment on a pull request; ends with a line break."""
    return "\n".join(_lines(result)) + "\n"


def _lines(result: RegressResult) -> Iterator[str]:
    yield f"### {plain(words.headline(result))}"
    yield ""
    shown = [row for verdict in OPEN for row in result.of(verdict)]
    rest = [row for row in result.rows if row.verdict not in OPEN]
    if shown:
        yield from _table(shown)
        yield ""
    if rest:
        yield f"<details><summary>{len(rest)} without a difference</summary>"
        yield ""
        yield from _table(rest)
        yield ""
        yield "</details>"
        yield ""
    yield from (f"- {plain(line)}" for line in words.about(result))


def _table(rows: Iterable[Row]) -> Iterator[str]:
    yield f"| {' | '.join(COLUMNS)} |"
    yield f"|{'---|' * len(COLUMNS)}"
    for row in rows:
        detail = words.detail(row)
        cells = (
            f"`{row.scheduler}`",
            f"{row.rate_rps:g}",
            row.words,
            words.value(row, row.before),
            words.value(row, row.after),
            words.change(row),
            words.interval(row),
            MARKS[row.verdict] + (f" ({detail})" if detail else ""),
        )
        yield f"| {' | '.join(plain(cell) for cell in cells)} |"


def plain(text: str) -> str:
    """Text that ends no cell of a table and opens no tag."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def annotation_lines(result: RegressResult) -> Iterator[str]:
    """Workflow commands, which stand beside the job: an error for what is worse, a warning for what
    cannot be told; a line each."""
    worse = result.worse
    for row in worse[:MOST_ERRORS]:
        yield _command("error", f"worse: {words.place(row)}", words.moved(row))
    if len(worse) > MOST_ERRORS:
        more = len(worse) - MOST_ERRORS
        yield _command("error", "worse", f"and {more} more in the report")
    unknown = result.of(ChangeVerdict.UNKNOWN)
    if unknown:
        first = unknown[0]
        said = f"{words.place(first)}, {first.words}: {words.detail(first)}"
        yield _command("warning", f"{len(unknown)} cannot be told", f"first: {said}")
    yield _command("notice", "slaibench regress", words.headline(result))


def _command(kind: str, title: str, message: str) -> str:
    """As the runner reads it (actions/toolkit, ``command.ts``): five characters are escaped."""
    text = _escaped(message)
    name = _escaped(title).replace(":", "%3A").replace(",", "%2C")
    return f"::{kind} title={name}::{text}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
