"""Closed loops: N clients, each of which waits for its answer before it sends again.

What that shows is what N users get who wait; what it cannot show is in ``CANNOT_TELL``. So there is
no capacity here, no saturation and no verdict by targets: those are of loads that do not wait
(``sweep``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np

from slaibench.measure.paired import paired_ratio
from slaibench.spec import StudySpec
from slaibench.studies.closed_result import CHANGES, ClosedChange, ClosedPoint, ClosedResult
from slaibench.studies.estimate import Estimate, over_seeds
from slaibench.studies.executors import CellResult, Jobs
from slaibench.studies.lifecycle import OnCell, Plan, about_of, collect, quiet
from slaibench.studies.operating_point import make_point
from slaibench.studies.prepared import prepare
from slaibench.studies.run_summary import RunSummary
from slaibench.studies.targets import Targets


@dataclass(frozen=True)
class ClosedPlan(Plan):
    """Every cell of a study of closed loops.

    Args:
        compares: whether schedulers are compared with the first one.
    """

    closed_loops = True
    compares: bool = False


def plan(
    spec: StudySpec,
    results: Path,
    *,
    compares: bool = False,
    jobs: Jobs = None,
    fresh: bool = False,
) -> ClosedPlan:
    """Closed loops, checked as far as that goes without running a cell.

    Args:
        compares: the schedulers after the first are compared with it.
        results, jobs, fresh: as ``sweep.plan``.

    Raises:
        ValueError, RecordingError: as ``sweep.plan``; or a comparison of one scheduler.
    """
    if compares and len(spec.schedulers) < 2:
        raise ValueError(
            f"a comparison is of two schedulers or more, not of {spec.schedulers[0]!r} alone: name "
            "another, or use a sweep"
        )
    made = ClosedPlan.of(prepare(spec), results, jobs=jobs, fresh=fresh)
    return replace(made, compares=compares)


def run(plan: ClosedPlan, on_cell: OnCell = quiet) -> ClosedResult:
    """Run every cell that is not on disk yet, and bring the numbers together.

    Raises:
        RecordingError, BackendError, SchedulerError: a cell cannot be had.
    """
    with plan.open() as executor:
        cells = collect(executor, plan.prepared.cells(), on_cell)
    prepared = plan.prepared
    note = prepared.source.note
    return closed_result(prepared.spec, about_of(cells), note, cells, compares=plan.compares)


def closed_result(
    spec: StudySpec,
    about: str,
    workload_note: str,
    cells: Sequence[CellResult],
    *,
    compares: bool = False,
) -> ClosedResult:
    """Closed loops from their cells."""
    tiers = Targets.of(spec).tier_names
    by_place: dict[tuple[str, int], list[RunSummary]] = {}
    for result in sorted(cells, key=lambda result: result.cell.seed):
        place = result.cell.scheduler, result.cell.concurrency or 0
        by_place.setdefault(place, []).append(result.summary)
    places = [
        place for place in product(spec.schedulers, spec.concurrency or ()) if place in by_place
    ]
    reference = spec.schedulers[0]
    return ClosedResult(
        spec=spec,
        about=about,
        workload_note=workload_note,
        points=tuple(_point(*place, by_place[place], tiers) for place in places),
        changes=tuple(
            _change(*place, by_place[reference, place[1]], by_place[place])
            for place in places
            if compares and place[0] != reference and (reference, place[1]) in by_place
        ),
        compares=compares,
        cells=tuple(cells),
    )


def _point(
    scheduler: str, clients: int, summaries: Sequence[RunSummary], tiers: Sequence[str]
) -> ClosedPoint:
    rates = [run.metrics.output_tokens_per_s for run in summaries]
    return ClosedPoint(
        scheduler,
        clients,
        make_point(scheduler, math.inf, summaries, tiers),
        over_seeds(
            [None if rate is None else rate / clients for rate in rates],
            sum(run.metrics.num_measured for run in summaries),
            log=False,
        ),
        tuple(run.loop for run in summaries if run.loop is not None),
    )


def _change(
    scheduler: str, clients: int, before: Sequence[RunSummary], after: Sequence[RunSummary]
) -> ClosedChange:
    pairs = list(zip(before, after, strict=False))
    speeds = [
        b.metrics.output_tokens_per_s / a.metrics.output_tokens_per_s
        for a, b in pairs
        if a.metrics.output_tokens_per_s and b.metrics.output_tokens_per_s
    ]
    speed = over_seeds(speeds, len(speeds))
    p50, p99 = (_ttft_change(pairs, q) for q in CHANGES.values())
    return ClosedChange(scheduler, clients, p50, p99, _less_one(speed))


def _less_one(ratio: Estimate) -> Estimate:
    value, low, high = (
        None if end is None else end - 1 for end in (ratio.value, ratio.low, ratio.high)
    )
    return Estimate(value, low, high, ratio.n)


def _ttft_change(pairs: Sequence[tuple[RunSummary, RunSummary]], q: float) -> Estimate:
    """Of the requests that both runs of a seed measured."""
    a, b = [], []
    for before, after in pairs:
        count = min(len(before.ttft_s), len(after.ttft_s))
        first, second = before.ttft_s[:count], after.ttft_s[:count]
        both = ~(np.isnan(first) | np.isnan(second))
        a.append(first[both])
        b.append(second[both])
    num_pairs = sum(map(len, a))
    if not a or not min(map(len, a)):
        return Estimate(None, None, None, num_pairs)
    change = paired_ratio(a, b, q=q).as_change()
    value = None if math.isnan(change.estimate) else change.estimate
    return Estimate(value, change.low, change.high, num_pairs)
