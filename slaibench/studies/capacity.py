"""The largest rate at which a scheduler keeps all SLOs: a search over replicated cells."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from slaibench.measure.run_length import MOST_TIMES
from slaibench.measure.search import Trial, next_rates
from slaibench.rates import significant_rate
from slaibench.spec import CellSpec, Convention, StudySpec
from slaibench.studies.capacity_result import (
    CapacityResult,
    capacity_from,
    ratio_of,
    summaries_by_rate,
)
from slaibench.studies.executors import CellResult, Jobs
from slaibench.studies.lifecycle import OnCell, Plan, about_of, quiet
from slaibench.studies.overload import overload_cells, under_load
from slaibench.studies.prepared import PreparedStudy, prepare
from slaibench.studies.run_summary import RunSummary
from slaibench.studies.searches import Search, side_by_side
from slaibench.studies.targets import STEADY, Targets
from slaibench.studies.tellable import check_tellable

__all__ = [
    "STEADY",
    "CapacityPlan",
    "CapacityResult",
    "capacity_from",
    "check_rate_counts",
    "plan",
    "ratio_of",
    "run",
    "search",
]

RESOLUTION = 0.05
"""Ends of the last bracket lie within 5 % of each other; the capacity is interpolated inside."""
MAX_ROUNDS = 40
STEP_DOWN = 0.92
LEAST_SURE = 0.77
"""A rate that is sure to hold is looked for down to this share of the bracket, in three steps; one
that is sure to fail likewise, above."""
MOST_EXTENSIONS = 8
"""Rounds that look for rates sure to hold and sure to fail."""


@dataclass(frozen=True)
class CapacityPlan(Plan):
    """A search of the capacity of each of the study's schedulers."""

    searches = True


def plan(spec: StudySpec, results: Path, *, jobs: Jobs = None, fresh: bool = False) -> CapacityPlan:
    """A capacity search, checked.

    ``spec.rates``, if any, are measured first and the search goes on from there; ``num_seeds`` is
    the number of replicates around the boundary.

    Args:
        results, jobs, fresh: as ``sweep.plan``.

    Raises:
        ValueError, RecordingError: as ``sweep.plan``, but for the rates; or no run could tell.
    """
    made = CapacityPlan.of(prepare(spec), results, jobs=jobs, fresh=fresh)
    prepared = made.prepared
    check_rate_counts(prepared)
    check_tellable(
        prepared.targets, prepared.spec.num_requests, second_tokens=prepared.has_second_tokens
    )
    return made


def run(plan: CapacityPlan, on_cell: OnCell = quiet) -> list[CapacityResult]:
    """Search the capacity of each scheduler, in the specification's order.

    Raises:
        RecordingError, BackendError, SchedulerError: a cell cannot be had.
    """
    prepared = plan.prepared
    with plan.open() as executor:
        searches = [search(prepared, scheduler, ()) for scheduler in plan.spec.schedulers]
        return list(side_by_side(executor, searches, on_cell))


def check_rate_counts(prepared: PreparedStudy) -> None:
    """Refuse arrivals that are the same at every rate.

    Raises:
        ValueError: with arrivals that depend on one.
    """
    if not prepared.process.takes_rate:
        raise ValueError(
            f"{prepared.process} arrivals do not depend on a rate, so there is no capacity to "
            "find: use poisson, gamma, constant or trace without a scale; or slaibench sweep"
        )


def search(
    prepared: PreparedStudy, scheduler: str, at_hand: Sequence[CellResult]
) -> Search[CapacityResult]:
    """Search one scheduler's capacity, from what is already measured.

    First the boundary is bracketed (``measure.search``); then the rates about it are run longer,
    and rates further off are added, until one is sure to hold and one is sure to fail. A longer run
    may judge otherwise than a short one did, and then the boundary is bracketed anew.

    Args:
        at_hand: cells of a sweep; more are run as needed.
    """
    spec = prepared.spec
    cells = [result for result in at_hand if result.cell.scheduler == scheduler]
    if all(result.cell.overload is None for result in cells):
        cells += yield overload_cells(prepared, (scheduler,))
    if not summaries_by_rate(cells) and spec.rates:
        wanted = [prepared.cell(scheduler, rate, spec.first_seed) for rate in spec.rates]
        cells += yield wanted
    extensions = MOST_EXTENSIONS if spec.convention is Convention.STRICT else 0
    for _ in range(MAX_ROUNDS):
        proposals = next_rates(
            [
                trial_of(prepared.targets, rate, summaries)
                for rate, summaries in summaries_by_rate(cells).items()
            ],
            start_rps=1.0,
            resolution=RESOLUTION,
            replicates=spec.num_seeds,
        )
        wanted = [
            cell
            for proposal in proposals
            for cell in _missing(prepared, scheduler, proposal.rate_rps, cells, proposal.replicates)
        ]
        if not wanted and extensions:
            wanted = list(_surer(prepared, scheduler, cells))
            extensions -= 1
        if not wanted:
            break
        cells = longest([*cells, *(yield wanted)])
    return capacity_from(spec, prepared.targets, about_of(cells), scheduler, cells)


def _missing(
    prepared: PreparedStudy,
    scheduler: str,
    rate_rps: float,
    cells: Sequence[CellResult],
    replicates: int,
    num_requests: int | None = None,
) -> Iterator[CellSpec]:
    """Cells of a rate that are not at hand, with so many seeds and requests."""
    there = [r.cell for r in cells if r.cell.rate_rps == rate_rps and not r.cell.overload]
    longest = max((cell.num_requests for cell in there), default=0)
    size = max(num_requests or prepared.requests_at(rate_rps), longest)
    have = {cell.seed for cell in there if cell.num_requests >= size}
    for seed in range(prepared.spec.first_seed, prepared.spec.first_seed + replicates):
        if seed not in have:
            yield prepared.cell(scheduler, rate_rps, seed, size)


def _surer(
    prepared: PreparedStudy, scheduler: str, cells: Sequence[CellResult]
) -> Iterator[CellSpec]:
    """Cells that would make an end of the interval surer, if any would."""
    spec = prepared.spec
    result = capacity_from(spec, prepared.targets, "", scheduler, cells)
    low, high = result.capacity.bracket
    if low is None or high is None or result.capacity.ci95 is None:
        return
    rates = result.measured.rates_rps.tolist()
    levels = {
        rate: [curve.levels[place] for curve in result.measured.curves]
        for place, rate in enumerate(rates)
    }
    # Longer runs at the last rate that holds, where they exclude nothing.
    lengths = {run.cell.rate_rps: run.cell.num_requests for run in under_load(cells)}
    first = prepared.requests_at(low)
    blind = any(level.value <= 0 and math.isinf(level.high) for level in levels[low])
    if blind and prepared.extends and 2 * lengths[low] <= MOST_TIMES * first:
        yield from _missing(prepared, scheduler, low, cells, spec.num_seeds, 2 * lengths[low])
    sure = [rate for rate in rates if all(level.high <= 0 for level in levels[rate])]
    size = lengths[low] if prepared.extends else None
    if not blind and (not sure or max(sure) < LEAST_SURE * low):
        tried = min(rate for rate in rates if LEAST_SURE * low <= rate <= low)
        lower = significant_rate(tried * STEP_DOWN)
        if lower >= low * LEAST_SURE:
            yield from _missing(prepared, scheduler, lower, cells, spec.num_seeds, size)
    failing = [
        rate for rate in rates if rate >= high and any(level.low > 0 for level in levels[rate])
    ]
    if not failing or min(failing) > high / LEAST_SURE:
        tried = max(rate for rate in rates if rate <= high / LEAST_SURE)
        higher = significant_rate(tried / STEP_DOWN)
        if higher <= high / LEAST_SURE:
            yield from _missing(prepared, scheduler, higher, cells, spec.num_seeds)


def longest(cells: Sequence[CellResult]) -> list[CellResult]:
    """Of each rate the cells with most requests: longer runs replace the shorter ones."""
    most: dict[float, int] = {}
    for result in cells:
        rate = result.cell.rate_rps
        most[rate] = max(most.get(rate, 0), result.cell.num_requests)
    return [result for result in cells if result.cell.num_requests == most[result.cell.rate_rps]]


def trial_of(targets: Targets, rate_rps: float, summaries: Sequence[RunSummary]) -> Trial:
    """Whether a rate passes over its replicates, SLO by SLO: as ``capacity`` will see it."""
    levels = targets.levels(summaries)
    holds = all(level.value <= 0 for level in levels.values())
    return Trial(rate_rps, holds, len(summaries))
