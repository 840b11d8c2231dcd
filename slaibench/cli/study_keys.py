"""How a command's options and a study file's keys belong together: both are made from the fields.

An option of a specification stands where its field does (``load.seeds``); one of how cells run in
``[running]``; one that only this command has in the table of its name (``[bound]``).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from typer.models import ArgumentInfo, ParameterInfo

from slaibench.cli.endpoint import DialectOptions
from slaibench.cli.workers import KEPT
from slaibench.spec.study_layout import (
    DIALECT,
    FIELDS,
    PLACES,
    RUNNING,
    SCHEDULERS,
    StudyKind,
)

NOT_KEPT = frozenset({"as_json", "quiet", "verbose", "context", "save_study"})
"""Parameters that decide how an answer is printed, not what it is."""


@dataclass(frozen=True, slots=True)
class Key:
    """An option of a command, and where it stands in a study file.

    Args:
        name: of the command's parameter.
        flag: as it is typed (``--seeds``); None: an argument.
        short: its short form (``-s``); None: it has none.
        place: dotted (``load.seeds``).
        field: of the specification (or ``dialect``); None: it is none of its fields.
        kind: its Python type, without None and without the list around it.
        several: whether it may be given several times.
    """

    name: str
    flag: str | None
    short: str | None
    place: str
    field: str | None
    kind: Any
    several: bool
    default: Any
    least: float | None
    help: str

    def arguments(self, value: Any) -> list[str]:
        """The words of a command line that say a file's value."""
        if self.flag is None:
            return [value] if isinstance(value, str) else [str(item) for item in value]
        if self.field == DIALECT:
            return self._of_dialect(value)
        if value is False or value is None:
            return [f"--no-{self.flag[2:]}"] if self.kind is bool and self.default else []
        if value is True:
            return [self.flag]
        if isinstance(value, list | tuple):
            texts = [str(item) for item in value]
            return [
                f"{self.flag}={text}" for text in (texts if self.several else [",".join(texts)])
            ]
        return [f"{self.flag}={value}"]

    def _of_dialect(self, dialect: Mapping[str, Any]) -> list[str]:
        field = DialectOptions.fields[self.name]
        value = dialect.get(field.name)
        if field.is_switch:
            return field.words(value)
        return [f"{self.flag}={text}" for text in field.texts(value)]


def keys_of(command: Callable[..., None], kind: StudyKind) -> Sequence[Key]:
    """What a study file of a kind may hold, in the order of the command's help."""
    keys = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        marks = getattr(parameter.annotation, "__metadata__", ())
        info = next((mark for mark in marks if isinstance(mark, ParameterInfo)), None)
        if info is not None and parameter.name not in NOT_KEPT:
            keys.append(_key(parameter, info, kind))
    return keys


def _key(parameter: inspect.Parameter, info: ParameterInfo, command: StudyKind) -> Key:
    first = getattr(info, "default", None)  # where Annotated takes the first of the names
    declared = [name for name in (first, *(info.param_decls or ())) if isinstance(name, str)]
    long = [text.partition("/")[0] for text in declared if text.startswith("--")]
    flag = long[0] if long else f"--{parameter.name.replace('_', '-')}"
    kind, several = _plain(get_args(parameter.annotation)[0])
    field, place = _place(parameter.name, flag, info, command)
    return Key(
        parameter.name,
        None if isinstance(info, ArgumentInfo) else flag,
        next((text for text in declared if len(text) == 2), None),
        place,
        field,
        kind,
        several,
        parameter.default,
        info.min,
        info.help or "",
    )


def _place(name: str, flag: str, info: ParameterInfo, command: StudyKind) -> tuple[str | None, str]:
    if isinstance(info, ArgumentInfo) or name == "scheduler":
        return SCHEDULERS, SCHEDULERS
    if name in DialectOptions.fields:
        return DIALECT, f"{PLACES[DIALECT]}.{DialectOptions.fields[name].name}"
    key = flag[2:].replace("-", "_")
    for keys in FIELDS.values():
        if key in keys:
            return keys[key], PLACES[keys[key]]
    table = RUNNING if info.rich_help_panel == KEPT else command.value
    return None, f"{table}.{key}"


def _plain(annotation: Any) -> tuple[Any, bool]:
    """A type without None and without the list around it; whether there was one."""
    if get_origin(annotation) in (Union, UnionType):
        annotation = next(item for item in get_args(annotation) if item is not type(None))
    if get_origin(annotation) is list:
        return get_args(annotation)[0], True
    return annotation, False


def plain(value: Any) -> Any:
    """A parameter's value as a file has it."""
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Path) else value
