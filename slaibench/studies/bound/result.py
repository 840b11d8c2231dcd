"""What a study of bounds found: each scheduler against the bound, RAD on its own ground, maps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from slaibench.measure.theory import rad_limit_rps
from slaibench.studies.bound.ask import rad, sarathi
from slaibench.studies.bound.cycles import (
    LeastCycle,
    RadPoint,
    least_cycle_json,
    least_cycles,
    rad_json,
)
from slaibench.studies.bound.paper_model import TILE_COLUMN, paper_lengths, paper_model
from slaibench.studies.bound.plan import BACKLOG, Plan, rad_part
from slaibench.studies.bound.run_summaries import BacklogSummary
from slaibench.studies.estimate import Estimate, over_seeds
from slaibench.studies.executors import CellResult
from slaibench.studies.sweep import about_of
from slaibench.studies.trust import notes_of

Cells = Mapping[str, Sequence[CellResult]]
"""Results by part."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """A scheduler's saturated throughput.

    Args:
        share: of the bound that no scheduler exceeds, over seeds.
        rate_rps: that share of it, requests of the workload's mix a second.
        within_rps: the bound within the scheduler's own token budget and limit of active requests.
        within_share: share of that one.
        run_share: mean share over whole runs, filling and draining included.
        tokens_per_batch: mean over seeds; None: no window to tell.
        preemptions: in the windows, over all seeds.
        untold: seeds whose window was too short.
    """

    scheduler: str
    share: Estimate
    rate_rps: Estimate
    within_rps: float
    within_share: Estimate
    run_share: float
    tokens_per_batch: float | None
    preemptions: int
    untold: int


@dataclass(frozen=True, slots=True)
class MapCell:
    """One place of a scheduler's stability map."""

    scheduler: str
    mean_output: int
    load: float
    rate_rps: float
    stability: str


@dataclass(frozen=True)
class BoundResult:
    """The answers.

    Args:
        throughputs: of the schedulers that were asked for.
        budgets: by token budget: Sarathi-Serve's.
        rad: by step cost, tile and cycle.
        least_cycles: by tile; empty where RAD was not run on the paper's model as it is.
        maps: by scheduler, length and rate.
        cells: every run, by part.
    """

    plan: Plan
    about: str
    workload_note: str
    throughputs: tuple[Throughput, ...]
    budgets: dict[int, Throughput]
    rad: tuple[RadPoint, ...]
    least_cycles: tuple[LeastCycle, ...]
    maps: tuple[MapCell, ...]
    cells: Cells

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know of the runs of this workload; each once."""
        return notes_of(self.cells[BACKLOG])

    def rad_at(self, step_s: float, tile: int) -> list[RadPoint]:
        """RAD's points of one step cost and tile, by cycle."""
        return [each for each in self.rad if (each.step_s, each.tile) == (step_s, tile)]

    def to_json(self) -> dict[str, Any]:
        plan = self.plan
        return {
            "ask": plan.ask.to_json(),
            "about": self.about,
            "workload": self.workload_note,
            "warnings": list(self.warnings),
            "work": asdict(plan.work),
            "bound": bound_json(plan),
            "schedulers": [throughput_json(each) for each in self.throughputs],
            "budgets": [
                {"token_budget": budget, **throughput_json(each)}
                for budget, each in self.budgets.items()
            ],
            "rad": {
                "theorem_1_rps": plan.theorem_rps,
                "theorem_2": [least_cycle_json(each) for each in self.least_cycles],
                "points": [rad_json(each) for each in self.rad],
            },
            "maps": {
                "columns": [asdict(each) for each in plan.columns],
                "cells": [asdict(each) for each in self.maps],
            },
        }


def bound_json(plan: Plan) -> dict[str, Any]:
    """The bound for any scheduler, as plain values."""
    bound = plan.bound
    return {
        "rate_rps": bound.rate_rps,
        "binding": bound.parts.binding,
        "shares": {
            "prefill": bound.parts.prefill_s / bound.parts.total_s,
            "decode": bound.parts.decode_s / bound.parts.total_s,
            "KV bandwidth": bound.parts.bandwidth_s / bound.parts.total_s,
            "KV capacity": bound.parts.capacity_s / bound.parts.total_s,
        },
        "prices_s": asdict(bound.prices),
        "decodes_per_batch": bound.decodes_per_batch,
        "tokens_per_batch": bound.tokens_per_batch,
    }


def throughput_json(each: Throughput) -> dict[str, Any]:
    """A throughput as plain values."""
    values = {name: getattr(each, name) for name in Throughput.__slots__}
    return {n: v.to_json() if isinstance(v, Estimate) else v for n, v in values.items()}


def assemble(plan: Plan, cells: Cells) -> BoundResult:
    """Bring the runs of a plan together.

    Args:
        cells: of each part, one for each of its cells, in any order.
    """
    found = cells[BACKLOG]
    ask = plan.ask
    rad_points = tuple(
        _rad_point(plan, cells[rad_part(step_s)], step_s, tile, cycle)
        for step_s in (ask.step_costs_s if ask.cycles else ())
        for tile in ask.tiles
        for cycle in ask.cycles
    )
    return BoundResult(
        plan=plan,
        about=about_of(found),
        workload_note=plan.backlog.prepared.source.note,
        throughputs=tuple(_throughput(plan, found, name) for name in ask.study.schedulers),
        budgets={each: _throughput(plan, found, sarathi(each)) for each in ask.budgets},
        rad=rad_points,
        least_cycles=least_cycles(rad_points, ask.eps),
        maps=tuple(
            MapCell(
                scheduler,
                column.mean_output,
                load,
                rate,
                _only(cells[f"map {column.mean_output}"], scheduler, rate).summary.stability.value,
            )
            for scheduler in (ask.study.schedulers if plan.columns else ())
            for column in plan.columns
            for load, rate in zip(ask.loads, column.rates, strict=True)
        ),
        cells=cells,
    )


def _throughput(plan: Plan, cells: Sequence[CellResult], scheduler: str) -> Throughput:
    summaries = _summaries(cells, scheduler)
    windows = [each.window for each in summaries if each.window is not None]
    share = _shares(summaries)
    bound_rps, within_rps = plan.bound.rate_rps, plan.within[scheduler].rate_rps
    mean = sum(each.tokens_per_batch for each in windows) / len(windows) if windows else None
    return Throughput(
        scheduler=scheduler,
        share=share,
        rate_rps=_scaled(share, bound_rps),
        within_rps=within_rps,
        within_share=_scaled(share, bound_rps / within_rps),
        run_share=sum(each.run_share for each in summaries) / len(summaries),
        tokens_per_batch=mean,
        preemptions=sum(each.preemptions for each in windows),
        untold=len(summaries) - len(windows),
    )


def _rad_point(
    plan: Plan, cells: Sequence[CellResult], step_s: float, tile: int, cycle: float
) -> RadPoint:
    summaries = _summaries(cells, rad(tile, cycle))
    if math.isfinite(cycle):
        # A cycle fills and drains by itself: whole runs of whole cycles are what goes on for ever.
        count = plan.ask.rad_requests * len(summaries)
        share = over_seeds([each.run_share for each in summaries], count)
    else:
        share = _shares(summaries)
    limit = rad_limit_rps(paper_model(step_s), *paper_lengths(), TILE_COLUMN, tile)
    return RadPoint(step_s, tile, cycle, _scaled(share, plan.theorem_rps), share, limit)


def _summaries(cells: Sequence[CellResult], scheduler: str) -> list[BacklogSummary]:
    chosen = [cell for cell in cells if cell.cell.scheduler == scheduler]
    return [cell.summary for cell in sorted(chosen, key=lambda cell: cell.cell.seed)]


def _only(cells: Sequence[CellResult], scheduler: str, rate_rps: float) -> CellResult:
    (found,) = (c for c in cells if (c.cell.scheduler, c.cell.rate_rps) == (scheduler, rate_rps))
    return found


def _shares(summaries: Sequence[BacklogSummary]) -> Estimate:
    windows = [each.window for each in summaries]
    count = sum(each.num_requests for each in windows if each is not None)
    return over_seeds([None if each is None else each.share for each in windows], count)


def _scaled(found: Estimate, factor: float) -> Estimate:
    values = (found.value, found.low, found.high)
    value, low, high = (None if each is None else each * factor for each in values)
    return Estimate(value, low, high, found.n)
