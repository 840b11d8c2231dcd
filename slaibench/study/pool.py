"""Cells run side by side in worker processes; what is on disk already is not run again."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.util import Finalize
from pathlib import Path
from types import ModuleType
from typing import Any

from slaibench.backends.base import BackendError
from slaibench.recording import store
from slaibench.recording.record import Recording
from slaibench.spec import CellSpec
from slaibench.study.bench import Bench

LOGS = "logs"
"""Folder beside the recordings: what engines say."""
Digest = Callable[[Recording], Any]
"""What the parent wants of a recording; computed where the recording is at hand."""


@dataclass(frozen=True, slots=True)
class CellResult:
    """A cell that is on disk.

    Args:
        folder: its recording.
        digest: what the study asked of it.
        reused: whether it was there already.
    """

    cell: CellSpec
    folder: Path
    digest: Any
    reused: bool


def cell_folder(results: Path, cell: CellSpec) -> Path:
    """Where a cell's recording lies: readable names, made unique by the specification's hash."""
    place = dict.fromkeys((*cell.venue.split(":"), cell.place, cell.model))
    name = f"rate{cell.rate_rps:g}-seed{cell.seed}-{store.spec_hash(cell.spec())}"
    parts = "-".join(map(_file_name, place))
    return results / parts / _file_name(cell.scheduler) / name


def _file_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.=_-]+", "_", text)[-80:].strip("_")


def default_jobs() -> int:
    """As many as this process may use cores."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def obtain(bench: Bench, cell: CellSpec, results: Path, digest: Digest, fresh: bool) -> CellResult:
    """A cell from disk if it is there and whole, else by running it.

    Raises:
        RecordingError: what is there is damaged or another run's, or cannot be written.
        BackendError, SchedulerError: the run cannot be had.
    """
    folder = cell_folder(results, cell)
    if not fresh and _is_there(folder):
        return CellResult(cell, folder, digest(_read(folder, cell)), reused=True)
    recording = bench.run(cell)
    # Another process may have recorded the same cell meanwhile. What it wrote stays, since
    # somebody may be reading it; by invariant 4 it is the same.
    if fresh or not _is_there(folder):
        try:
            store.write(recording, folder)
        except store.RecordingError:
            if fresh or not _is_there(folder):
                raise
    return CellResult(cell, folder, digest(recording), reused=False)


def _is_there(folder: Path) -> bool:
    return (folder / store.RUN).exists()


def _read(folder: Path, cell: CellSpec) -> Recording:
    """Load the recording of a cell; whatever else lies there is refused, never replaced."""
    recording = store.read(folder)
    if recording.run.get("spec") != cell.spec():
        raise store.RecordingError(
            f"{str(folder)!r} holds another run than its name says; remove the folder to have "
            "it recorded again"
        )
    return recording


def jobs_for(bench: Bench, asked: int | None) -> int:
    """How many cells run at a time.

    Raises:
        ValueError: more than one is asked for where runs must not share the machine.
    """
    if not bench.venue.one_at_a_time:
        return asked or default_jobs()
    if asked is not None and asked > 1:
        raise ValueError(
            f"--jobs {asked}: these runs take the machine's own time, and would slow each other "
            "down: leave --jobs out"
        )
    return 1


class _Worker:
    """Holds the bench in each worker process, so that it is sent once and not with every cell."""

    bench: Bench
    results: Path
    digest: Digest
    fresh: bool

    @classmethod
    def start(cls, bench: Bench, results: Path, digest: Digest, fresh: bool) -> None:
        # Ctrl-C is the parent's to handle; a worker that also printed a traceback would bury it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        # The parent's stdout is for results; what a user's scheduler prints is not among them.
        sys.stdout = sys.stderr
        threading.Thread(target=_leave_with_parent, daemon=True).start()
        cls.bench, cls.results, cls.digest, cls.fresh = bench, results, staticmethod(digest), fresh
        Finalize(None, bench.close, exitpriority=1)  # atexit does not run in worker processes

    @classmethod
    def obtain(cls, cell: CellSpec) -> CellResult:
        return obtain(cls.bench, cell, cls.results, cls.digest, cls.fresh)


def _leave_with_parent() -> None:
    """End this worker when its parent was killed; it would wait for work for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _starting_workers() -> Iterator[None]:
    """Around whatever starts processes.

    Workers need nothing of ``__main__``. Importing it, as spawning does, would run a script again
    in each of them that calls us without an ``if __name__ == "__main__"``. And until a worker
    ignores Ctrl-C by itself, it inherits that it is blocked.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    blocks = hasattr(signal, "pthread_sigmask")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if blocks else set()
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        if blocks:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Pool:
    """Worker processes for one bench. Use as a context manager; batches of cells may follow.

    What the bench serves with is kept from cell to cell, and let go of at the end.

    Args:
        jobs: processes; 1 runs everything in this one.
        fresh: record again what is on disk.
    """

    def __init__(
        self, bench: Bench, results: Path, digest: Digest, *, jobs: int, fresh: bool = False
    ) -> None:
        bench = bench.logging_to(results / LOGS)
        self._bench, self._results, self._digest = bench, results, digest
        self._fresh = fresh
        self._executor: ProcessPoolExecutor | None = None
        if jobs > 1:
            self._executor = ProcessPoolExecutor(
                jobs,
                # Forking a process that has threads (Arrow's, rich's) may deadlock.
                mp_context=get_context("spawn"),
                initializer=_Worker.start,
                initargs=(bench, results, digest, fresh),
            )

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._executor is None:
            self._bench.close()
            return
        if kind is None:
            self._executor.shutdown()
            return
        # Something went wrong: what runs now is not worth waiting for. Nothing half-written can
        # be mistaken for a recording, since recordings appear by rename.
        processes = list((getattr(self._executor, "_processes", None) or {}).values())
        self._executor.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            with suppress(OSError):
                process.terminate()

    def run(self, cells: Iterable[CellSpec]) -> Iterator[CellResult]:
        """Results in order of completion.

        Raises:
            RecordingError, BackendError, SchedulerError: of the first cell that fails.
        """
        if self._executor is None:
            for cell in cells:
                yield obtain(self._bench, cell, self._results, self._digest, self._fresh)
            return
        try:
            # Long cells first would finish sooner, but rates in order let a reader follow.
            with _starting_workers():
                pending: set[Future[CellResult]] = {
                    self._executor.submit(_Worker.obtain, cell) for cell in cells
                }
            while pending:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        except BrokenProcessPool as error:
            raise BackendError(
                "a worker process died, most likely for want of memory: run fewer cells at a time "
                "with --jobs"
            ) from error
