"""Cells in worker processes of this machine."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import get_context, parent_process
from multiprocessing.util import Finalize
from types import ModuleType

from slaibench.backends.base import BackendError
from slaibench.spec import CellSpec
from slaibench.study.pool.cells import CellResult, Work


class _Worker:
    """Holds the work in each worker process, so that it is sent once and not with every cell."""

    work: Work

    @classmethod
    def start(cls, work: Work) -> None:
        # Ctrl-C is the parent's to handle; a worker that also printed a traceback would bury it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        # The parent's stdout is for results; what a user's scheduler prints is not among them.
        sys.stdout = sys.stderr
        threading.Thread(target=_leave_with_parent, daemon=True).start()
        cls.work = work
        Finalize(None, work.bench.close, exitpriority=1)  # atexit does not run in worker processes

    @classmethod
    def obtain(cls, cell: CellSpec) -> CellResult:
        return cls.work.obtain(cell)


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


class Processes:
    """Worker processes (``slaibench.study.pool.executor.Executor``).

    Args:
        jobs: how many, at least two.
    """

    def __init__(self, work: Work, jobs: int) -> None:
        self._executor = ProcessPoolExecutor(
            jobs,
            # Forking a process that has threads (Arrow's, rich's) may deadlock.
            mp_context=get_context("spawn"),
            initializer=_Worker.start,
            initargs=(work,),
        )

    def run(self, cells: Sequence[CellSpec]) -> Iterator[CellResult]:
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

    def close(self) -> None:
        self._executor.shutdown()

    def leave(self) -> None:
        processes = list((getattr(self._executor, "_processes", None) or {}).values())
        self._executor.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            with suppress(OSError):
                process.terminate()
