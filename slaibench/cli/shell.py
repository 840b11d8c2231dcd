"""The thin shell around every command: consoles, progress, errors and exit statuses."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from schedulers.base import SchedulerError
from slaibench.backends.base import BackendError
from slaibench.recording.store import RecordingError

EXIT_NO = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

out = Console()
err = Console(stderr=True)


def fail(message: str, status: int) -> SystemExit:
    """Print one message on stderr; raise what is returned."""
    err.print(f"[bold red]slaibench:[/] {escape(message)}", highlight=False, soft_wrap=True)
    return SystemExit(status)


@contextmanager
def usage() -> Iterator[None]:
    """Around reading and checking arguments: a bad value is wrong usage (status 2).

    ``SLAIBENCH_DEBUG=1`` lets the traceback through.
    """
    try:
        yield
    except ValidationError as error:
        if os.environ.get("SLAIBENCH_DEBUG"):
            raise
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        text = first["msg"].removeprefix("Value error, ")
        raise fail(f"{where}: {text}" if where else text, EXIT_USAGE) from error
    except (ValueError, RecordingError) as error:
        if os.environ.get("SLAIBENCH_DEBUG"):
            raise
        raise fail(str(error), EXIT_USAGE) from error


@contextmanager
def running() -> Iterator[None]:
    """Around the work itself: what stops it is told in a sentence (status 1), finished cells stay.

    Raises:
        SystemExit: with the status, after the message.
    """
    try:
        yield
    except (RecordingError, BackendError, SchedulerError) as error:
        if os.environ.get("SLAIBENCH_DEBUG"):
            raise
        raise fail(str(error), EXIT_NO) from error
    except KeyboardInterrupt:
        raise fail(
            "interrupted; what was finished is kept, the same command goes on from there",
            EXIT_INTERRUPTED,
        ) from None


def print_json(text: str) -> None:
    """One JSON document on stdout, unstyled."""
    sys.stdout.write(text + "\n")
