"""The largest rate at which a scheduler keeps all SLOs: a search over replicated cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slaibench.measure.capacity import Capacity, Cells, SloCurve, capacity, capacity_ratio, level
from slaibench.measure.search import Trial, next_rates
from slaibench.measure.slo import NO_SECOND_TOKEN
from slaibench.spec import StudySpec
from slaibench.study.bench import Bench, prepare
from slaibench.study.digest import CellDigest
from slaibench.study.estimate import Estimate, finite, from_interval
from slaibench.study.pool import CellResult, Jobs, Pool
from slaibench.study.sweep import OnCell, about_of, collect, open_pool, quiet
from slaibench.study.sweep import check as check_study
from slaibench.study.targets import STEADY, check_tellable, log_ratios, never_told, untold_targets

__all__ = [
    "RESAMPLE_SEED",
    "STEADY",
    "CapacityResult",
    "capacity_from",
    "cells_of",
    "check",
    "check_rate_counts",
    "find_capacity",
    "ratio_of",
    "search",
]

RESOLUTION = 0.05
"""Ends of the last bracket lie within 5 % of each other; the answer is interpolated inside."""
MAX_ROUNDS = 40
RESAMPLE_SEED = 20_250_801


@dataclass(frozen=True)
class CapacityResult:
    """Capacity of one scheduler, and the cells it rests on.

    Args:
        scheduler: whose.
        slo: the targets.
        capacity: the rate with its interval, bracket and binding SLO.
        cells: every cell that was looked at, by rate and seed.
        measured: the same as arrays (``measure.capacity.Cells``).
    """

    spec: StudySpec
    about: str
    scheduler: str
    capacity: Capacity
    cells: tuple[CellResult, ...]
    measured: Cells

    @property
    def untold(self) -> str | None:
        """Why the target that ends the capacity is not known to fail; None where it does fail."""
        found, rate = self.capacity, self.capacity.bracket[1]
        binding = (found.binding or "", found.binding_tier)
        at = [each.digest for each in self.cells if each.cell.rate_rps == rate]
        reasons = [untold_targets(self.spec, digest).get(binding) for digest in at]
        failing = any(
            (slo, tier) == binding and log_ratio > 0
            for digest, reason in zip(at, reasons, strict=True)
            for slo, tier, log_ratio in log_ratios(self.spec, digest)
            if reason is None
        )
        return None if failing else next(filter(None, reasons), None)

    @property
    def num_invalid(self) -> int:
        """Cells that are no measurement."""
        return sum(each.digest.invalid is not None for each in self.cells)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know besides the rate and its interval."""
        found = [self.capacity.note] if self.capacity.note else []
        if self.untold is not None:
            what = f"at {self.capacity.bracket[1]:g} requests/s: {self.capacity.binding}"
            longer_helps = not self.num_invalid and self.untold != NO_SECOND_TOKEN
            more = "; use more --requests or --seeds" if longer_helps else ""
            found.append(f"{what} cannot be told ({self.untold}){more}")
        return tuple(found)

    def to_json(self) -> dict[str, Any]:
        found = self.capacity
        return {
            "scheduler": self.scheduler,
            "slo": self.spec.slo,
            "convention": self.spec.convention.value,
            "rate_rps": finite(found.rate_rps),
            "ci95": None if found.ci95 is None else [finite(end) for end in found.ci95],
            "bracket": list(found.bracket),
            "binding": found.binding,
            "binding_tier": found.binding_tier,
            "shape": found.shape,
            "replicates": found.replicates,
            "note": "; ".join(self.notes),
            "invalid_runs": self.num_invalid,
            "rates_measured": self.measured.rates_rps.tolist(),
        }


def find_capacity(
    spec: StudySpec,
    results: Path,
    *,
    jobs: Jobs = None,
    fresh: bool = False,
    on_cell: OnCell = quiet,
) -> list[CapacityResult]:
    """Capacity of each of the study's schedulers.

    ``spec.rates``, if any, are measured first and the search goes on from there; ``num_seeds`` is
    the number of replicates around the boundary.

    Raises:
        ValueError: a name or an SLO of the specification is wrong, or no answer can be had.
        RecordingError, BackendError, SchedulerError: a cell cannot be had.
    """
    bench = prepare(spec)
    check_rate_counts(bench)
    check_tellable(bench.spec, bench.tiers, second_tokens=bench.has_second_tokens)
    with open_pool(bench, results, jobs, fresh) as pool:
        return [
            search(pool, bench, scheduler, (), on_cell=on_cell) for scheduler in spec.schedulers
        ]


def check(spec: StudySpec, results: Path, jobs: Jobs = None) -> Bench:
    """Everything about a search that can be refused before any work is done.

    Raises:
        ValueError, RecordingError: as ``study.sweep.check``, or no answer can be had.
    """
    bench = check_study(spec, results, jobs)
    check_rate_counts(bench)
    check_tellable(bench.spec, bench.tiers, second_tokens=bench.has_second_tokens)
    return bench


def check_rate_counts(bench: Bench) -> None:
    """Refuse arrivals that are the same at every rate.

    Raises:
        ValueError: with arrivals that depend on one.
    """
    if not bench.process.takes_rate:
        raise ValueError(
            f"{bench.process} arrivals do not depend on a rate, so there is no capacity to find: "
            "use poisson, gamma, constant or trace without a scale; or slaibench sweep"
        )


def search(
    pool: Pool,
    bench: Bench,
    scheduler: str,
    known: Sequence[CellResult],
    *,
    on_cell: OnCell = quiet,
) -> CapacityResult:
    """Search one scheduler's capacity, from what is already measured.

    Args:
        known: cells of this scheduler that are at hand (of a sweep); more are run as needed,
            unless these are all too short to tell.
    """
    spec = bench.spec
    cells = [cell for cell in known if cell.cell.scheduler == scheduler]
    if not cells and spec.rates:
        wanted = [bench.cell(scheduler, rate, spec.first_seed) for rate in spec.rates]
        cells.extend(collect(pool, wanted, on_cell))
    untellable = never_told(bench.spec, bench.tiers, second_tokens=bench.has_second_tokens)
    rounds = 0 if cells and untellable else MAX_ROUNDS
    for _ in range(rounds):
        proposals = next_rates(
            [_trial(bench, rate, digests) for rate, digests in _by_rate(cells).items()],
            start_rps=1.0,
            resolution=RESOLUTION,
            replicates=spec.num_seeds,
        )
        have = {(cell.cell.rate_rps, cell.cell.seed) for cell in cells}
        wanted = [
            bench.cell(scheduler, proposal.rate_rps, spec.first_seed + replicate)
            for proposal in proposals
            for replicate in range(proposal.replicates)
            if (proposal.rate_rps, spec.first_seed + replicate) not in have
        ]
        if not wanted:
            break
        cells.extend(collect(pool, wanted, on_cell))
    return capacity_from(spec, about_of(cells), scheduler, tuple(cells))


def capacity_from(
    spec: StudySpec, about: str, scheduler: str, cells: tuple[CellResult, ...]
) -> CapacityResult:
    """Capacity from given cells, at least one: nothing is run."""
    measured = cells_of(spec, cells)
    return CapacityResult(
        spec=spec,
        about=about,
        scheduler=scheduler,
        capacity=capacity(measured, _generator()),
        cells=cells,
        measured=measured,
    )


def ratio_of(a: CapacityResult, b: CapacityResult) -> Estimate:
    """Capacity of b over that of a, over their common seeds."""
    found = capacity_ratio(a.measured, b.measured, _generator())
    if math.isnan(found.estimate):
        return Estimate(None, None, None, found.n)
    return from_interval(found)


def cells_of(spec: StudySpec, cells: Sequence[CellResult]) -> Cells:
    """How far every cell is from each SLO, as arrays over rates and seeds."""
    rates = sorted({cell.cell.rate_rps for cell in cells})
    seeds = sorted({cell.cell.seed for cell in cells})
    curves: dict[tuple[str, str | None], np.ndarray[Any, np.dtype[np.float64]]] = {}
    for cell in cells:
        place = rates.index(cell.cell.rate_rps), seeds.index(cell.cell.seed)
        for slo, tier, log_ratio in log_ratios(spec, cell.digest):
            values = curves.setdefault((slo, tier), np.full((len(rates), len(seeds)), math.nan))
            values[place] = log_ratio
    return Cells(
        np.array(rates),
        tuple(seeds),
        tuple(SloCurve(slo, tier, values) for (slo, tier), values in curves.items()),
    )


def _by_rate(cells: Sequence[CellResult]) -> dict[float, list[CellDigest]]:
    found: dict[float, list[CellDigest]] = {}
    for cell in cells:
        found.setdefault(cell.cell.rate_rps, []).append(cell.digest)
    return found


def _trial(bench: Bench, rate_rps: float, digests: Sequence[CellDigest]) -> Trial:
    """Whether a rate passes over its replicates, SLO by SLO: as ``capacity`` will see it."""
    totals: dict[tuple[str, str | None], list[float]] = {}
    for digest in digests:
        for slo, tier, log_ratio in log_ratios(bench.spec, digest):
            totals.setdefault((slo, tier), []).append(log_ratio)
    passes = all(level(np.array(values)) <= 0 for values in totals.values())
    return Trial(rate_rps, passes, len(digests))


def _generator() -> np.random.Generator:
    return np.random.default_rng(RESAMPLE_SEED)
