"""Somebody else's scheduler class, found by its file, its module or its package's entry point."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

from slaibench.schedulers.base import Scheduler
from slaibench.schedulers.contained import failure, foreign_code, is_interrupt
from slaibench.schedulers.engine_class import facts_of, is_engine_class, standing_for


def is_scheduler(value: object) -> bool:
    """Whether it is a class that extends our ``Scheduler``."""
    return isinstance(value, type) and issubclass(value, Scheduler) and value is not Scheduler


def from_entry_point(point: EntryPoint) -> type[Scheduler]:
    """The class that an installed package offers.

    Raises:
        ValueError: it fails to load, or is no scheduler.
    """
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


def from_module(path: str, name: str) -> type[Scheduler]:
    """The class of ``module:Class``.

    Raises:
        ValueError: there is no such module or class, it fails to load, or is no scheduler.
    """
    try:
        with foreign_code():
            module = importlib.import_module(path)
    except BaseException as error:
        # Somebody else's module may fail in any way at all; what it said is all that helps.
        if is_interrupt(error):
            raise
        raise ValueError(f"module {path!r} fails on import: {failure(error)}") from error
    return _of_module(module, repr(path), name, f"{path}:{name}")


def from_file(path: Path, name: str) -> type[Scheduler]:
    """The class of ``path/to/file.py:Class``; the file is executed anew.

    Raises:
        ValueError: there is no such file or class, it fails to load, or is no scheduler.
    """
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
    return _of_module(module, repr(str(path)), name, f"{path}:{name}")


def _of_module(module: ModuleType, where: str, name: str, reference: str) -> type[Scheduler]:
    if not hasattr(module, name):
        own = [
            key
            for key, value in vars(module).items()
            if is_scheduler(value) or is_engine_class(value)
        ]
        raise ValueError(
            f"{where} has no class {name!r}; its schedulers: {', '.join(own) or 'none'}"
        )
    return _checked(getattr(module, name), reference)


def _checked(cls: object, where: str) -> type[Scheduler]:
    if isinstance(cls, type) and issubclass(cls, Scheduler):
        return cls
    if isinstance(cls, type) and is_engine_class(cls):
        return standing_for(facts_of(cls, where), cls)
    raise ValueError(
        f"{where} is not a subclass of slaibench.schedulers.base.Scheduler, nor of vLLM's "
        f"Scheduler; a plug-in of SGLang's is named engine:plugin={where}"
    )
