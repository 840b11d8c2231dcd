"""Somebody else's scheduler, contained: however its code fails, it fails as a scheduler.

A class of ours is trusted. A user's may raise anything, ``SystemExit`` included, or call what ends
the process it runs in; a gate that asks for exit status 0 must not take that for a pass.
"""

from __future__ import annotations

import dis
import functools
import os
import posix
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from slaibench.former_names import allow_former_names
from slaibench.schedulers.base import Scheduler, SchedulerError
from slaibench.schedulers.streams import ClosedDescriptorsError, kept_open

OURS = __name__.rpartition(".")[0]
HOUSE = Path(__file__).parents[1]
"""Where our own code lies."""
VERBS = ("queue_key", "schedule", "batch_running", "batch_done", "options")
ASKS_TO_END = {signal.SIGTERM, signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGTERM)}
HARMLESS = {0, signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH}
"""Signals that end nobody by themselves; 0 only asks whether a process is there."""


class ProcessEndError(BaseException):
    """A scheduler asked for the end of the process that it runs in.

    No ``Exception``, so that a scheduler that goes on after any of those does not go on after it.
    """


def is_ours(cls: type) -> bool:
    """Whether a class comes with slaibench: then a failure is a defect of ours."""
    return in_package(cls.__module__, OURS)


def in_package(module: str, package: str) -> bool:
    """Whether a module is a package, or lies in it; by their names."""
    return f"{module}.".startswith(f"{package}.")


def failure(error: BaseException) -> str:
    """What somebody else's code raised, and where: ``KeyError: 'x' (mine.py, line 12)``."""
    frames = list(traceback.extract_tb(error.__traceback__))
    theirs = [frame for frame in frames if not _in_house(frame.filename)]
    if isinstance(error, ClosedDescriptorsError):
        return words(error)  # found out afterwards
    where = (theirs or frames)[-1]
    said = ": ".join(filter(None, (type(error).__name__, words(error))))
    return f"{said} ({Path(where.filename).name}, line {where.lineno})"


def words(error: BaseException) -> str:
    """What an exception says. Somebody else's may fail at that too: then it says nothing."""
    try:
        return str(error)
    except BaseException as second:
        if is_interrupt(second):
            raise
        return ""


def _in_house(file: str) -> bool:
    return file.startswith("<frozen") or Path(file).is_relative_to(HOUSE)


def is_interrupt(error: BaseException) -> bool:
    """Whether somebody pressed Ctrl-C, rather than code saying ``raise KeyboardInterrupt``.

    A signal stops Python between two instructions; the innermost one is then no ``raise``.
    """
    at = error.__traceback__
    if not isinstance(error, KeyboardInterrupt) or at is None:
        return False
    while at.tb_next is not None:
        at = at.tb_next
    return dis.opname[at.tb_frame.f_code.co_code[at.tb_lasti]] != "RAISE_VARARGS"


def contained(cls: type[Scheduler]) -> type[Scheduler]:
    """The same class, whose verbs raise ``SchedulerError`` with ``failure``'s words, or nothing.

    A class of ours is handed back as it is.
    """
    if is_ours(cls):
        return cls
    verbs: dict[str, Any] = {name: _contained(getattr(cls, name)) for name in VERBS}
    # Not a step's verb, and asked for in the process that prints the results.
    verbs["options"] = _contained(kept_open()(cls.options))
    own = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__}
    return type(cls.__name__, (cls,), {**own, **verbs})


def _contained(verb: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(verb)
    def call(*args: Any) -> Any:
        before, _inside.thread = _inside.thread, threading.get_ident()
        try:
            return verb(*args)
        except BaseException as error:
            if is_interrupt(error) or (type(error) is SchedulerError and words(error)):
                raise
            # "from None": in the log of an engine that dies of it, this is the one error. Its
            # traceback leads to the scheduler's own line.
            raise SchedulerError(failure(error)).with_traceback(error.__traceback__) from None
        finally:
            _inside.thread = before

    return call


@contextmanager
def foreign_code() -> Iterator[None]:
    """Around somebody else's code that is no verb: its import, its constructor.

    What ends or replaces the process at once raises ``ProcessEndError`` in here and in contained
    verbs. Other threads, and whoever else is in this process, may end it as before. Standard output
    and standard error are kept open, and what an earlier version had is found (``former_names``).
    """
    _forbid_endings()
    allow_former_names()
    before, _inside.thread = _inside.thread, threading.get_ident()
    try:
        with kept_open():
            yield
    finally:
        _inside.thread = before


class _Inside:
    """Which thread is in somebody else's code."""

    thread: int | None = None


_inside = _Inside()


def _forbid_endings() -> None:
    """Replace, once, the functions that end or replace a process by ones that look who calls.

    They are looked up where a scheduler finds them, so this comes before its import. What gets
    around it (a call into the C library, say) ends the process: then its parent tells
    (``slaibench.studies.executors.processes``).
    """
    if hasattr(os._exit, "__wrapped__"):
        return
    for module in (os, posix):
        for name in ("_exit", "abort", "execv", "execve"):
            _forbid(module, name, lambda *_: True)
        _forbid(module, "kill", _kill_ends)
        _forbid(module, "killpg", lambda group, number: _kill_ends(-group, number))
    _forbid(signal, "raise_signal", _ends)
    _forbid(signal, "pthread_kill", lambda _, number: _ends(number))


def _forbid(module: Any, name: str, ends: Callable[..., bool]) -> None:
    real = getattr(module, name)

    @functools.wraps(real)
    def call(*args: Any, **named: Any) -> Any:
        # In a child that the scheduler forked, this ends the child.
        here = os.getpid() == owner and _inside.thread == threading.get_ident()
        if here and ends(*args, *named.values()):
            said = ", ".join(map(str, args))
            raise ProcessEndError(f"{module.__name__}.{name}({said}) would end the process")
        return real(*args, **named)

    owner = os.getpid()
    setattr(module, name, call)


def _kill_ends(pid: int, number: int) -> bool:
    """Whether kill(2) would end this process, or those that it works with: its parent and its
    group. A handler of this process (Ray sets one) says nothing of what it does to the others."""
    if pid == os.getpid():
        return _ends(number)
    return pid in (os.getppid(), 0, -1, -os.getpgrp()) and number not in HARMLESS


def _ends(number: int) -> bool:
    """Whether a signal asks this process to end, whoever handles it (Ray does), or ends it since
    nobody does."""
    if number in HARMLESS:
        return False
    handlers = (signal.SIG_DFL, signal.default_int_handler)
    return number in ASKS_TO_END or signal.getsignal(number) in handlers
