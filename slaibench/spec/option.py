"""How a field of a specification is called and explained on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class Option:
    """A field's option: ``Annotated[int | None, Option("Requests of a cell.")]``.

    Its type, bounds and default are the field's.

    Args:
        help: what it decides, and what happens without it.
        flag: its name; None: the field's, with dashes.
        several: whether it may be given several times; the texts become one.
        own: whether each command declares it by itself, with a default of its own.
        open: whether its default depends on other fields, so that it is not shown as one.
        file: whether it may name a file or folder, which a study file gives relative to itself.
    """

    help: str
    flag: str | None = None
    several: bool = False
    own: bool = False
    open: bool = False
    file: bool = False


def options_of(specification: type[BaseModel]) -> Iterator[tuple[str, Option]]:
    """Fields that are options, in order, with what says so."""
    for name, field in specification.model_fields.items():
        for mark in field.metadata:
            if isinstance(mark, Option):
                yield name, mark


def flags_of(specification: type[BaseModel]) -> dict[str, str]:
    """By field: its option as it is typed (``--first-seed``)."""
    return {name: f"--{flag(name, option)}" for name, option in options_of(specification)}


def flag(field: str, option: Option) -> str:
    """An option's name without its dashes."""
    return option.flag or field.replace("_", "-")
