"""Cells in worker processes of this machine.

A user's scheduler runs in one even when nothing runs side by side: what ends its process ends a
worker, and the command is there to tell.
"""

from __future__ import annotations

import faulthandler
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from multiprocessing.util import Finalize
from pathlib import Path
from types import ModuleType

from slaibench.backends.base import BackendError
from slaibench.schedulers.base import SchedulerError
from slaibench.schedulers.streams import ClosedDescriptorsError, file_at, kept_open, only_stderr
from slaibench.schedulers.trial import ended, place
from slaibench.spec import CellSpec
from slaibench.studies.executors.cells import CellResult, CellWork, More, no_more
from slaibench.studies.scheduler_info import file_of

DEATH_LIMIT_S = 5.0
"""From the news that a worker is gone to its exit status."""


class _Worker:
    """Holds the work in each worker process, so that it is sent once and not with every cell."""

    work: CellWork
    cell: Path
    """Names the cell that runs, for who finds this process dead."""

    @classmethod
    def start(cls, work: CellWork, notes: Path) -> None:
        # Ctrl-C is the parent's to handle; a worker that also printed a traceback would bury it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        # The parent's stdout is for results; what a user's scheduler prints is not among them.
        only_stderr()
        cls.work = work
        cls.cell, at = _notes_of(notes, os.getpid())
        threading.Thread(target=_leave_with_parent, daemon=True).start()
        faulthandler.enable(at.open("w"))
        Finalize(
            None, work.prepared.close, exitpriority=1
        )  # atexit does not run in worker processes

    @classmethod
    def obtain(cls, cell: CellSpec) -> CellResult:
        cls.cell.write_text(cell.model_dump_json(), encoding="utf-8")
        try:
            with kept_open():
                return cls.work.obtain(cell)
        except ClosedDescriptorsError:
            os._exit(1)  # The way to the parent may be closed too; it reads the note.
        finally:
            cls.cell.unlink()


def _notes_of(notes: Path, pid: int) -> tuple[Path, Path]:
    """Files that a worker leaves when it dies: which cell it ran, and where it was."""
    return notes / f"{pid}.cell", notes / f"{pid}.at"


def _leave_with_parent() -> None:
    """End this worker when its parent was killed; it would wait for work for ever."""
    parent = parent_process()
    if parent is not None:
        before = file_at(parent.sentinel)
        with suppress(OSError):
            parent.join()
        if file_at(parent.sentinel) == before:  # else a scheduler closed it: there is one to tell
            shutil.rmtree(_Worker.cell.parent, ignore_errors=True)
        os._exit(1)


def _status(worker: BaseProcess) -> int | None:
    """How a worker that is gone, or about to be, ended; None: it goes on."""
    limit_s = time.monotonic() + DEATH_LIMIT_S
    # A worker that closed its way to us is taken for gone, by join too, before it is.
    while worker.exitcode is None and time.monotonic() < limit_s:
        worker.join(DEATH_LIMIT_S)
        time.sleep(0.01)
    return worker.exitcode


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


class WorkerProcesses:
    """Worker processes (``slaibench.studies.executors.executor.Executor``).

    Args:
        jobs: how many, at least one.
    """

    def __init__(self, work: CellWork, jobs: int) -> None:
        self._work = work
        self._notes = tempfile.TemporaryDirectory(prefix="slaibench-")
        self._executor = ProcessPoolExecutor(
            jobs,
            # Forking a process that has threads (Arrow's, rich's) may deadlock.
            mp_context=get_context("spawn"),
            initializer=_Worker.start,
            initargs=(work, Path(self._notes.name)),
        )

    def run(self, cells: Sequence[CellSpec], more: More = no_more) -> Iterator[CellResult]:
        workers: list[BaseProcess] = []
        try:
            pending = self._begin(cells)
            workers = self._workers()
            while pending:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
                    pending |= self._begin(more())
                    workers = self._workers() or workers
        except BrokenProcessPool as error:
            raise self._why(workers) from error

    def _begin(self, cells: Sequence[CellSpec]) -> set[Future[CellResult]]:
        # Long cells first would finish sooner, but rates in order let a reader follow.
        with _starting_workers():
            return {self._executor.submit(_Worker.obtain, cell) for cell in cells}

    def close(self) -> None:
        self._executor.shutdown()
        self._notes.cleanup()

    def leave(self) -> None:
        processes = self._workers()
        results = getattr(self._executor, "_result_queue", None)
        self._executor.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            with suppress(OSError):
                process.terminate()
        for process in processes:
            process.join(DEATH_LIMIT_S)
        if results is not None:
            # A worker may have been in the middle of a result. The executor's thread, which this
            # process waits for at its end, reads on while anybody could still write, we included.
            results._writer.close()
        self._notes.cleanup()

    def _workers(self) -> list[BaseProcess]:
        return list((getattr(self._executor, "_processes", None) or {}).values())

    def _why(self, workers: Sequence[BaseProcess]) -> Exception:
        """What to raise when a worker is gone: the scheduler's failure, if it was a user's."""
        deaths: list[tuple[bool, bool, int, CellSpec, Path]] = []
        for worker in workers:
            status = _status(worker)
            note, at = _notes_of(Path(self._notes.name), worker.pid or 0)
            if note.is_file() and status is not None:
                cell = CellSpec.model_validate_json(note.read_text(encoding="utf-8"))
                is_ours = self._work.prepared.runs_ours(cell.scheduler)
                deaths.append((status == -signal.SIGTERM, is_ours, status, cell, at))
        # The others are ended by the executor, with SIGTERM; so is one that closed its way to it.
        for _, is_ours, status, cell, at in sorted(deaths, key=lambda death: death[:2])[:1]:
            how = ended(status)
            if is_ours:
                return BackendError(
                    f"{cell.words}: a worker process {how}, most likely for want of memory: run "
                    "fewer cells at a time with --jobs"
                )
            file = file_of(cell.scheduler)
            where = place(at.read_text(encoding="utf-8", errors="replace"), file or Path())
            return SchedulerError(
                f"{cell.words}: the process that ran it {how}"
                f"{f' in {where or file}' if where or file else ''}: a scheduler must not end its "
                "process, close what it did not open, nor take more memory than there is"
            )
        return BackendError(
            "a worker process died, most likely for want of memory: run fewer cells at a time with "
            "--jobs"
        )
