"""The capacity bound of a workload on a profile, and how close each scheduler comes to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from slaibench.recording.store import check_writable
from slaibench.studies.bound.ask import BoundAsk
from slaibench.studies.bound.plan import Plan, plan
from slaibench.studies.bound.result import BoundResult, assemble
from slaibench.studies.executors import CellResult, Jobs, Pool, jobs_for
from slaibench.studies.sweep import OnCell, collect, quiet


def check(ask: BoundAsk, results: Path, jobs: Jobs = None) -> Plan:
    """Everything that can be refused before any work is done; what will be run.

    Raises:
        ValueError: a name or value is wrong, the venue has no profile, or several ``jobs`` cannot
            be had.
        RecordingError: ``results`` cannot be written.
    """
    made = plan(ask)
    for part in made.parts:
        jobs_for(part.prepared, jobs)
        part.prepared.requests(part.cells[0])
    check_writable(results)
    return made


def run(
    made: Plan,
    results: Path,
    *,
    jobs: Jobs = None,
    fresh: bool = False,
    on_cell: OnCell = quiet,
) -> BoundResult:
    """Run every cell of a plan that is not on disk yet, and hold it against the bounds.

    Args:
        results: folder of the recordings; cells found there are not run again.
        jobs: cells at a time (None: one a core), or the cluster that runs them.
        fresh: run all of them again.
        on_cell: told of each finished cell.

    Raises:
        RecordingError, BackendError, SchedulerError: a cell cannot be had.
    """
    total = sum(len(part.cells) for part in made.parts)
    cells: dict[str, tuple[CellResult, ...]] = {}
    for part in made.parts:
        before = sum(map(len, cells.values()))
        told = _counting(on_cell, before, total)
        count = jobs_for(part.prepared, jobs)
        with Pool(part.prepared, results, part.summary, jobs=count, fresh=fresh) as pool:
            cells[part.name] = collect(pool, part.cells, told)
    return assemble(made, cells)


def _counting(on_cell: OnCell, before: int, total: int) -> Callable[[CellResult, int, int], None]:
    return lambda cell, done, _: on_cell(cell, before + done, total)
