"""The contract of an executor, the plainest one (this process), and which one a study gets."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from slaibench.machine.atomic_write import clear_away
from slaibench.spec import CellSpec
from slaibench.studies.executors.cells import (
    LOGS,
    CellResult,
    CellWork,
    More,
    Summarize,
    no_more,
)
from slaibench.studies.executors.jobs import Jobs, OnRay, local_jobs, share_of
from slaibench.studies.executors.processes import WorkerProcesses
from slaibench.studies.prepared import PreparedStudy
from slaibench.studies.scheduler_info import DEBUG


class Executor(Protocol):
    """Where cells run. The system under test is kept from cell to cell, until it is closed or
    left."""

    def run(self, cells: Sequence[CellSpec], more: More = no_more) -> Iterator[CellResult]:
        """Every cell once, in order of completion; those on disk are read.

        Args:
            more: asked, whenever a result was taken, for cells to run beside those that still do.

        Raises:
            RecordingError, BackendError, SchedulerError: of the first cell that fails.
        """

    def close(self) -> None:
        """Let go of everything; nothing runs any more."""

    def leave(self) -> None:
        """The same at once, whatever runs: it is not worth waiting for. Nothing half-written can be
        mistaken for a recording, since recordings appear by rename."""


class InProcess:
    """One cell after the other, in this process."""

    def __init__(self, work: CellWork) -> None:
        self._work = work

    def run(self, cells: Sequence[CellSpec], more: More = no_more) -> Iterator[CellResult]:
        waiting = deque(cells)
        while waiting:
            yield self._work.obtain(waiting.popleft())
            waiting.extend(more())

    def close(self) -> None:
        self._work.prepared.close()

    def leave(self) -> None:
        self.close()


@contextmanager
def open_executor(
    prepared: PreparedStudy,
    results: Path,
    summarize: Summarize,
    *,
    jobs: int | OnRay,
    fresh: bool = False,
) -> Iterator[Executor]:
    """An executor for one study, for as long as the block lasts; batches of cells may follow.

    Args:
        jobs: processes of this machine (1 runs everything in this one, unless a scheduler of the
            user's might end it), or a Ray cluster.
        fresh: record again what is on disk.

    Raises:
        ValueError: there is no such cluster.
    """
    clear_away(results)
    executor = _executor(prepared, results, summarize, jobs, fresh)
    try:
        yield executor
    except BaseException:
        executor.leave()
        raise
    else:
        executor.close()
    finally:
        clear_away(results)  # a process that was killed may have had workers for a moment


def _executor(
    prepared: PreparedStudy, results: Path, summarize: Summarize, jobs: int | OnRay, fresh: bool
) -> Executor:
    if isinstance(jobs, OnRay):
        from slaibench.studies.executors.on_ray import RayWorkers  # noqa: PLC0415  (Ray: a second)

        work = CellWork(prepared, results, summarize, fresh)
        return RayWorkers(work, jobs, share_of(prepared, jobs))
    work = CellWork(prepared.logging_to(results / LOGS), results, summarize, fresh)
    apart = jobs > 1 or (prepared.is_risky and not os.environ.get(DEBUG))
    return WorkerProcesses(work, jobs) if apart else InProcess(work)


def jobs_for(prepared: PreparedStudy, jobs: Jobs) -> int | OnRay:
    """How many cells run at a time, and where.

    Raises:
        ValueError: as ``local_jobs``, or a cluster that is not there or has nothing for these
            cells.
    """
    if isinstance(jobs, OnRay):
        from slaibench.studies.executors.cluster import check  # noqa: PLC0415  (Ray: a second)

        check(jobs, share_of(prepared, jobs))
        return jobs
    return local_jobs(prepared, jobs)
