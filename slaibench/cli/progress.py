"""How far a command is, on stderr: a live view on a terminal, a line a minute elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Event, Thread

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from slaibench.cli.shell import err, print_line
from slaibench.cli.verbosity import is_quiet, is_verbose
from slaibench.report.progress import LOG_EVERY_S as EVERY_S
from slaibench.report.progress import carried, count, left, line
from slaibench.report.words import plural
from slaibench.studies.executors import CellResult
from slaibench.studies.lifecycle import Plan
from slaibench.studies.progress import Snapshot, Tracker

MOST_DAMAGES = 5
"""Damaged recordings that are named one by one."""
BAR_WIDTH = 12
MOST_NOW = 4
"""Cells that run now that are named, seeds apart."""


@contextmanager
def progress(what: str, plan: Plan | None = None) -> Iterator[Tracker]:
    """Show how far a study is while the block runs it, and how long it took at the end.

    Args:
        what: the command's name.
        plan: of the study, if it has one; with it the time left and what is carried are known.

    Yields:
        What is to be called for each cell.
    """
    tracker = _Loud(what, plan) if is_verbose() else Tracker(plan)
    if is_verbose() and plan is not None:
        print_line(_planned(what, plan), err)
    try:
        with _shown(what, tracker):
            yield tracker
    except KeyboardInterrupt:
        seen = tracker.snapshot()
        if seen.total is not None:
            print_line(f"{what}: {seen.done} of {plural(seen.total, 'cell')} done", err)
        raise
    if is_quiet():
        return
    results = tracker.results
    seen = tracker.snapshot()
    from_disk = f", {seen.reused} taken from disk" if seen.reused else ""
    ran = plural(seen.done - seen.reused, "cell")
    err.print(f"{what}: {ran} run{from_disk}, in {seen.elapsed_s:.0f} s", highlight=False)
    for reason in _not_taken(what, results):
        err.print(f"[yellow]{escape(reason)}[/]", highlight=False, soft_wrap=True)


@contextmanager
def _shown(what: str, tracker: Tracker) -> Iterator[None]:
    shows: AbstractContextManager[object]
    if is_quiet():
        shows = nullcontext()
    elif err.is_terminal:
        shows = Live(_View(what, tracker), console=err, transient=True, refresh_per_second=2)
    else:
        shows = every(EVERY_S, lambda: print_line(f"{what}: {line(tracker.snapshot())}", err))
    with shows:
        yield


@contextmanager
def every(seconds: float, report: Callable[[], None]) -> Iterator[None]:
    """Call something at an interval while the block runs, first after one interval."""
    ended = Event()

    def go_on() -> None:
        while not ended.wait(seconds):
            report()

    thread = Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class _Loud(Tracker):
    """Says of each cell how long it took, and where it is."""

    def __init__(self, what: str, plan: Plan | None) -> None:
        super().__init__(plan)
        self._what = what

    def __call__(self, result: CellResult, done: int, total: int) -> None:
        super().__call__(result, done, total)
        took = "from disk" if result.reused else ""
        if not result.reused and result.took_s is not None:
            took = f"{result.took_s:.2f} s"
        said = ", ".join(filter(None, (took, str(result.folder))))
        print_line(f"{self._what}: {result.cell.words}: {said}", err)


class _View:
    """Bar, time left, what runs, and what each scheduler carries so far."""

    def __init__(self, what: str, tracker: Tracker) -> None:
        self._what = what
        self._tracker = tracker

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield view(self._what, self._tracker.snapshot())


def view(what: str, seen: Snapshot) -> Group:
    """A snapshot in a few lines of a terminal."""
    head = Table.grid(padding=(0, 1))
    for _ in range(4):
        head.add_column(no_wrap=True)
    bar = ProgressBar(total=seen.total, completed=seen.done, width=BAR_WIDTH, pulse=not seen.done)
    head.add_row(what, bar, count(seen), left(seen))
    names = [f"{name.scheduler}  {name.done}/{name.total}" for name in seen.schedulers]
    width = max(map(len, names), default=0)
    rows = [
        Text(f"  {text:{width}}  {carried(name)}".rstrip(), overflow="ellipsis", no_wrap=True)
        for text, name in zip(names, seen.schedulers, strict=True)
    ]
    if seen.now:
        now = list(dict.fromkeys(f"{cell.scheduler} {cell.load}" for cell in seen.now))
        more = ", ..." if len(now) > MOST_NOW else ""
        rows.append(
            Text(
                f"  now: {', '.join(now[:MOST_NOW])}{more}",
                style="dim",
                overflow="ellipsis",
                no_wrap=True,
            )
        )
    return Group(head, *rows)


def _planned(what: str, plan: Plan) -> str:
    jobs = f", {plan.jobs} at a time" if isinstance(plan.jobs, int) else ", on a Ray cluster"
    names = ", ".join(plan.spec.schedulers)
    cells = plural(len(plan.prepared.cells()), "cell")
    more = " and those of the search" if plan.searches else ""
    return f"{what}: {names}; {cells}{more}{jobs}; recordings in {plan.results}"


def _not_taken(what: str, results: Sequence[CellResult]) -> Iterator[str]:
    """Why cells were run that are on disk."""
    stale = sum(result.stale for result in results)
    damaged = [result for result in results if result.damage is not None]
    if stale:
        yield (
            f"{what}: the code has changed since {plural(stale, 'cell')} "
            f"{'was' if stale == 1 else 'were'} recorded: the recordings on disk are stale, and "
            "were not taken"
        )
    for result in damaged[:MOST_DAMAGES]:
        yield f"{what}: recorded again, {str(result.folder)!r} was damaged ({result.damage})"
    if len(damaged) > MOST_DAMAGES:
        yield f"{what}: and {len(damaged) - MOST_DAMAGES} more"
