"""The result of a study of bounds: schedulers beside the bound, RAD on its own ground, maps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from slaibench.measure.theory import rad_limit_rps
from slaibench.studies.bound.bounds import BACKLOG, Bounds, map_part, rad_part
from slaibench.studies.bound.cycles import (
    LeastCycle,
    RadPoint,
    least_cycles,
)
from slaibench.studies.bound.forms import (
    BoundForm,
    BoundResultForm,
    MapCellForm,
    ThroughputForm,
)
from slaibench.studies.bound.paper_model import TILE_COLUMN, paper_lengths, paper_model
from slaibench.studies.bound.run_summaries import BacklogSummary, MapSummary
from slaibench.studies.bound.spec import rad, sarathi
from slaibench.studies.estimate import Estimate, over_seeds
from slaibench.studies.executors import CellResult
from slaibench.studies.frames import common_columns, ends_of, frame_of, number_or_nan
from slaibench.studies.lifecycle import about_of
from slaibench.studies.shown import Shown
from slaibench.studies.trust import notes_of

if TYPE_CHECKING:
    import pandas as pd

CellsByPart = Mapping[str, Sequence[CellResult]]
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

    def to_json(self) -> ThroughputForm:
        return {
            "scheduler": self.scheduler,
            "share": self.share.to_json(),
            "rate_rps": self.rate_rps.to_json(),
            "within_rps": self.within_rps,
            "within_share": self.within_share.to_json(),
            "run_share": self.run_share,
            "tokens_per_batch": self.tokens_per_batch,
            "preemptions": self.preemptions,
            "untold": self.untold,
        }


@dataclass(frozen=True, slots=True)
class MapCell:
    """One place of a scheduler's stability map."""

    scheduler: str
    mean_output: int
    load: float
    rate_rps: float
    stability: str

    def to_json(self) -> MapCellForm:
        return {
            "scheduler": self.scheduler,
            "mean_output": self.mean_output,
            "load": self.load,
            "rate_rps": self.rate_rps,
            "stability": self.stability,
        }


@dataclass(frozen=True, repr=False)
class BoundResult(Shown):
    """How close schedulers come to the bounds.

    Args:
        throughputs: of the specification's schedulers.
        budgets: by token budget: Sarathi-Serve's.
        rad: by step cost, tile and cycle.
        least_cycles: by tile; empty where RAD was not run on the paper's model as it is.
        maps: by scheduler, length and rate.
        cells: every run, by part.
    """

    bounds: Bounds
    about: str
    workload_note: str
    throughputs: tuple[Throughput, ...]
    budgets: dict[int, Throughput]
    rad: tuple[RadPoint, ...]
    least_cycles: tuple[LeastCycle, ...]
    maps: tuple[MapCell, ...]
    cells: CellsByPart

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know of the runs of this workload; each once."""
        return notes_of(self.cells[BACKLOG])

    @property
    def in_words(self) -> str:
        shares = [
            f"{throughput.scheduler} {throughput.share.value:.0%} of it"
            for throughput in self.throughputs
            if throughput.share.value is not None
        ]
        bound = f"at most {self.bounds.bound.rate_rps:.3g} requests/s"
        return ", ".join((bound, *shares))

    def frame(self) -> pd.DataFrame:
        """One row a scheduler: its saturated throughput, and what share of the bound that is."""
        common = common_columns(self.bounds.backlog.cells[0])
        rows = [
            {
                "scheduler": throughput.scheduler,
                **common,
                "bound_rps": self.bounds.bound.rate_rps,
                **ends_of("rate_rps", throughput.rate_rps),
                **ends_of("share", throughput.share),
                "within_rps": throughput.within_rps,
                **ends_of("within_share", throughput.within_share),
                "run_share": throughput.run_share,
                "tokens_per_batch": number_or_nan(throughput.tokens_per_batch),
                "preemptions": throughput.preemptions,
                "untold": throughput.untold,
            }
            for throughput in self.throughputs
        ]
        return frame_of(rows)

    def rad_at(self, step_s: float, tile: int) -> list[RadPoint]:
        """RAD's points of one step cost and tile, by cycle."""
        return [point for point in self.rad if (point.step_s, point.tile) == (step_s, tile)]

    def to_json(self) -> BoundResultForm:
        bounds = self.bounds
        return {
            "ask": bounds.spec.to_json(),
            "about": self.about,
            "workload": self.workload_note,
            "warnings": list(self.warnings),
            "work": asdict(bounds.work),
            "bound": bound_form(bounds),
            "schedulers": [throughput.to_json() for throughput in self.throughputs],
            "budgets": [
                {"token_budget": budget, **throughput.to_json()}
                for budget, throughput in self.budgets.items()
            ],
            "rad": {
                "theorem_1_rps": bounds.theorem_rps,
                "theorem_2": [least.to_json() for least in self.least_cycles],
                "points": [point.to_json() for point in self.rad],
            },
            "maps": {
                "columns": [column.to_json() for column in bounds.columns],
                "cells": [cell.to_json() for cell in self.maps],
            },
        }


def bound_form(bounds: Bounds) -> BoundForm:
    """The bound for any scheduler, as plain values."""
    bound = bounds.bound
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


def assemble(bounds: Bounds, cells: CellsByPart) -> BoundResult:
    """Bring the runs beside the bounds together.

    Args:
        cells: of each part, one for each of its cells, in any order.
    """
    spec, backlog = bounds.spec, cells[BACKLOG]
    rad_points = tuple(
        _rad_point(bounds, cells[rad_part(step_s)], step_s, tile, cycle)
        for step_s in (spec.step_costs_s if spec.cycles else ())
        for tile in spec.tiles
        for cycle in spec.cycles
    )
    return BoundResult(
        bounds=bounds,
        about=about_of(backlog),
        workload_note=bounds.backlog.prepared.source.note,
        throughputs=tuple(_throughput(bounds, backlog, name) for name in spec.study.schedulers),
        budgets={budget: _throughput(bounds, backlog, sarathi(budget)) for budget in spec.budgets},
        rad=rad_points,
        least_cycles=least_cycles(rad_points, spec.eps),
        maps=tuple(
            MapCell(
                scheduler,
                column.mean_output,
                load,
                rate,
                _only(cells[map_part(column.mean_output)], scheduler, rate).stability.value,
            )
            for scheduler in (spec.study.schedulers if bounds.columns else ())
            for column in bounds.columns
            for load, rate in zip(spec.loads, column.rates, strict=True)
        ),
        cells=cells,
    )


def _throughput(bounds: Bounds, cells: Sequence[CellResult], scheduler: str) -> Throughput:
    summaries = _summaries(cells, scheduler)
    windows = [summary.window for summary in summaries if summary.window is not None]
    share = _shares(summaries)
    bound_rps, within_rps = bounds.bound.rate_rps, bounds.within[scheduler].rate_rps
    mean = sum(window.tokens_per_batch for window in windows) / len(windows) if windows else None
    return Throughput(
        scheduler=scheduler,
        share=share,
        rate_rps=_scaled(share, bound_rps),
        within_rps=within_rps,
        within_share=_scaled(share, bound_rps / within_rps),
        run_share=sum(summary.run_share for summary in summaries) / len(summaries),
        tokens_per_batch=mean,
        preemptions=sum(window.preemptions for window in windows),
        untold=len(summaries) - len(windows),
    )


def _rad_point(
    bounds: Bounds, cells: Sequence[CellResult], step_s: float, tile: int, cycle: float
) -> RadPoint:
    summaries = _summaries(cells, rad(tile, cycle))
    if math.isfinite(cycle):
        # A cycle fills and drains by itself: whole runs of whole cycles are what goes on for ever.
        count = bounds.spec.rad_requests * len(summaries)
        share = over_seeds([summary.run_share for summary in summaries], count)
    else:
        share = _shares(summaries)
    limit = rad_limit_rps(paper_model(step_s), *paper_lengths(), TILE_COLUMN, tile)
    return RadPoint(step_s, tile, cycle, _scaled(share, bounds.theorem_rps), share, limit)


def _summaries(cells: Sequence[CellResult], scheduler: str) -> list[BacklogSummary]:
    chosen = [cell for cell in cells if cell.cell.scheduler == scheduler]
    return [cell.summary for cell in sorted(chosen, key=lambda cell: cell.cell.seed)]


def _only(cells: Sequence[CellResult], scheduler: str, rate_rps: float) -> MapSummary:
    (summary,) = (cell.summary for cell in cells if cell.cell.key[:2] == (scheduler, rate_rps))
    assert isinstance(summary, MapSummary)
    return summary


def _shares(summaries: Sequence[BacklogSummary]) -> Estimate:
    windows = [summary.window for summary in summaries]
    count = sum(window.num_requests for window in windows if window is not None)
    return over_seeds([None if window is None else window.share for window in windows], count)


def _scaled(estimate: Estimate, factor: float) -> Estimate:
    values = (estimate.value, estimate.low, estimate.high)
    value, low, high = (None if number is None else number * factor for number in values)
    return Estimate(value, low, high, estimate.n)
