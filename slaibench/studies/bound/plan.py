"""From what is asked to the runs that answer it, in parts that share a bench and a digest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from slaibench.measure.bound import Bound
from slaibench.measure.theory import theorem_1_rps
from slaibench.measure.work import Prices, Work
from slaibench.recording.record import Recording
from slaibench.spec import CellSpec
from slaibench.studies.bound.ask import BoundAsk, rad
from slaibench.studies.bound.limits import BoundMaker
from slaibench.studies.bound.paper_model import TILE_COLUMN, paper_bench, paper_lengths, paper_model
from slaibench.studies.bound.run_summaries import BacklogSummarizer, map_summary
from slaibench.studies.prepared import PreparedStudy, prepare
from slaibench.workloads.lengths import ScaledOutputs

BACKLOG = "backlog"
PRECISION = 4
"""Significant digits of a map's rates."""


@dataclass(frozen=True)
class Part:
    """Runs on one bench.

    Args:
        name: ``backlog``, ``rad 1 ms``, ``map 200``.
        digest: what is kept of each recording; can be sent to processes.
    """

    name: str
    prepared: PreparedStudy
    cells: tuple[CellSpec, ...]
    summary: Callable[[Recording], Any]


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


@dataclass(frozen=True)
class Plan:
    """Bounds, and the runs to hold against them.

    Args:
        work: mean of the workload's requests.
        bound: for any scheduler.
        within: by scheduler of the backlog study: the bound within its own limits.
        theorem_rps: of the paper's Theorem 1, for RAD's own ground.
        columns: of the stability maps.
        parts: what is run.
    """

    ask: BoundAsk
    work: Work
    bound: Bound
    within: dict[str, Bound]
    theorem_rps: float
    columns: tuple[MapColumn, ...]
    parts: tuple[Part, ...]

    @property
    def backlog(self) -> Part:
        return self.parts[0]


def plan(ask: BoundAsk) -> Plan:
    """Resolve every name, compute every bound and list every run.

    Raises:
        ValueError: a name or value is wrong, or the venue has no profile.
    """
    prepared = prepare(ask.backlog)
    maker = BoundMaker(prepared)
    work = maker.work(prepared.source)
    bound = maker.bound(work)
    within = {
        name: maker.bound(work, info.token_budget, info.max_active)
        for name, info in zip(prepared.spec.schedulers, prepared.scheduler_infos, strict=True)
    }
    theorem_rps = theorem_1_rps(paper_model(0.0), *paper_lengths(), TILE_COLUMN)
    columns, maps = _maps(ask, maker) if ask.outputs else ((), ())
    parts = (
        Part(BACKLOG, prepared, tuple(prepared.cells()), BacklogSummarizer(bound.prices)),
        *_rad(ask),
        *maps,
    )
    return Plan(ask, work, bound, within, theorem_rps, columns, parts)


def _rad(ask: BoundAsk) -> tuple[Part, ...]:
    model = paper_model(0.0)
    token_s = model.t_lin_s / model.t_col_tokens + model.per_token_s
    # Theorem 1's own prices: whatever a batch costs besides, it is worth no more.
    summary = BacklogSummarizer(Prices(token_s, 0.0, token_s, 0.0, 0.0))
    names = tuple(rad(tile, cycle) for tile in ask.tiles for cycle in ask.cycles)
    parts = []
    for step_s in ask.step_costs_s if names else ():
        prepared = paper_bench(ask.study, names, step_s, ask.rad_requests)
        parts.append(Part(rad_part(step_s), prepared, tuple(prepared.cells()), summary))
    return tuple(parts)


def rad_part(step_s: float) -> str:
    """Name of the part with RAD's runs at this cost of a step."""
    return f"rad {1e3 * step_s:g} ms"


def _maps(ask: BoundAsk, maker: BoundMaker) -> tuple[tuple[MapColumn, ...], tuple[Part, ...]]:
    prepared = prepare(ask.map)
    longest = min(maker.most_tokens, ask.study.max_total_tokens or maker.most_tokens)
    columns, parts = [], []
    for mean_output in ask.outputs:
        source = ScaledOutputs(prepared.source, mean_output, longest)
        bound_rps = maker.bound(maker.work(source)).rate_rps
        rates = tuple(float(f"{load * bound_rps:.{PRECISION}g}") for load in ask.loads)
        there = replace(prepared, source=source)
        cells = tuple(
            there.cell(scheduler, rate, there.spec.first_seed)
            for rate in rates
            for scheduler in there.spec.schedulers
        )
        columns.append(MapColumn(mean_output, bound_rps, rates))
        parts.append(Part(f"map {mean_output}", there, cells, map_summary))
    return tuple(columns), tuple(parts)
