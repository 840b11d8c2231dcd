"""Latency against load: every scheduler at every rate, replicated over seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slaibench.measure.quantile_interval import quantile_size
from slaibench.measure.run_length import Worth, next_length
from slaibench.measure.slo import parse_slos
from slaibench.measure.steady import Steadiness
from slaibench.recording import store
from slaibench.recording.store import check_writable
from slaibench.spec import CellSpec, StudySpec
from slaibench.studies.executors import CellResult, Jobs, Pool, jobs_for
from slaibench.studies.operating_point import OperatingPoint, make_point
from slaibench.studies.overload import overload_cells, under_load
from slaibench.studies.prepared import PreparedStudy, prepare
from slaibench.studies.replicates import majority
from slaibench.studies.run_summary import RunSummarizer, RunSummary
from slaibench.studies.systems.table import describe_run
from slaibench.studies.trust import warnings_of
from slaibench.workloads.tiers import Tier

if TYPE_CHECKING:
    import pandas as pd

OnCell = Callable[[CellResult, int, int], None]
"""Told of each finished cell: (cell, how many are done, how many there are)."""


def quiet(_: CellResult, __: int, ___: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class SweepResult:
    """A sweep's points and where its recordings lie.

    Args:
        spec: what was asked.
        about: what served; in a second line, how far whole runs on its profile can be trusted.
        workload_note: one line on where the lengths come from.
        points: by scheduler and rate, in the order asked for.
        cells: every cell behind them.
        num_reused: cells that were on disk already.
    """

    spec: StudySpec
    about: str
    workload_note: str
    points: tuple[OperatingPoint, ...]
    cells: tuple[CellResult, ...]

    @property
    def num_reused(self) -> int:
        return sum(cell.reused for cell in self.cells)

    @property
    def invalid(self) -> tuple[CellResult, ...]:
        """Cells that are no measurement (``study.validity``)."""
        return tuple(cell for cell in self.cells if cell.summary.invalid is not None)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know of how far the numbers can be trusted; each once."""
        return warnings_of(self.cells)

    def of(self, scheduler: str) -> list[OperatingPoint]:
        """One scheduler's points by rate."""
        return [point for point in self.points if point.scheduler == scheduler]

    def summaries(self, scheduler: str, rate_rps: float) -> list[RunSummary]:
        """The replicates behind a point, by seed."""
        return summaries_of(self.cells, scheduler, rate_rps)

    def folders(self) -> list[Path]:
        """Where the recordings lie."""
        return [cell.folder for cell in self.cells]

    def to_json(self) -> dict[str, Any]:
        return {
            "spec": self.spec.model_dump(mode="json"),
            "about": self.about,
            "workload": self.workload_note,
            "warnings": list(self.warnings),
            "points": [
                {"scheduler": point.scheduler, "rate_rps": point.rate_rps, **point.to_json()}
                for point in self.points
            ],
        }

    def frame(self) -> pd.DataFrame:
        """One row a point: ``to_json``'s fields, nested ones with dotted names."""
        import pandas as pd  # noqa: PLC0415

        return pd.json_normalize(self.to_json()["points"])


def sweep(
    spec: StudySpec,
    results: Path,
    *,
    jobs: Jobs = None,
    fresh: bool = False,
    on_cell: OnCell = quiet,
) -> SweepResult:
    """Run every cell of a study that is not on disk yet, and bring the numbers together.

    Args:
        results: folder of the recordings; cells found there are not run again.
        jobs: cells at a time (None: one a core), or the cluster that runs them.
        fresh: run all of them again.
        on_cell: told of each finished cell.

    Raises:
        ValueError: the specification names something unknown, or asks for no rate.
        RecordingError, BackendError, SchedulerError: a cell cannot be had.
    """
    prepared = prepare(spec)
    if not spec.rates:
        raise ValueError("a sweep needs at least one rate; give --rates start:stop[:step]")
    with open_pool(prepared, results, jobs, fresh) as pool:
        return sweep_in(pool, prepared, on_cell)


def check(spec: StudySpec, results: Path, jobs: Jobs = None) -> PreparedStudy:
    """Everything that can be refused before any work is done.

    Raises:
        ValueError: a name, an SLO or a value of the specification is wrong, or several ``jobs``
            cannot be had.
        RecordingError: ``results`` cannot be written.
    """
    prepared = prepare(spec)
    jobs_for(prepared, jobs)
    check_slos(prepared.spec.slo, prepared.tiers)
    check_writable(results)
    rate = spec.rates[0] if spec.rates else 1.0
    prepared.requests(prepared.cell(spec.schedulers[0], rate, spec.first_seed))
    return prepared


def open_pool(prepared: PreparedStudy, results: Path, jobs: Jobs, fresh: bool) -> Pool:
    """Worker processes for a bench, with the digest its study needs.

    Raises:
        ValueError: the SLO does not parse, or names a tier that is not there, or several jobs
            cannot be had.
        RecordingError: ``results`` cannot be written.
    """
    check_slos(prepared.spec.slo, prepared.tiers)
    check_writable(results)
    summarize = RunSummarizer.for_study(prepared.spec.convention.value, prepared.spec.slo)
    return Pool(prepared, results, summarize, jobs=jobs_for(prepared, jobs), fresh=fresh)


def sweep_in(pool: Pool, prepared: PreparedStudy, on_cell: OnCell = quiet) -> SweepResult:
    """The sweep of a bench, in a pool that is open."""
    cells = collect_overload(pool, prepared, prepared.spec.schedulers, on_cell)
    cells += collect_extended(pool, prepared, on_cell)
    points = [
        make_point(scheduler, rate, summaries_of(cells, scheduler, rate))
        for scheduler in prepared.spec.schedulers
        for rate in prepared.spec.rates
    ]
    return SweepResult(prepared.spec, about_of(cells), prepared.source.note, tuple(points), cells)


def about_of(cells: Sequence[CellResult]) -> str:
    """What served these cells (``describe_run``); from the recording of the first."""
    return describe_run(store.read_run(cells[0].folder)) if cells else ""


def collect(pool: Pool, cells: Sequence[CellSpec], on_cell: OnCell) -> tuple[CellResult, ...]:
    """Run cells; results in the order asked for, ``on_cell`` in that of completion."""

    def told() -> Iterator[CellResult]:
        for done, result in enumerate(pool.run(cells), start=1):
            on_cell(result, done, len(cells))
            yield result

    by_cell = {result.cell.key: result for result in told()}
    return tuple(by_cell[cell.key] for cell in cells)


def collect_overload(
    pool: Pool, prepared: PreparedStudy, schedulers: Sequence[str], on_cell: OnCell
) -> tuple[CellResult, ...]:
    """The runs that measure these schedulers' saturated throughputs, where there can be any."""
    wanted = [cell for cell in overload_cells(prepared) if cell.scheduler in schedulers]
    return collect(pool, wanted, on_cell)


def collect_extended(
    pool: Pool, prepared: PreparedStudy, on_cell: OnCell
) -> tuple[CellResult, ...]:
    """Every cell of a bench, as long as its numbers need (``measure.run_length``).

    Where a scheduler's runs at a rate are too short, they are run again, longer, from their start.
    Their first requests are the same, so that schedulers are compared over those they share.
    """
    planned = prepared.cells()
    cells = _first_runs(pool, prepared, planned, on_cell)
    todo = {(one.cell.scheduler, one.cell.rate_rps) for one in cells} if prepared.extends else ()
    while todo:
        wanted: list[CellSpec] = []
        for scheduler, rate in todo:
            own = [one for one in cells if one.cell.key[:2] == (scheduler, rate)]
            size = next_length(prepared.requests_at(rate), own[0].cell.num_requests, _worth(own))
            if size is not None:
                wanted += [prepared.cell(scheduler, rate, one.cell.seed, size) for one in own]
        todo = {cell.key[:2] for cell in wanted}
        cells = [one for one in cells if one.cell.key[:2] not in todo]
        cells += collect(pool, wanted, on_cell)
    order = {cell.key: place for place, cell in enumerate(planned)}
    return tuple(sorted(cells, key=lambda one: order[one.cell.key]))


def _first_runs(
    pool: Pool, prepared: PreparedStudy, planned: Sequence[CellSpec], on_cell: OnCell
) -> list[CellResult]:
    """Every cell planned, at its first length, but replicates of what was stopped early.

    A run is stopped only once it is certain that it grows, and that another would as well.
    """
    spec = prepared.spec
    first = [cell for cell in planned if cell.seed == spec.first_seed]
    cells = list(collect(pool, first, on_cell))
    hopeless = {
        (one.cell.scheduler, one.cell.rate_rps)
        for one in cells
        if spec.stops_early and one.summary.stopped_early is not None
    }
    rest = [
        cell
        for cell in planned
        if cell.seed != spec.first_seed and (cell.scheduler, cell.rate_rps) not in hopeless
    ]
    return [*cells, *collect(pool, rest, on_cell)]


def _worth(cells: Sequence[CellResult]) -> list[Worth]:
    """What a scheduler's runs at a rate are worth for the percentiles of TTFT.

    One that keeps growing has no steady state that a longer run could show.
    """
    summaries = [one.summary for one in cells]
    if majority(Counter(summary.state for summary in summaries)) is Steadiness.GROWING:
        return []
    samples = [summary.samples["ttft", None] for summary in summaries]
    return [Worth(q, quantile_size(samples, q)) for q in (0.5, 0.99)]


def summaries_of(cells: Sequence[CellResult], scheduler: str, rate_rps: float) -> list[RunSummary]:
    """Digests of one scheduler at one rate, by seed."""
    own = [one for one in cells if one.cell.scheduler == scheduler]
    chosen = [one for one in under_load(own) if one.cell.rate_rps == rate_rps]
    return [one.summary for one in sorted(chosen, key=lambda one: one.cell.seed)]


def check_slos(text: str, tiers: Sequence[Tier]) -> None:
    """Refuse SLOs that do not parse or name an unknown tier.

    Raises:
        ValueError: with the tiers there are.
    """
    known = [tier.name for tier in tiers]
    for slo in parse_slos(text):
        if slo.tier is not None and slo.tier not in known:
            raise ValueError(
                f"SLO {slo.text!r}: no tier {slo.tier!r}; there are {', '.join(known)}"
            )
