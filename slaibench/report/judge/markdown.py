"""A judgement as Markdown, fit for the description of a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from slaibench.report.judge import words
from slaibench.report.regress.github import MARKS, plain
from slaibench.report.regress.words import change
from slaibench.studies.judge.result import JudgeResult
from slaibench.version import __version__

COLUMNS = ("req/s", "metric", "reference", "candidate", "change", "interval, %", "MDE", "verdict")
GIVEN = ("req/s", "metric", "as given", "the mode", "the scheduler")


def markdown(result: JudgeResult) -> str:
    """The summary; ends with a line break."""
    return "\n".join(_lines(result)) + "\n"


def _lines(result: JudgeResult) -> Iterator[str]:
    yield f"### {plain(words.headline(result))}"
    yield ""
    yield f"`{result.candidate}` against `{result.reference}`, {words.mode(result)}."
    yield ""
    yield from _table(COLUMNS, (_row(result, place) for place in range(len(result.rows))))
    yield ""
    if result.as_given:
        yield from (f"{_sentence(line)}." for line in words.artefact(result))
        yield ""
        cells = (
            (f"{row.rate_rps:g}", row.words, *words.artefact_cells(row)) for row in result.as_given
        )
        yield "<details><summary>What is the mode's</summary>"
        yield ""
        yield from _table(GIVEN, cells)
        yield ""
        yield "</details>"
        yield ""
    yield from (f"- {plain(line)}" for line in words.about(result))
    versions = {**result.versions, "slaibench": __version__}
    yield f"- {', '.join(f'{name} {version}' for name, version in sorted(versions.items()))}"
    yield ""
    yield "Again:"
    yield ""
    yield f"    {words.again(result)}"
    if confirming := list(words.confirmation(result)):
        first, *lines = confirming
        yield ""
        yield _sentence(first)
        yield ""
        yield from (f"    {line}" for line in lines)


def _row(result: JudgeResult, place: int) -> Sequence[str]:
    row = result.rows[place]
    said, why = MARKS[row.verdict], words.reason(row)
    if row.verdict in words.VERDICTS:
        said = words.verdict(row)
    return (
        f"{row.rate_rps:g}",
        row.words,
        *words.sides(row),
        change(row),
        words.interval(row),
        words.detectable(row),
        said + (f" ({why})" if why else ""),
    )


def _sentence(line: str) -> str:
    text = plain(line)
    return f"{text[:1].upper()}{text[1:]}"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(plain(cell) for cell in row)} |"
