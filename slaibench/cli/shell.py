"""The thin shell around every command: consoles, progress, errors and exit statuses."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from rich.markup import escape

from slaibench.backends.base import BackendError
from slaibench.cli.console import PlainConsole, shortened
from slaibench.cli.verbosity import is_quiet
from slaibench.recording.store import RecordingError
from slaibench.report.files import ReportError, ReportFiles
from slaibench.report.words import plural
from slaibench.schedulers.base import SchedulerError
from slaibench.schedulers.streams import stdout_for_results

if TYPE_CHECKING:
    from slaibench.studies.executors import CellResult

EXIT_NO = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

out = PlainConsole()
err = PlainConsole(stderr=True)


def fail(message: str, status: int) -> SystemExit:
    """Print one message on stderr; raise what is returned."""
    err.print(
        f"[bold red]slaibench:[/] {escape(shortened(message))}", highlight=False, soft_wrap=True
    )
    return SystemExit(status)


@contextmanager
def usage(options: Mapping[str, str] | None = None) -> Iterator[None]:
    """Around reading and checking arguments: a bad value is wrong usage (status 2).

    ``SLAIBENCH_DEBUG=1`` lets the traceback through.

    Args:
        options: how a specification's fields are called on the command line.
    """
    try:
        with stdout_for_results():  # a user's scheduler may print as it is imported
            yield
    except ValidationError as error:
        if os.environ.get("SLAIBENCH_DEBUG"):
            raise
        raise fail(_bad_field(error, options or {}), EXIT_USAGE) from error
    except (ValueError, RecordingError, ReportError) as error:
        if os.environ.get("SLAIBENCH_DEBUG"):
            raise
        raise fail(str(error), EXIT_USAGE) from error
    except OSError as error:
        if os.environ.get("SLAIBENCH_DEBUG") or error.filename is None:
            raise
        raise fail(f"{error.filename}: {error.strerror}", EXIT_USAGE) from error
    except KeyboardInterrupt:
        raise fail("interrupted before anything ran", EXIT_INTERRUPTED) from None


def _bad_field(error: ValidationError, options: Mapping[str, str]) -> str:
    first = error.errors()[0]
    text = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return text
    field = str(first["loc"][0])
    given = first["input"]
    if isinstance(given, dict | list | bytes):
        return f"{options.get(field, field)}: {text}"  # Of a body, which may hold a secret.
    if isinstance(given, tuple):
        given = " ".join(map(str, given))
    return f"{options.get(field, field)} {given}: {text.replace('Input should', 'must')}"


@contextmanager
def running(status: int = EXIT_NO, *, kept: bool = True) -> Iterator[None]:
    """Around the work itself: what stops it is reported in a sentence, finished cells stay.

    Args:
        status: of a run that cannot be finished.
        kept: whether finished cells are where the same command finds them again.

    Raises:
        SystemExit: with the status, after the message.
    """
    try:
        with stdout_for_results():
            yield
    except (RecordingError, BackendError, SchedulerError, ReportError) as error:
        if os.environ.get("SLAIBENCH_DEBUG"):
            raise
        raise fail(
            f"{error}\nWhat was finished is kept." if kept else str(error), status
        ) from error
    except KeyboardInterrupt:
        goes_on = "; what was finished is kept, the same command goes on from there"
        raise fail(f"interrupted{goes_on if kept else ''}", EXIT_INTERRUPTED) from None


def write_page(write: Callable[[], ReportFiles], *, as_json: bool) -> Path:
    """Write a page, and say where it is: beside a JSON document on stderr, else on stdout.

    Returns:
        The page.
    """
    with running():
        files = write()
    print_hint(f"report: {files.html}", err if as_json else out)
    index_pages(files.html.parent)
    return files.html


def index_pages(folder: Path) -> None:
    """Write the index of a folder of pages; which it could not read is said on stderr."""
    from slaibench.report.index import write_index  # noqa: PLC0415  (loads all kinds of page)

    for note in write_index(folder).notes:
        err.print(f"[yellow]index:[/] {escape(note)}", highlight=False, soft_wrap=True)


def refuse_invalid(cells: Sequence[CellResult]) -> None:
    """End with status 1 when a run is no measurement; what was printed of it stays.

    Raises:
        SystemExit: with how many are not, and why the first is not.
    """
    invalid = [cell for cell in cells if cell.summary.invalid is not None]
    if not invalid:
        return
    first = invalid[0]
    serving = f"{first.cell.scheduler} {first.cell.load}, seed {first.cell.seed}"
    runs = plural(len(cells), "run")
    verb = "is invalid and meets" if len(invalid) == 1 else "are invalid and meet"
    raise fail(
        f"{len(invalid)} of {runs} {verb} no target: {serving}: {first.summary.invalid}",
        EXIT_NO,
    )


def print_line(text: str, console: PlainConsole = out) -> None:
    """A line of plain text, however long: names in it come from outside and are no markup."""
    console.print(escape(text), highlight=False, soft_wrap=True)


def print_hint(text: str, console: PlainConsole = out) -> None:
    """A line that is not the answer, nor a warning of it: ``-q`` leaves it out."""
    if not is_quiet():
        print_line(text, console)


def print_about(lines: Iterable[str]) -> None:
    """What goes with a result: warnings always, the rest as hints."""
    for text in lines:
        (print_line if text.startswith("warning: ") else print_hint)(text)


def print_json(value: Any) -> None:
    """One JSON document on stdout, unstyled; no NaN and no infinity, which JSON lacks."""
    sys.stdout.write(json.dumps(value, indent=1, allow_nan=False) + "\n")
