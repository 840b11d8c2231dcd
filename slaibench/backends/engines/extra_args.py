"""Arguments of an engine's server that a study does not decide itself, as its user wrote them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from enum import StrEnum

from slaibench.machine.disclosed import hides_arguments

OPTION = "--engine-args"
WHOLE_NAMES = frozenset({"log-level"})
"""Flags of an engine that are the beginning of one of ours."""


class Replacement(StrEnum):
    """The way out for who gives a flag that is ours."""

    MODEL = "use --model or --weights instead"
    WEIGHTS = "use --weights instead"
    SCHEDULER = "use --scheduler instead"
    BUDGET = "give a scheduler token_budget= instead"
    ACTIVE = "give a scheduler max_active= instead"
    CONTEXT = "use --max-context-tokens instead"
    BLOCKS = "use --kv-blocks instead"
    CACHING = "use --prefix-caching instead"
    NOTHING = "leave it out"


def extra_args(text: str, ours: Mapping[str, Replacement]) -> tuple[str, ...]:
    """The words of a command line.

    Args:
        text: quoted as for a shell.
        ours: flags that slaibench sets itself, without dashes in front.

    Raises:
        ValueError: an open quote, no flag at the beginning, a flag of ours, or a value that a
            recording left out.
    """
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise ValueError(f"{OPTION} {text!r}: {error}") from error
    if not words or not words[0].startswith("-"):
        raise ValueError(
            f"{OPTION} {text!r} begins with no flag: write it as the engine's own command line "
            f"has it, e.g. {OPTION} '--tensor-parallel-size=2'"
        )
    if hides_arguments(text):
        raise ValueError(
            f"{OPTION} {text!r} is as a recording has it, which leaves out what may be secret: "
            f"give {OPTION} with the values that it was run with"
        )
    for word in words:
        if owned := _owned(_name(word), ours):
            raise ValueError(
                f"{OPTION}: {word} would change behind a study's back what its recordings say: "
                f"{ours[owned]}"
            )
    return words


def _owned(name: str, ours: Mapping[str, Replacement]) -> str | None:
    """The flag of ours that a name stands for: engines' parsers take the beginning of one as well
    (``argparse``: Argument abbreviations)."""
    if name in ours:
        return name
    if not name or name in WHOLE_NAMES:
        return None
    return next((flag for flag in ours if flag.startswith(name)), None)


def _name(word: str) -> str:
    """Of a flag, as ``ours`` has it; empty for a value."""
    if not word.startswith("--"):
        return ""
    return word[2:].partition("=")[0].replace("_", "-").removeprefix("no-")
