"""Cells of one bench, run wherever they were asked to."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from slaibench.machine.atomic_write import clear_away
from slaibench.spec import CellSpec
from slaibench.studies.executors.cells import LOGS, CellResult, Summarize, Work
from slaibench.studies.executors.executor import Executor, InProcess
from slaibench.studies.executors.jobs import OnRay, share_of
from slaibench.studies.executors.processes import Processes
from slaibench.studies.prepared import PreparedStudy
from slaibench.studies.scheduler_info import DEBUG


class Pool:
    """An executor for one bench. Use as a context manager; batches of cells may follow.

    What the bench serves with is kept from cell to cell, and let go of at the end.

    Args:
        jobs: processes of this machine (1 runs everything in this one, unless a scheduler of the
            user's might end it), or a Ray cluster.
        fresh: record again what is on disk.

    Raises:
        ValueError: there is no such cluster.
    """

    def __init__(
        self,
        prepared: PreparedStudy,
        results: Path,
        summarize: Summarize,
        *,
        jobs: int | OnRay,
        fresh: bool = False,
    ) -> None:
        self._executor: Executor
        self._results = results
        clear_away(results)
        if isinstance(jobs, OnRay):
            from slaibench.studies.executors.on_ray import RayWorkers  # noqa: PLC0415  (Ray: a second)

            work = Work(prepared, results, summarize, fresh)
            self._executor = RayWorkers(work, jobs, share_of(prepared, jobs))
            return
        work = Work(prepared.logging_to(results / LOGS), results, summarize, fresh)
        apart = jobs > 1 or (prepared.is_risky and not os.environ.get(DEBUG))
        self._executor = Processes(work, jobs) if apart else InProcess(work)

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._executor.close()
        else:
            self._executor.leave()
        clear_away(self._results)  # a process that was killed may have had workers for a moment

    def run(self, cells: Sequence[CellSpec]) -> Iterator[CellResult]:
        """Results in order of completion.

        Raises:
            RecordingError, BackendError, SchedulerError: of the first cell that fails.
        """
        return self._executor.run(cells)
