"""From a name on the command line to a scheduler object."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import sys
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

ENTRY_POINT_GROUP = "slaibench.schedulers"

SHOWN_FIRST = ("sarathi", "slai", "hrrn", "rad", "orca", "prefill-first", "decode-first")
"""The order in which schedulers are listed; others follow by name."""
WITHOUT_SCHEDULER = ("registry", "trial_program")
"""Modules of this folder that are not searched, since they load all the others."""


def _is_scheduler(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Scheduler) and value is not Scheduler


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
        if _is_scheduler(value) and value.__module__ == module.__name__ and "name" in vars(value)
    }
    listed = [name for name in SHOWN_FIRST if name in by_name]
    return {name: by_name[name] for name in (*listed, *sorted(by_name.keys() - set(listed)))}


PORTABLE = {name: cls for name, cls in _own().items() if cls is not EngineDefault}
"""Those that decide, in the simulator and in engines alike; a new one is a file in this folder."""
BUILT_IN: dict[str, type[Scheduler]] = {**PORTABLE, EngineDefault.name: EngineDefault}


def available() -> dict[str, type[Scheduler]]:
    """Every scheduler known by name: ours, then those of installed packages (entry points)."""
    installed = {name: _load(point) for name, point in _entry_points().items()}
    return {**BUILT_IN, **installed}


def parse(text: str) -> tuple[str, dict[str, Any]]:
    """Split ``name:option=value,option=value`` (a path keeps its ``:Class``).

    Raises:
        ValueError: an option without ``=``.
    """
    head, _, tail = text.partition(":")
    if head.endswith(".py"):
        cls, _, tail = tail.partition(":")
        head = f"{head}:{cls}"
    options: dict[str, Any] = {}
    for part in filter(None, tail.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise ValueError(
                f"scheduler {text!r}: option {part!r} has no value; write name:option=value"
            )
        options[key.strip().replace("-", "_")] = _number(value.strip())
    return head, options


def find(name: str) -> type[Scheduler]:
    """The class behind a name or ``path/to/file.py:Class``.

    Raises:
        ValueError: no such name (with the nearest one), file or class.
    """
    path, _, cls = name.partition(":")
    if path.endswith(".py"):
        return _from_file(Path(path), cls)
    if name in BUILT_IN:
        return BUILT_IN[name]
    points = _entry_points()
    if name in points:
        return _load(points[name])
    names = [*BUILT_IN, *points]
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ValueError(
        f"unknown scheduler {name!r}: {hint}Known: {', '.join(names)}; "
        "your own: path/to/file.py:Class"
    )


def build(text: str) -> Scheduler:
    """A new scheduler object from ``name[:option=value,...]``; somebody else's is ``contained``.

    Raises:
        ValueError: unknown name, unknown option (with those that exist), a bad value, or a class
            that fails in any way of its own.
    """
    name, options = parse(text)
    cls = find(name)
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


def _load(point: EntryPoint) -> type[Scheduler]:
    try:
        with foreign_code():
            loaded = point.load()
    except BaseException as error:
        # Somebody else's package may fail in any way at all; what it said is all that helps.
        if is_interrupt(error):
            raise
        raise ValueError(
            f"scheduler {point.name!r} of an installed package ({point.value}) fails to load: "
            f"{failure(error)}"
        ) from error
    return _checked(loaded, point.value)


def _from_file(path: Path, name: str) -> type[Scheduler]:
    if not path.is_file():
        raise ValueError(f"no scheduler file {str(path)!r}; give path/to/file.py:Class")
    if not name:
        raise ValueError(f"{str(path)!r} names no class; write {path}:Class")
    spec = importlib.util.spec_from_file_location(f"slaibench_user_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{str(path)!r} cannot be imported as Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their own module up there
    try:
        with foreign_code():
            spec.loader.exec_module(module)
    except BaseException as error:
        # A user's file may fail in any way at all; what it said is all that helps.
        sys.modules.pop(spec.name, None)
        if is_interrupt(error):
            raise
        raise ValueError(f"{str(path)!r} fails on import: {failure(error)}") from error
    if not hasattr(module, name):
        own = [key for key, value in vars(module).items() if _is_scheduler(value)]
        raise ValueError(
            f"{str(path)!r} has no class {name!r}; its schedulers: {', '.join(own) or 'none'}"
        )
    return _checked(getattr(module, name), f"{path}:{name}")


def _checked(cls: object, where: str) -> type[Scheduler]:
    if not (isinstance(cls, type) and issubclass(cls, Scheduler)):
        raise ValueError(f"{where} is not a subclass of slaibench.schedulers.base.Scheduler")
    return cls


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
