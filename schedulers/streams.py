"""Standard output and standard error around somebody else's code.

Standard output is for results. Whatever that code writes there, by ``print``, to descriptor 1 or by
a program that it starts, goes to standard error; what it closes or replaces is as before after it.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import TextIO

STDOUT, STDERR = 1, 2


class ClosedDescriptorsError(Exception):
    """Somebody else's code closed descriptors that are not its own."""


@contextmanager
def stdout_for_results() -> Iterator[None]:
    """Around what may run somebody else's code: what it prints goes to standard error.

    The first time, descriptor 1 becomes standard error's for as long as this process lives, since
    threads and programs may outlive the code that started them; ``sys.stdout`` goes on with a
    duplicate. A ``sys.stdout`` that is not on descriptor 1 (a test's) stays as it is.
    """
    stream = sys.stdout
    if _descriptor(stream) == STDOUT:
        stream.flush()
        sys.stdout = _Writing.of(stream).opened(_copy(STDOUT), own=True)
        _turn_to_stderr()
    with redirect_stdout(sys.stderr):
        yield


def only_stderr() -> None:
    """For a process that has no results to print: its standard output is standard error."""
    if sys.stdout is not None:
        sys.stdout.flush()
    _turn_to_stderr()
    sys.stdout = sys.stderr


@contextmanager
def kept_open() -> Iterator[None]:
    """Around somebody else's code: descriptors and streams are afterwards what they were.

    Raises:
        ClosedDescriptorsError: it closed more than standard output and standard error.
    """
    out, err = sys.stdout, sys.stderr
    ways = {stream: _Writing.of(stream) for stream in (out, err) if stream is not None}
    numbers = {STDOUT, STDERR, *(way.descriptor for way in ways.values())}
    copies = {number: _copy(number) for number in numbers if file_at(number)}
    files = {number: file_at(copy) for number, copy in copies.items()}
    try:
        yield
    finally:
        lost = [number for number, copy in copies.items() if file_at(copy) != files[number]]
        for number, copy in copies.items():
            if number not in lost:
                os.dup2(copy, number)
                os.close(copy)
        again = {
            stream: way.opened(way.descriptor) for stream, way in ways.items() if _shut(stream)
        }
        sys.stdout, sys.stderr = again.get(out, out), again.get(err, err)
        if lost:
            raise ClosedDescriptorsError("it closed descriptors that are not its own")


def _turn_to_stderr() -> None:
    """Make descriptor 1 standard error's, or nobody's where that is closed."""
    if file_at(STDERR):
        os.dup2(STDERR, STDOUT)
        return
    nobody = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nobody, STDOUT)
    if nobody != STDOUT:
        os.close(nobody)


def _descriptor(stream: TextIO | None) -> int:
    """The descriptor that a stream writes to; -1: none."""
    try:
        return -1 if stream is None else stream.fileno()
    except (OSError, ValueError, AttributeError):  # in memory, closed, or no file at all
        return -1


def _copy(descriptor: int) -> int:
    """A duplicate that is none of the standard ones, even where those are closed."""
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, STDERR + 1)


def file_at(descriptor: int) -> tuple[int, int] | None:
    """Which file a descriptor is open on; None: it is not open."""
    try:
        status = os.fstat(descriptor)
    except (OSError, OverflowError):
        return None
    return status.st_dev, status.st_ino


def _shut(stream: TextIO) -> bool:
    """Whether a stream is of no use any more."""
    try:
        return stream.closed
    except ValueError:  # its buffer was taken away
        return True


@dataclass(frozen=True, slots=True)
class _Writing:
    """How a stream writes, and where."""

    descriptor: int
    encoding: str
    errors: str | None
    line_buffering: bool
    write_through: bool

    @classmethod
    def of(cls, stream: TextIO) -> _Writing:
        return cls(
            _descriptor(stream),
            getattr(stream, "encoding", None) or "utf-8",
            getattr(stream, "errors", None),
            bool(getattr(stream, "line_buffering", True)),
            bool(getattr(stream, "write_through", False)),
        )

    def opened(self, descriptor: int, *, own: bool = False) -> TextIO:
        """A stream on a descriptor (none: on standard error's) that writes in this way.

        Args:
            own: the descriptor is closed with the stream.
        """
        stream = open(  # noqa: SIM115  (it stays open)
            STDERR if descriptor < 0 else descriptor,
            "w",
            encoding=self.encoding,
            errors=self.errors,
            closefd=own,
        )
        stream.reconfigure(line_buffering=self.line_buffering, write_through=self.write_through)
        return stream
