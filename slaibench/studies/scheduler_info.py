"""A scheduler as a study takes it: built with its errors in words, identified by its code."""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

from slaibench.machine.syntax import digest_of
from slaibench.schedulers import registry
from slaibench.schedulers.base import Scheduler, SchedulerError, whole_number
from slaibench.schedulers.code_files import files_of
from slaibench.schedulers.engine_class import EngineClass, located, standing_for
from slaibench.schedulers.engine_default import EngineDefault, is_shipped
from slaibench.schedulers.trial import try_out

LIMITS = ("token_budget", "max_active")
DEBUG = "SLAIBENCH_DEBUG"
"""Environment variable: tracebacks are let through, and a user's code runs in this process."""


@dataclass(frozen=True, slots=True)
class SchedulerInfo:
    """What a study knows of one of its schedulers.

    Args:
        options: every option's value, as JSON can hold it.
        source: hash of the code that decides (``code_hash``); None where it is not ours to see.
        token_budget, max_active: its limits, which an engine must be started for.
        is_ours: whether it comes with slaibench; somebody else's may end the process it runs in.
        is_stock: whether it has limits that the engine chooses, not these.
        decides_ahead: whether it can decide a batch while the one before runs; False: a class that
            extends vLLM's synchronous scheduler.
    """

    options: dict[str, Any]
    source: str | None
    token_budget: int
    max_active: int
    is_ours: bool = True
    is_stock: bool = False
    decides_ahead: bool = True


def build(text: str) -> Scheduler:
    """A new scheduler object that can say its options; a user's file is tried out before.

    Raises:
        ValueError: unknown name, file or option, or the class fails in any way of its own.
    """
    file = _file_behind(text)
    in_worker = parent_process() is not None  # which may end, and only gets what was tried out
    facts = None
    if file is not None and file.is_file() and not (in_worker or os.environ.get(DEBUG)):
        facts = try_out(text, file, file.stat().st_mtime_ns)
    scheduler = registry.build(text) if facts is None else registry.make(text, standing_for(facts))
    try:
        options = scheduler.options()
    except (SchedulerError, TypeError) as error:
        raise ValueError(f"scheduler {text!r} cannot be built: {error}") from error
    if not isinstance(options, dict):
        raise ValueError(f"scheduler {text!r}: its options() is {options!r} and no dict")
    for limit in LIMITS:
        try:
            whole_number(limit, getattr(scheduler, limit, None))
        except ValueError as error:
            raise ValueError(
                f"scheduler {text!r}: {error}; does its __init__ call super().__init__()?"
            ) from error
    return scheduler


def without_plugins(text: str, scheduler: Scheduler) -> Scheduler:
    """The scheduler, for a system that has no plug-ins of SGLang's.

    Raises:
        ValueError: it names some.
    """
    if isinstance(scheduler, EngineDefault) and scheduler.plugins:
        raise ValueError(
            f"scheduler {text!r} loads plug-ins of SGLang's, which only SGLang can run: use "
            "--backend sglang"
        )
    return scheduler


def describe(text: str) -> SchedulerInfo:
    """Options and code of the scheduler that a text names.

    Raises:
        ValueError: as ``build``.
    """
    return of(text, build(text))


def of(text: str, scheduler: Scheduler) -> SchedulerInfo:
    """``describe`` for a scheduler that is built."""
    return SchedulerInfo(
        options=plain(scheduler.options()),
        source=code_hash(text, scheduler),
        token_budget=scheduler.token_budget,
        max_active=scheduler.max_active,
        is_ours=is_shipped(scheduler),
        is_stock=isinstance(scheduler, EngineDefault) and len(scheduler.limits) < len(LIMITS),
        decides_ahead=not isinstance(scheduler, EngineClass) or scheduler.facts.asynchronous,
    )


def code_hash(text: str, scheduler: Scheduler) -> str:
    """16 hex digits over the syntax of the files behind a scheduler.

    Those of its classes, and of what these import from their own package or from ours: whoever
    edits a scheduler must not be shown recordings of what it was. Names and places do not count,
    nor do comments, docstrings and layout. Computed once while the files stay as they are.
    """
    if isinstance(scheduler, EngineDefault) and scheduler.foreign_files is not None:
        return _hash_of(frozenset(_version(Path(file)) for file in scheduler.foreign_files))
    own = file_of(text)
    files = set() if own is None else {own}
    for cls in type(scheduler).__mro__:
        module = sys.modules.get(cls.__module__)
        if module is None or (files and module.__name__ == type(scheduler).__module__):
            continue  # a user's file is taken by its path: another one may bear its module's name
        files |= files_of(module)
    return _hash_of(frozenset(map(_version, files)))


def _version(file: Path) -> tuple[Path, int, int, int]:
    """A file, and what changes with its content."""
    status = file.stat()
    return file, status.st_ino, status.st_mtime_ns, status.st_size


@lru_cache(maxsize=256)
def _hash_of(files: frozenset[tuple[Path, int, int, int]]) -> str:
    digests = sorted(digest_of(file) for file, *_ in files)
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:16]


def file_of(text: str) -> Path | None:
    """The file that a scheduler's text names, ``path/to/file.py:Class``; None: it names none."""
    name = text.partition(":")[0]
    return Path(name) if name.endswith(".py") else None


def _file_behind(text: str) -> Path | None:
    """The file of ``path/to/file.py:Class`` or ``module:Class``; None: the text is neither.

    Raises:
        ValueError: as ``registry.parse``.
    """
    name = registry.parse(text)[0]
    return located(name) if ":" in name else None


def plain(options: dict[str, Any]) -> dict[str, Any]:
    """Options as JSON can hold them: what it has no word for (an infinite cycle) as text."""
    return {name: value if _is_plain(value) else str(value) for name, value in options.items()}


def _is_plain(value: object) -> bool:
    if isinstance(value, float):
        return abs(value) < float("inf")
    return value is None or isinstance(value, int | str)
