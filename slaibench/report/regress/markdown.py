"""A regression run as Markdown: the summary of a workflow, or a comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from slaibench.measure.regression import Verdict
from slaibench.report.regress import words
from slaibench.studies.regression.result import RegressResult, Row

MARKS = {
    Verdict.WORSE: "🔴 worse",
    Verdict.BETTER: "🟢 better",
    Verdict.UNKNOWN: "⚪ cannot tell",
    Verdict.SAME: "no difference shown",
    Verdict.IDENTICAL: "identical",
}
COLUMNS = ("scheduler", "req/s", "metric", "before", "after", "change", "90 % interval", "verdict")
OPEN = (Verdict.WORSE, Verdict.BETTER, Verdict.UNKNOWN)
"""Verdicts that are shown without a click."""


def markdown(result: RegressResult) -> str:
    """The summary; ends with a line break."""
    return "\n".join(_lines(result)) + "\n"


def _lines(result: RegressResult) -> Iterator[str]:
    yield f"### {_plain(words.headline(result))}"
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
    yield from (f"- {_plain(line)}" for line in words.about(result))


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
        yield f"| {' | '.join(_plain(cell) for cell in cells)} |"


def _plain(text: str) -> str:
    """Text that ends no cell of a table and opens no tag."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
