"""A study as the command that makes its recordings again: what all kinds of page share."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import cast

from slaibench.endpoint.dialect import SPOKEN
from slaibench.report.study_document import StudyNumbers
from slaibench.spec import SpecForm, StudySpec, flags_of

GIVEN = ("rates", "concurrency", "num_seeds")
"""Fields that each command says in its own way."""


def command_line(
    words: Iterable[str], spec: Mapping[str, object], results: Path | None = None
) -> str:
    """The command as a line of a shell.

    Args:
        words: the command, and the options that are its own.
        spec: fields that every study takes; those left at their default are not named.
        results: folder of the recordings; None: of a command that writes no page, into the folder
            that it takes by default.
    """
    last = () if results is None else ("--results", str(results), "--no-report")
    return shlex.join(["slaibench", *words, *_fields(spec), *last])


def with_workload(study: StudyNumbers) -> SpecForm:
    """A study's specification with the workload that it ran with, since a default one depends on
    what is at hand.

    Args:
        study: numbers of one study (``report.numbers.study_numbers``).
    """
    spec = study["spec"]
    return {**spec, "workload": spec["workload"] or study["cell"]["workload"]}


def seeds(num_seeds: int) -> list[str]:
    """The number of replicates."""
    return ["--seeds", str(num_seeds)]


def repeated(option: str, values: Iterable[str]) -> list[str]:
    """An option that is given once for each value."""
    return [word for value in values for word in (option, value)]


def joined(values: Iterable[float]) -> str:
    """Numbers as one value of an option."""
    return ",".join(map(_value, values))


def _fields(spec: Mapping[str, object]) -> Iterable[str]:
    default = StudySpec().model_dump(mode="json")
    if spec.get("device") is None:
        spec = {**spec, "clock": None}  # there is one only
    flags = {name: option for name, option in flags_of(StudySpec).items() if name not in GIVEN}
    for name in StudySpec.model_fields:
        value = spec.get(name)
        if value is None or value == default.get(name):
            continue
        if name == "dialect":
            yield from command_of_dialect(cast("Mapping[str, object]", value))
        elif name in flags:
            yield from _option(flags[name], value)


def _option(flag: str, value: object) -> list[str]:
    if isinstance(value, bool):
        return [flag if value else f"--no-{flag.removeprefix('--')}"]
    return [flag, _value(value)]


def command_of_dialect(form: Mapping[str, object]) -> Iterable[str]:
    """Options of how an endpoint is spoken to; a header's value is for who runs it to give."""
    for field in sorted(SPOKEN, key=lambda field: not field.is_switch):
        yield from field.words(form.get(field.name, field.default))


def _value(value: object) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)
