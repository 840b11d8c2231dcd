"""Latency against load: every scheduler at every rate, replicated over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slaibench.measure.quantile_interval import quantile_size
from slaibench.measure.run_length import Worth, next_length
from slaibench.measure.steady import Steadiness
from slaibench.spec import CellSpec, StudySpec
from slaibench.spec.study_layout import StudyKind
from slaibench.spec.study_text import study_text
from slaibench.studies.capacity_result import CapacityResult, capacity_from
from slaibench.studies.chosen_rates import check_can_choose, check_takes_rate, with_rates
from slaibench.studies.executors import CellResult, Executor, Jobs
from slaibench.studies.forms import SweepForm
from slaibench.studies.frames import common_columns, frame_of, metric_rows, wide_row
from slaibench.studies.lifecycle import Listener, OnCell, Plan, about_of, collect, quiet
from slaibench.studies.operating_point import OperatingPoint, make_point
from slaibench.studies.overload import overload_cells, under_load
from slaibench.studies.prepared import PreparedStudy, prepare
from slaibench.studies.replicates import state_of
from slaibench.studies.run_summary import RunSummary
from slaibench.studies.searches import Search, side_by_side
from slaibench.studies.shown import Shown, named, rates_in_words
from slaibench.studies.targets import Targets, Verdict
from slaibench.studies.trust import warnings_of
from slaibench.workloads.arrivals import ArrivalProcess

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class SweepPlan(Plan):
    """Every cell of a study, at the rates that it names."""


@dataclass(frozen=True, repr=False)
class SweepResult(Shown):
    """A sweep's points and where its recordings lie.

    Args:
        spec: the specification.
        targets: what its runs are judged by, and its tiers in their order.
        about: the system under test; in a second line, how far whole runs on its profile can be
            trusted.
        workload_note: one line on where the lengths come from.
        points: by scheduler and rate, in the specification's order.
        cells: every cell behind them.
        num_reused: cells that were on disk already.
    """

    spec: StudySpec
    targets: Targets
    about: str
    workload_note: str
    points: tuple[OperatingPoint, ...]
    cells: tuple[CellResult, ...]

    @property
    def num_reused(self) -> int:
        return sum(cell.reused for cell in self.cells)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know of how far the numbers can be trusted; each once."""
        return warnings_of(self.cells)

    def of(self, scheduler: str) -> list[OperatingPoint]:
        """One scheduler's points by rate."""
        return [point for point in self.points if point.scheduler == scheduler]

    @cached_property
    def by_targets(self) -> dict[str, CapacityResult]:
        """By scheduler: how every swept rate stands by the targets, and the capacity as far as
        these rates tell it; nothing more is run."""
        own = {
            name: [cell for cell in self.cells if cell.cell.scheduler == name]
            for name in dict.fromkeys(point.scheduler for point in self.points)
        }
        return {
            name: capacity_from(self.spec, self.targets, self.about, name, cells)
            for name, cells in own.items()
        }

    @property
    def capacities(self) -> tuple[CapacityResult, ...]:
        """Capacities by the swept rates; none where a scheduler has one rate, or arrivals are the
        same at every rate."""
        if not ArrivalProcess.parse(self.spec.arrivals_or_default).takes_rate:
            return ()
        return tuple(r for r in self.by_targets.values() if len(r.measured.rates_rps) > 1)

    def verdict(self, point: OperatingPoint) -> Verdict:
        """Whether a point keeps all targets."""
        return self.by_targets[point.scheduler].verdicts[point.rate_rps]

    def summaries(self, scheduler: str, rate_rps: float) -> list[RunSummary]:
        """The replicates behind a point, by seed."""
        return summaries_of(self.cells, scheduler, rate_rps)

    def folders(self) -> list[Path]:
        """Where the recordings lie."""
        return [cell.folder for cell in self.cells]

    def to_json(self) -> SweepForm:
        return {
            "spec": self.spec.to_json(),
            "study_file": self.study_file(),
            "about": self.about,
            "workload": self.workload_note,
            "warnings": list(self.warnings),
            "points": [
                {
                    "scheduler": point.scheduler,
                    "rate_rps": point.rate_rps,
                    **point.to_json(),
                    "verdict": self.verdict(point).to_json(),
                }
                for point in self.points
            ],
            "capacities": [result.to_json() for result in self.capacities],
        }

    def study_file(self, kind: StudyKind = StudyKind.SWEEP) -> str | None:
        """The text of a study file that asks for this, or for a study that it is part of."""
        is_server = self.spec.backend == "endpoint"
        return study_text(StudyKind.REPLAY if is_server else kind, self.spec.to_json())

    @property
    def in_words(self) -> str:
        names = named(point.scheduler for point in self.points)
        carried = [result.carries for result in self.capacities]
        where = rates_in_words(point.rate_rps for point in self.points)
        return f"{names} at {where}; {'; '.join(carried)}" if carried else f"{names} at {where}"

    def frame(self, *, long: bool = False) -> pd.DataFrame:
        """One row a scheduler and rate; ``long``: one a scheduler, rate and metric."""
        common = common_columns(self.cells[0].cell)
        rows: list[dict[str, Any]] = []
        for point in self.points:
            head = {"scheduler": point.scheduler, **common, "rate_rps": point.rate_rps}
            if long:
                rows += [{**head, **row} for row in metric_rows(point)]
            else:
                rows.append({**head, "verdict": self.verdict(point).state.value, **wide_row(point)})
        return frame_of(rows, () if long else ("saturated",))


def plan(spec: StudySpec, results: Path, *, jobs: Jobs = None, fresh: bool = False) -> SweepPlan:
    """A sweep, checked as far as that goes without running a cell.

    Args:
        results: folder of the recordings; cells that are there are not run again.
        jobs: cells at a time (None: one a core), or the cluster that runs them.
        fresh: run all of them again.

    Raises:
        ValueError: a name, an SLO or a value of the specification is wrong, it names no rate where
            none can be chosen, or so many ``jobs`` cannot be had.
        RecordingError: ``results`` cannot be written.
    """
    check_can_choose(spec)
    made = SweepPlan.of(prepare(spec), results, jobs=jobs, fresh=fresh)
    check_takes_rate(made.prepared)
    return made


def run(plan: SweepPlan, on_cell: OnCell = quiet) -> SweepResult:
    """Run every cell that is not on disk yet, and bring the numbers together; choose the rates
    first where the study names none.

    Raises:
        RecordingError, BackendError, SchedulerError: a cell cannot be had.
    """
    with plan.open() as executor:
        return sweep_in(executor, with_rates(executor, plan.prepared, on_cell), on_cell)


def sweep_in(executor: Executor, prepared: PreparedStudy, on_cell: OnCell = quiet) -> SweepResult:
    """The sweep of a study, in an executor that is open."""
    cells = collect_overload(executor, prepared, prepared.spec.schedulers, on_cell)
    cells += collect_extended(executor, prepared, on_cell)
    return sweep_result(
        prepared.spec, prepared.targets, about_of(cells), prepared.source.note, cells
    )


def sweep_result(
    spec: StudySpec,
    targets: Targets,
    about: str,
    workload_note: str,
    cells: Sequence[CellResult],
) -> SweepResult:
    """A sweep from its cells: a point of every scheduler and rate that has one."""
    points = [
        make_point(scheduler, rate, summaries, targets.tier_names)
        for scheduler in spec.schedulers
        for rate in spec.rates
        if (summaries := summaries_of(cells, scheduler, rate))
    ]
    return SweepResult(spec, targets, about, workload_note, tuple(points), tuple(cells))


def collect_overload(
    executor: Executor, prepared: PreparedStudy, schedulers: Sequence[str], on_cell: OnCell
) -> tuple[CellResult, ...]:
    """The runs that measure these schedulers' saturated throughputs, where there can be any."""
    return collect(executor, overload_cells(prepared, schedulers), on_cell)


def collect_extended(
    executor: Executor, prepared: PreparedStudy, on_cell: OnCell
) -> tuple[CellResult, ...]:
    """Every cell of a study, as long as its numbers need (``measure.run_length``).

    Where a scheduler's runs at a rate are too short, they are run again, longer, from their start.
    Their first requests are the same, so that schedulers are compared over those they share.
    """
    planned = prepared.cells()
    cells = _first_runs(executor, prepared, planned, on_cell)
    if prepared.extends:
        points = dict.fromkeys(result.cell.key[:2] for result in cells)
        searches = [
            _extended(prepared, [result for result in cells if result.cell.key[:2] == point])
            for point in points
        ]
        cells = [result for own in side_by_side(executor, searches, on_cell) for result in own]
    order = {cell.key: place for place, cell in enumerate(planned)}
    return tuple(sorted(cells, key=lambda result: order[result.cell.key]))


def _extended(prepared: PreparedStudy, cells: Sequence[CellResult]) -> Search[Sequence[CellResult]]:
    """A scheduler's runs at a rate, run again until they are long enough."""
    scheduler, rate, _ = cells[0].cell.key
    while True:
        size = next_length(prepared.requests_at(rate), cells[0].cell.num_requests, _worth(cells))
        if size is None:
            return cells
        cells = yield [prepared.cell(scheduler, rate, run.cell.seed, size) for run in cells]


def _first_runs(
    executor: Executor, prepared: PreparedStudy, planned: Sequence[CellSpec], on_cell: OnCell
) -> list[CellResult]:
    """Every cell planned, at its first length, but replicates of what was stopped early.

    A run is stopped only once it is certain that it grows, and that another would as well.
    """
    spec = prepared.spec
    first = [cell for cell in planned if cell.seed == spec.first_seed]
    cells = list(collect(executor, first, on_cell))
    hopeless = {
        result.cell.key[:2]
        for result in cells
        if spec.stops_early and result.summary.stopped_early is not None
    }
    rest = [
        cell for cell in planned if cell.seed != spec.first_seed and cell.key[:2] not in hopeless
    ]
    if isinstance(on_cell, Listener):
        on_cell.skip([cell for cell in planned if cell.key[:2] in hopeless])
    return [*cells, *collect(executor, rest, on_cell)]


def _worth(cells: Sequence[CellResult]) -> list[Worth]:
    """What a scheduler's runs at a rate are worth for the percentiles of TTFT.

    One that keeps growing has no steady state that a longer run could show.
    """
    summaries = [result.summary for result in cells]
    if state_of(summaries) is Steadiness.GROWING:
        return []
    samples = [summary.samples["ttft", None] for summary in summaries]
    return [Worth(q, quantile_size(samples, q)) for q in (0.5, 0.99)]


def summaries_of(cells: Sequence[CellResult], scheduler: str, rate_rps: float) -> list[RunSummary]:
    """Run summaries of one scheduler at one rate, by seed."""
    own = [result for result in cells if result.cell.scheduler == scheduler]
    chosen = [result for result in under_load(own) if result.cell.rate_rps == rate_rps]
    return [result.summary for result in sorted(chosen, key=lambda result: result.cell.seed)]
