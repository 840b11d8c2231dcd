"""How far a study is, in words; and shown under a notebook's cell or on a script's stderr."""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from slaibench.report.words import plural
from slaibench.studies.lifecycle import OnCell, quiet
from slaibench.studies.progress import SchedulerProgress, Snapshot, Tracker

if TYPE_CHECKING:
    from slaibench.spec import CellSpec
    from slaibench.studies.executors import CellResult
    from slaibench.studies.lifecycle import Plan

NOTEBOOK_EVERY_S = 0.25
TERMINAL_EVERY_S = 0.5
LOG_EVERY_S = 60.0
"""Least time between two updates of a display, of a terminal's line, and between two lines."""


def line(seen: Snapshot) -> str:
    """A snapshot as a line of a log: ``12 of 60 cells, 3 min left, sarathi carries ...``."""
    carries = [f"{name.scheduler} {text}" for name in seen.schedulers if (text := carried(name))]
    return ", ".join([count(seen), left(seen), *carries])


def count(seen: Snapshot) -> str:
    """``12 of 60 cells``."""
    if seen.total is None:
        return "no cell done yet"
    return f"{seen.done} of {plural(seen.total, 'cell')}{' known so far' if seen.searches else ''}"


def left(seen: Snapshot) -> str:
    """The time left."""
    if seen.eta_s is None:
        return "time left not known"
    return f"{'at least ' if seen.searches else ''}{duration(seen.eta_s)} left"


def duration(seconds: float) -> str:
    """Seconds as a person says them: ``40 s``, ``3 min``, ``2 h 5 min``."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def carried(name: SchedulerProgress) -> str:
    """What a scheduler carries so far; empty: nothing is known yet."""
    if name.carries_rps is None:
        return "" if name.fails_rps is None else f"misses a target at {name.fails_rps:g} requests/s"
    if name.fails_rps is None:
        return f"carries {name.carries_rps:g} requests/s so far"
    return f"carries {name.carries_rps:g} to {name.fails_rps:g} requests/s so far"


@contextmanager
def shown(what: str, plan: Plan | None, wanted: bool | None) -> Iterator[OnCell]:
    """Show how far a study is while the block runs it; what was shown then goes away.

    Args:
        what: the study's name.
        wanted: None: in a notebook only.

    Yields:
        What is to be called for each cell.
    """
    in_notebook = _in_notebook()
    if wanted is False or (wanted is None and not in_notebook):
        yield quiet
        return
    view: _Display | _Stderr = _Display() if in_notebook else _Stderr()
    try:
        yield _Shown(what, plan, view)
    finally:
        view.close()


class _Shown(Tracker):
    """A tracker that shows itself at most once in a while, from the thread that runs the study."""

    def __init__(self, what: str, plan: Plan | None, view: _Display | _Stderr) -> None:
        super().__init__(plan)
        self._what = what
        self._view = view
        self._last_s = time.monotonic() if isinstance(view, _Stderr) else float("-inf")

    def begin(self, cells: Sequence[CellSpec]) -> None:
        super().begin(cells)
        self._show()

    def __call__(self, result: CellResult, done: int, total: int) -> None:
        super().__call__(result, done, total)
        self._show()

    def _show(self) -> None:
        now_s = time.monotonic()
        if now_s - self._last_s >= self._view.every_s:
            self._last_s = now_s
            self._view.show(self._what, self.snapshot())


class _Display:
    """One output of a notebook's cell, written anew."""

    every_s = NOTEBOOK_EVERY_S

    def __init__(self) -> None:
        ipython = sys.modules["IPython"]
        self._handle = ipython.display.DisplayHandle()
        self._handle.display({"text/plain": ""}, raw=True)

    def show(self, what: str, seen: Snapshot) -> None:
        text = f"{what}: {line(seen)}"
        bar = f'<progress value="{seen.done}" max="{seen.total or 1}"></progress>'
        both = {"text/plain": text, "text/html": f"{bar} {html.escape(text)}"}
        self._handle.update(both, raw=True)

    def close(self) -> None:
        self._handle.update({"text/plain": "", "text/html": ""}, raw=True)


class _Stderr:
    """A line that is written over on a terminal; elsewhere one a minute."""

    def __init__(self) -> None:
        self._over = sys.stderr.isatty()
        self.every_s = TERMINAL_EVERY_S if self._over else LOG_EVERY_S

    def show(self, what: str, seen: Snapshot) -> None:
        text = f"{what}: {line(seen)}"
        ends = ("\r\x1b[K" + text[:79], "") if self._over else (text, "\n")
        print(ends[0], end=ends[1], file=sys.stderr, flush=True)

    def close(self) -> None:
        if self._over:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _in_notebook() -> bool:
    """Whether the output of this process goes to a notebook's cell, not to a terminal."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")
