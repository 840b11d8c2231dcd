"""Prometheus' text format, as far as a number is read off a server: samples of some metrics.

The format is that of ``text/plain; version=0.0.4`` (prometheus.io, "Exposition formats"); what
OpenMetrics 1.0 adds to a line (exemplars) is read over. A line of a metric that is wanted must be
well-formed; of the others nothing is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

_LINE = re.compile(
    r"[ \t]*(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)"
    r'[ \t]*(?:\{(?P<labels>(?:[^"}]|"(?:[^"\\]|\\.)*")*)\}[ \t]*|[ \t])'
    r"[ \t]*(?P<value>[^ \t]+)"
    r"(?:[ \t]+-?[0-9.]+(?:[eE][+-]?[0-9]+)?)?"
    r"(?:[ \t]+#[ \t].*)?[ \t]*"
)
"""A sample: name, labels, value; then a time and an exemplar, which are read over."""
_LABEL = re.compile(r'[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*(,|\Z)')
_NUMBER = re.compile(r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf|nan)", re.I)
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_ESCAPED = re.compile(r'\\([\\"n])')
_MEANING = {"\\": "\\", '"': '"', "n": "\n"}
_SHOWN = 80
"""Characters of a line that a message has."""


class ExpositionError(ValueError):
    """A text is not of the format; the message says where, with the line's beginning."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A value of a metric, and which of several with that name it is (``labels``)."""

    name: str
    labels: dict[str, str]
    value: float


def samples(text: str, names: Collection[str]) -> list[Sample]:
    """The samples of metrics with these names, in the order of the text.

    Args:
        text: the whole answer.
        names: as lines have them: of a counter, with its ``_total``.

    Raises:
        ExpositionError: it is no such text, was cut off, or a line of these metrics is malformed or
            is there twice.
    """
    beginning = text.lstrip()[:1]
    if beginning and not re.match(r"[#a-zA-Z_:{]", beginning):
        raise ExpositionError(f"it begins with {text.lstrip()[:_SHOWN]!r}")
    if text and not text.endswith("\n"):
        raise ExpositionError("it was cut off: its last line has no end")
    read: list[Sample] = []
    seen: set[tuple[str, frozenset[tuple[str, str]]]] = set()
    for number, line in _lines(text, names):
        sample = _sample(line, number)
        key = sample.name, frozenset(sample.labels.items())
        if key in seen:
            raise ExpositionError(f"line {number} is there twice: {line[:_SHOWN]!r}")
        seen.add(key)
        read.append(sample)
    return read


def _lines(text: str, names: Collection[str]) -> Iterator[tuple[int, str]]:
    """The lines of metrics with these names, and their numbers."""
    wanted = frozenset(names)
    starts = tuple(wanted)
    # Only a line feed ends a line; a label may hold what str.splitlines takes for another end.
    for number, whole in enumerate(text.split("\n"), 1):
        line = whole.removesuffix("\r").lstrip(" \t")
        if line.startswith(starts) and (name := _NAME.match(line)) and name[0] in wanted:
            yield number, line


def _sample(line: str, number: int) -> Sample:
    match = _LINE.fullmatch(line)
    if match is None or not _NUMBER.fullmatch(match["value"]):
        raise ExpositionError(f"line {number} is malformed: {line[:_SHOWN]!r}")
    return Sample(
        match["name"], _labels(match["labels"] or "", line, number), float(match["value"])
    )


def _labels(text: str, line: str, number: int) -> dict[str, str]:
    labels: dict[str, str] = {}
    place = 0
    while text[place:].strip(" \t"):
        match = _LABEL.match(text, place)
        if match is None or match[1] in labels:
            raise ExpositionError(f"line {number} has malformed labels: {line[:_SHOWN]!r}")
        labels[match[1]] = _ESCAPED.sub(lambda escaped: _MEANING[escaped[1]], match[2])
        place = match.end()
    return labels
