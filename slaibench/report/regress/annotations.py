"""A regression run as workflow commands of GitHub Actions: what is worse stands beside the job."""

from __future__ import annotations

from collections.abc import Iterator

from slaibench.measure.regression import Verdict
from slaibench.report.regress import words
from slaibench.studies.regression.result import RegressResult

MOST_ERRORS = 9
"""GitHub shows ten annotations of a kind and step; the last one says how many more there are."""


def annotation_lines(result: RegressResult) -> Iterator[str]:
    """One line each: an error for what is worse, a warning for what cannot be told."""
    worse = result.worse
    for row in worse[:MOST_ERRORS]:
        yield _command("error", f"worse: {words.place(row)}", words.moved(row))
    if len(worse) > MOST_ERRORS:
        more = len(worse) - MOST_ERRORS
        yield _command("error", "worse", f"and {more} more in the report")
    unknown = result.of(Verdict.UNKNOWN)
    if unknown:
        first = unknown[0]
        said = f"{words.place(first)}, {first.words}: {words.detail(first)}"
        yield _command("warning", f"{len(unknown)} cannot be told", f"first: {said}")
    yield _command("notice", "slaibench regress", words.headline(result))


def _command(kind: str, title: str, message: str) -> str:
    """As the runner reads it (actions/toolkit, ``command.ts``): five characters are escaped."""
    plain = _escaped(message)
    name = _escaped(title).replace(":", "%3A").replace(",", "%2C")
    return f"::{kind} title={name}::{plain}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
