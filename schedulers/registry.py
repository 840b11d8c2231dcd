"""From a name on the command line to a scheduler object."""

from __future__ import annotations

import difflib
import importlib
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from slaibench.schedulers.base import Scheduler, option_names
from slaibench.schedulers.contained import (
    OURS,
    contained,
    failure,
    foreign_code,
    is_interrupt,
    is_ours,
    words,
)
from slaibench.schedulers.engine_default import EngineDefault
from slaibench.schedulers.loading import from_entry_point, from_file, from_module, is_scheduler

ENTRY_POINT_GROUP = "slaibench.schedulers"

SHOWN_FIRST = ("sarathi", "slai", "hrrn", "rad", "orca", "prefill-first", "decode-first")
"""The order in which schedulers are listed; others follow by name."""
WITHOUT_SCHEDULER = ("registry", "trial_program")
"""Modules of this folder that are not searched, since they load all the others."""


def _own() -> dict[str, type[Scheduler]]:
    """Each class with a name of its own in a module of this folder."""
    modules = [
        importlib.import_module(f"{OURS}.{module.name}")
        for module in iter_modules([str(Path(__file__).parent)])
        if not module.ispkg and module.name not in WITHOUT_SCHEDULER
    ]
    by_name = {
        value.name: value
        for module in modules
        for value in vars(module).values()
        if is_scheduler(value) and value.__module__ == module.__name__ and "name" in vars(value)
    }
    listed = [name for name in SHOWN_FIRST if name in by_name]
    return {name: by_name[name] for name in (*listed, *sorted(by_name.keys() - set(listed)))}


PORTABLE = {name: cls for name, cls in _own().items() if cls is not EngineDefault}
"""Those that decide, in the simulator and in engines alike; a new one is a file in this folder."""
BUILT_IN: dict[str, type[Scheduler]] = {**PORTABLE, EngineDefault.name: EngineDefault}


def available() -> dict[str, type[Scheduler]]:
    """Every scheduler known by name: ours, then those of installed packages (entry points)."""
    installed = {name: from_entry_point(point) for name, point in _entry_points().items()}
    return {**BUILT_IN, **installed}


def parse(text: str) -> tuple[str, dict[str, Any]]:
    """Split ``name:option=value,option=value`` (a path or a module keeps its ``:Class``).

    Raises:
        ValueError: an option without ``=``.
    """
    head, _, tail = text.partition(":")
    cls, _, rest = tail.partition(":")
    if head.endswith(".py") or (cls.isidentifier() and not _is_name(head)):
        head, tail = f"{head}:{cls}", rest
    options: dict[str, Any] = {}
    for part in filter(None, tail.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise ValueError(
                f"scheduler {text!r}: option {part!r} has no value; write name:option=value"
            )
        options[key.strip().replace("-", "_")] = _number(value.strip())
    return head, options


def _is_name(text: str) -> bool:
    """Whether a scheduler is called so: then no class follows its colon."""
    return text in BUILT_IN or text in _entry_points()


def find(name: str) -> type[Scheduler]:
    """The class behind a name, ``path/to/file.py:Class`` or ``module:Class``.

    Raises:
        ValueError: no such name (with the nearest one), file, module or class.
    """
    path, colon, cls = name.partition(":")
    if path.endswith(".py"):
        return from_file(Path(path), cls)
    if colon:
        return from_module(path, cls)
    if name in BUILT_IN:
        return BUILT_IN[name]
    points = _entry_points()
    if name in points:
        return from_entry_point(points[name])
    names = [*BUILT_IN, *points]
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ValueError(
        f"unknown scheduler {name!r}: {hint}Known: {', '.join(names)}; "
        "your own: path/to/file.py:Class or module:Class"
    )


def build(text: str) -> Scheduler:
    """A new scheduler object from ``name[:option=value,...]``; somebody else's is ``contained``.

    Raises:
        ValueError: unknown name, unknown option (with those that exist), a bad value, or a class
            that fails in any way of its own.
    """
    return make(text, find(parse(text)[0]))


def make(text: str, cls: type[Scheduler]) -> Scheduler:
    """As ``build``, of the class that the text names. Errors as there."""
    name, options = parse(text)
    accepted = option_names(cls)
    for option in options:
        if option not in accepted:
            near = difflib.get_close_matches(option, accepted, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise ValueError(
                f"scheduler {name!r} has no option {option!r}: {hint}It has: {', '.join(accepted)}"
            )
    if is_ours(cls):
        return _made(cls, text, options)
    try:
        with foreign_code():
            return _made(contained(cls), text, options)
    except BaseException as error:
        # A user's class may fail in any way at all; what it said is all that helps.
        if is_interrupt(error) or (isinstance(error, ValueError) and words(error)):
            raise
        raise ValueError(f"scheduler {text!r} cannot be built: {failure(error)}") from error


def _made(cls: type[Scheduler], text: str, options: dict[str, Any]) -> Scheduler:
    try:
        return cls(**options)
    except TypeError as error:
        if not words(error):
            raise
        raise ValueError(f"scheduler {text!r}: {error}") from error


def _entry_points() -> dict[str, EntryPoint]:
    """Those of installed packages, by name; a built-in name cannot be taken."""
    points = entry_points(group=ENTRY_POINT_GROUP)
    return {point.name: point for point in points if point.name not in BUILT_IN}


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
