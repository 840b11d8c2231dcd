"""The bounds of a specification, and the runs to compare with them, in parts."""

from __future__ import annotations

from dataclasses import dataclass, replace

from slaibench.measure.bound import Bound
from slaibench.measure.theory import theorem_1_rps
from slaibench.measure.work import Prices, Work
from slaibench.spec import CellSpec
from slaibench.studies.bound.forms import MapColumnForm
from slaibench.studies.bound.limits import BoundMaker
from slaibench.studies.bound.paper_model import TILE_COLUMN, paper_lengths, paper_model, paper_study
from slaibench.studies.bound.run_summaries import BacklogSummarizer, map_summary
from slaibench.studies.bound.spec import BoundSpec, rad
from slaibench.studies.executors import Summarize
from slaibench.studies.prepared import PreparedStudy, prepare
from slaibench.workloads.lengths import ScaledOutputs

BACKLOG = "backlog"
PRECISION = 4
"""Significant digits of a map's rates."""


@dataclass(frozen=True)
class BoundPart:
    """Runs of one prepared study.

    Args:
        name: ``backlog``, ``rad 1 ms``, ``map 200``.
        summarize: what is kept of each recording; can be sent to processes.
    """

    name: str
    prepared: PreparedStudy
    cells: tuple[CellSpec, ...]
    summarize: Summarize


@dataclass(frozen=True)
class MapColumn:
    """One mean output length of the stability maps.

    Args:
        mean_output: tokens.
        bound_rps: the bound there.
        rates: of its runs, by load.
    """

    mean_output: int
    bound_rps: float
    rates: tuple[float, ...]

    def to_json(self) -> MapColumnForm:
        return {
            "mean_output": self.mean_output,
            "bound_rps": self.bound_rps,
            "rates": list(self.rates),
        }


@dataclass(frozen=True)
class Bounds:
    """Bounds, and the runs to compare with them.

    Args:
        work: mean of the workload's requests.
        bound: for any scheduler.
        within: by scheduler of the backlog study: the bound within its own limits.
        theorem_rps: of the paper's Theorem 1, for RAD's own ground.
        columns: of the stability maps.
        parts: what is run.
    """

    spec: BoundSpec
    work: Work
    bound: Bound
    within: dict[str, Bound]
    theorem_rps: float
    columns: tuple[MapColumn, ...]
    parts: tuple[BoundPart, ...]

    @property
    def backlog(self) -> BoundPart:
        return self.parts[0]


def bounds_of(spec: BoundSpec) -> Bounds:
    """Resolve every name, compute every bound and list every run.

    Raises:
        ValueError: a name or value is wrong, or the system has no profile.
    """
    prepared = prepare(spec.backlog)
    maker = BoundMaker(prepared)
    work = maker.work(prepared.source)
    bound = maker.bound(work)
    within = {
        name: maker.bound(work, info.token_budget, info.max_active)
        for name, info in zip(prepared.spec.schedulers, prepared.scheduler_infos, strict=True)
    }
    theorem_rps = theorem_1_rps(paper_model(0.0), *paper_lengths(), TILE_COLUMN)
    columns, maps = _maps(spec, maker) if spec.outputs else ((), ())
    parts = (
        BoundPart(BACKLOG, prepared, tuple(prepared.cells()), BacklogSummarizer(bound.prices)),
        *_rad(spec),
        *maps,
    )
    return Bounds(spec, work, bound, within, theorem_rps, columns, parts)


def _rad(spec: BoundSpec) -> tuple[BoundPart, ...]:
    model = paper_model(0.0)
    token_s = model.t_lin_s / model.t_col_tokens + model.per_token_s
    # Theorem 1's own prices: whatever a batch costs besides, it is worth no more.
    summarize = BacklogSummarizer(Prices(token_s, 0.0, token_s, 0.0, 0.0))
    names = tuple(rad(tile, cycle) for tile in spec.tiles for cycle in spec.cycles)
    parts = []
    for step_s in spec.step_costs_s if names else ():
        prepared = paper_study(spec.study, names, step_s, spec.rad_requests)
        parts.append(BoundPart(rad_part(step_s), prepared, tuple(prepared.cells()), summarize))
    return tuple(parts)


def rad_part(step_s: float) -> str:
    """Name of the part with RAD's runs at this cost of a step."""
    return f"rad {1e3 * step_s:g} ms"


def _maps(
    spec: BoundSpec, maker: BoundMaker
) -> tuple[tuple[MapColumn, ...], tuple[BoundPart, ...]]:
    prepared = prepare(spec.map)
    longest = min(maker.most_tokens, spec.study.max_total_tokens or maker.most_tokens)
    columns, parts = [], []
    for mean_output in spec.outputs:
        source = ScaledOutputs(prepared.source, mean_output, longest)
        bound_rps = maker.bound(maker.work(source)).rate_rps
        rates = tuple(float(f"{load * bound_rps:.{PRECISION}g}") for load in spec.loads)
        column = replace(prepared, source=source)
        cells = tuple(
            column.cell(scheduler, rate, column.spec.first_seed)
            for rate in rates
            for scheduler in column.spec.schedulers
        )
        columns.append(MapColumn(mean_output, bound_rps, rates))
        parts.append(BoundPart(map_part(mean_output), column, cells, map_summary))
    return tuple(columns), tuple(parts)


def map_part(mean_output: int) -> str:
    """Name of the part with a stability map's runs at this mean output length."""
    return f"map {mean_output}"
