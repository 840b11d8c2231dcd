"""The capacity bound of a workload on a profile, and how close each scheduler comes to it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from slaibench.studies.bound.bounds import Bounds, bounds_of
from slaibench.studies.bound.result import BoundResult, assemble
from slaibench.studies.bound.spec import BoundSpec
from slaibench.studies.executors import CellResult, Jobs
from slaibench.studies.lifecycle import OnCell, Plan, collect, quiet


@dataclass(frozen=True, slots=True)
class BoundPlan:
    """Bounds, and how the runs of each of their parts are made.

    Args:
        parts: as many as ``bounds.parts``, in the same order.
    """

    bounds: Bounds
    parts: tuple[Plan, ...]


def plan(spec: BoundSpec, results: Path, *, jobs: Jobs = None, fresh: bool = False) -> BoundPlan:
    """Every bound, and every run to compare with it, checked.

    Args:
        results, jobs, fresh: as ``studies.sweep.plan``.

    Raises:
        ValueError: a name or value is wrong, the system has no profile, or so many ``jobs`` cannot
            be had.
        RecordingError: ``results`` cannot be written.
    """
    bounds = bounds_of(spec)
    parts = tuple(
        Plan.of(part.prepared, results, jobs=jobs, fresh=fresh, summarize=part.summarize)
        for part in bounds.parts
    )
    return BoundPlan(bounds, parts)


def run(plan: BoundPlan, on_cell: OnCell = quiet) -> BoundResult:
    """Run every cell that is not on disk yet, and compare it with the bounds.

    Raises:
        RecordingError, BackendError, SchedulerError: a cell cannot be had.
    """
    total = sum(len(part.cells) for part in plan.bounds.parts)
    cells: dict[str, tuple[CellResult, ...]] = {}
    for part, runs in zip(plan.bounds.parts, plan.parts, strict=True):
        before = sum(map(len, cells.values()))
        with runs.open() as executor:
            cells[part.name] = collect(
                executor, part.cells, partial(_counted, on_cell, before, total)
            )
    return assemble(plan.bounds, cells)


def _counted(
    on_cell: OnCell, before: int, total: int, result: CellResult, done: int, _: int
) -> None:
    """Report a part's cell as one of all parts'."""
    on_cell(result, before + done, total)
