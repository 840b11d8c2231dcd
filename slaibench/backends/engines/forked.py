"""A function in a copy of this process, which leaves nothing of what it did here."""

from __future__ import annotations

import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import NoReturn, TypeVar

from slaibench.schedulers.trial import ended

T = TypeVar("T")


def in_a_copy(work: Callable[[], T], expected: tuple[type[Exception], ...]) -> T:
    """What a function returns, or raises, in a fork of this process.

    Its threads are not in the copy: this process must not compute by threads. What the function
    holds open (a line to another process) it has there as well, while this process waits.

    Args:
        work: returns what can be pickled.
        expected: exceptions that are raised here again, with their text.

    Raises:
        ChildProcessError: the copy ended otherwise; what it printed is in the log of this process.
    """
    ours, theirs = multiprocessing.Pipe(duplex=False)
    pid = os.fork()
    if pid == 0:
        _answer(work, expected, theirs)
    theirs.close()
    with ours:
        try:
            kind, value = ours.recv()
        except EOFError:
            kind, value = None, None
    _, status = os.waitpid(pid, 0)
    if kind is None:
        how = ended(os.waitstatus_to_exitcode(status))
        raise ChildProcessError(f"a run's process {how}")
    if kind < 0:
        result: T = value
        return result
    raise expected[kind](value)


def _answer(
    work: Callable[[], T], expected: tuple[type[Exception], ...], line: Connection
) -> NoReturn:
    """In the copy: send what comes of it, and end.

    Nothing of the copied process's own end is run.
    """
    status = 1
    try:
        try:
            line.send((-1, work()))
        except expected as error:
            kind = next(at for at, cls in enumerate(expected) if isinstance(error, cls))
            line.send((kind, str(error)))
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
