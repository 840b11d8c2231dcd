"""How every study goes: plan, run, result; and what all of them share.

A study is a module (or a package's modules ``plan`` and ``run``) with two functions:

    plan(spec, results, ..., jobs=None, fresh=False) -> XPlan
    run(plan, on_cell=quiet) -> XResult

``plan`` refuses whatever can be refused before any work, with a ValueError or a RecordingError. It
resolves, parses and hashes everything once; what it finds travels in the plan, a frozen value.
``run`` only does the work: it raises what a cell may (RecordingError, BackendError,
SchedulerError). ``XResult.to_json()`` is the document that scripts read.

The command line calls ``plan`` inside ``usage()`` and ``run`` inside ``running()``, the Python
interface one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, Self, runtime_checkable

from slaibench.recording import store
from slaibench.recording.store import check_writable
from slaibench.spec import CellSpec, StudySpec
from slaibench.studies.executors import (
    CellResult,
    Executor,
    Jobs,
    OnRay,
    Summarize,
    jobs_for,
    open_executor,
)
from slaibench.studies.prepared import PreparedStudy
from slaibench.studies.systems.table import describe_run

OnCell = Callable[[CellResult, int, int], None]
"""Called with each finished cell: (cell, how many are done, how many there are)."""


@runtime_checkable
class Listener(Protocol):
    """An ``OnCell`` that hears of cells before they are done (``studies.progress``)."""

    def begin(self, cells: Sequence[CellSpec]) -> None:
        """These are run next: all that have not been done, however long they have been wanted."""

    def skip(self, cells: Sequence[CellSpec]) -> None:
        """Those of these that have not run are not wanted any more."""

    def __call__(self, result: CellResult, done: int, total: int) -> None:
        """As any ``OnCell``."""


def quiet(_: CellResult, __: int, ___: int) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class Plan:
    """Cells of one study that can be run; the base of the studies' own plans.

    Make it with ``of``, which checks.

    Args:
        prepared: the study, every name of it resolved.
        results: folder of the recordings; cells that are there are not run again.
        summarize: what is kept of a recording.
        jobs: cells at a time on this machine, or the cluster that runs them.
        fresh: run again what is on disk.
    """

    searches: ClassVar[bool] = False
    """Whether cells follow from others, so that nobody knows yet how many there will be."""

    within_minutes: ClassVar[bool] = False
    """Whether it takes a budget of time (``spec.pace``)."""

    closed_loops: ClassVar[bool] = False
    """Whether it takes clients that wait instead of rates (``studies.closed_loop``)."""

    prepared: PreparedStudy
    results: Path
    summarize: Summarize
    jobs: int | OnRay
    fresh: bool

    @classmethod
    def of(
        cls,
        prepared: PreparedStudy,
        results: Path,
        *,
        jobs: Jobs = None,
        fresh: bool = False,
        summarize: Summarize | None = None,
    ) -> Self:
        """A plan that has been checked as far as that goes without running a cell.

        Args:
            jobs: cells at a time (None: one a core), or the cluster that runs them.
            summarize: None: a ``RunSummary`` with what the study's targets need.

        Raises:
            ValueError: so many ``jobs`` cannot be had, the requests of a cell cannot be made, or
                the study names a budget of time, which it does not take.
            RecordingError: ``results`` cannot be written.
        """
        spec = prepared.spec
        if not cls.within_minutes and (spec.minutes, spec.max_rate_rps) != (None, None):
            raise ValueError(
                "--minutes and --max-rate go with the capacity of a server that is there already "
                "(slaibench capacity --url): leave them out"
            )
        if not cls.closed_loops:
            refuse_closed_loops(spec)
        count = jobs_for(prepared, jobs)
        check_writable(results)
        prepared.requests(prepared.first_cell())
        summarize = summarize or prepared.targets.summarizer()
        return cls(prepared, results, summarize, count, fresh)

    @property
    def spec(self) -> StudySpec:
        """The specification, with what its backend decides filled in."""
        return self.prepared.spec

    def open(self) -> AbstractContextManager[Executor]:
        """What runs the cells; its system is kept from batch to batch, until the block is left."""
        return open_executor(
            self.prepared, self.results, self.summarize, jobs=self.jobs, fresh=self.fresh
        )


def refuse_closed_loops(spec: StudySpec) -> None:
    """Refuse closed loops where a study rests on loads that do not wait.

    Raises:
        ValueError: the specification names some.
    """
    if spec.concurrency is not None:
        clients = ",".join(map(str, spec.concurrency))
        raise ValueError(
            f"--concurrency {clients}: closed loops go with the commands sweep, compare and replay "
            "(slaibench.closed_loop in Python); here loads have rates: leave it out"
        )


def collect(
    executor: Executor, cells: Sequence[CellSpec], on_cell: OnCell
) -> tuple[CellResult, ...]:
    """Run cells; results in the order asked for, ``on_cell`` in that of completion."""
    if isinstance(on_cell, Listener):
        on_cell.begin(cells)
    by_cell: dict[tuple[str, float, int], CellResult] = {}
    for done, result in enumerate(executor.run(cells), start=1):
        on_cell(result, done, len(cells))
        by_cell[result.cell.key] = result
    return tuple(by_cell[cell.key] for cell in cells)


def about_of(cells: Sequence[CellResult]) -> str:
    """The system under test of these cells (``describe_run``), from the first one's recording."""
    return describe_run(store.read_run(cells[0].folder)) if cells else ""
