"""The largest rate at which a scheduler keeps all SLOs: a search over replicated cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slaibench.measure.capacity import Capacity, Cells, SloCurve, capacity, capacity_ratio
from slaibench.measure.search import Trial, next_rates
from slaibench.measure.slo import evaluate, parse_slos
from slaibench.spec import Convention, StudySpec
from slaibench.study.bench import Bench, prepare
from slaibench.study.digest import CellDigest
from slaibench.study.estimate import Estimate, finite, from_interval
from slaibench.study.pool import CellResult, Pool
from slaibench.study.sweep import OnCell, collect, open_pool, quiet

RESOLUTION = 0.05
"""Ends of the last bracket lie within 5 % of each other; the answer is interpolated inside."""
STEADY = "not saturated"
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
            "note": found.note,
            "rates_measured": self.measured.rates_rps.tolist(),
        }


def find_capacity(
    spec: StudySpec,
    results: Path,
    *,
    jobs: int | None = None,
    fresh: bool = False,
    on_cell: OnCell = quiet,
) -> list[CapacityResult]:
    """Capacity of each of the study's schedulers.

    ``spec.rates``, if any, are measured first and the search goes on from there; ``num_seeds`` is
    the number of replicates around the boundary.

    Raises:
        ValueError: a name or an SLO of the specification is wrong.
        RecordingError, BackendError, SchedulerError: a cell cannot be had.
    """
    bench = prepare(spec)
    with open_pool(bench, results, jobs, fresh) as pool:
        return [
            search(pool, bench, scheduler, (), on_cell=on_cell) for scheduler in spec.schedulers
        ]


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
        known: cells of this scheduler that are at hand (of a sweep); more are run as needed.
    """
    spec = bench.spec
    cells = [cell for cell in known if cell.cell.scheduler == scheduler]
    if not cells and spec.rates:
        wanted = [bench.cell(scheduler, rate, spec.first_seed) for rate in spec.rates]
        cells.extend(collect(pool, wanted, on_cell))
    for _ in range(MAX_ROUNDS):
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
    measured = cells_of(bench, cells)
    return CapacityResult(
        spec=spec,
        about=bench.describe(),
        scheduler=scheduler,
        capacity=capacity(measured, _generator()),
        cells=tuple(cells),
        measured=measured,
    )


def ratio_of(a: CapacityResult, b: CapacityResult) -> Estimate:
    """Capacity of b over that of a, over their common seeds."""
    found = capacity_ratio(a.measured, b.measured, _generator())
    if math.isnan(found.estimate):
        return Estimate(None, None, None, found.n)
    return from_interval(found)


def cells_of(bench: Bench, cells: Sequence[CellResult]) -> Cells:
    """How far every cell is from each SLO, as arrays over rates and seeds."""
    rates = sorted({cell.cell.rate_rps for cell in cells})
    seeds = sorted({cell.cell.seed for cell in cells})
    curves: dict[tuple[str, str | None], np.ndarray[Any, np.dtype[np.float64]]] = {}
    for cell in cells:
        place = rates.index(cell.cell.rate_rps), seeds.index(cell.cell.seed)
        for slo, tier, log_ratio in _log_ratios(bench, cell.digest):
            values = curves.setdefault((slo, tier), np.full((len(rates), len(seeds)), math.nan))
            values[place] = log_ratio
    return Cells(
        np.array(rates),
        tuple(seeds),
        tuple(SloCurve(slo, tier, values) for (slo, tier), values in curves.items()),
    )


def _log_ratios(bench: Bench, digest: CellDigest) -> list[tuple[str, str | None, float]]:
    """(SLO, tier, log(metric / bound)) of one run; infinite where it cannot count as met.

    Under strict conventions steadiness is a target of its own: a saturated run is no operating
    point, whatever its latencies. The paper's capacity looks at latencies only.
    """
    found: list[tuple[str, str | None, float]] = []
    for verdict in evaluate(parse_slos(bench.spec.slo), digest.metrics):
        log_ratio = verdict.log_ratio
        value = math.inf if log_ratio is None else log_ratio
        found.append((verdict.slo.text, verdict.tier, value))
    if bench.spec.convention is Convention.STRICT:
        found.append((STEADY, None, math.inf if digest.saturated else -1.0))
    return found


def _by_rate(cells: Sequence[CellResult]) -> dict[float, list[CellDigest]]:
    found: dict[float, list[CellDigest]] = {}
    for cell in cells:
        found.setdefault(cell.cell.rate_rps, []).append(cell.digest)
    return found


def _trial(bench: Bench, rate_rps: float, digests: Sequence[CellDigest]) -> Trial:
    """Whether a rate passes on the mean over its replicates, SLO by SLO."""
    totals: dict[tuple[str, str | None], list[float]] = {}
    for digest in digests:
        for slo, tier, log_ratio in _log_ratios(bench, digest):
            totals.setdefault((slo, tier), []).append(log_ratio)
    passes = all(float(np.mean(values)) <= 0 for values in totals.values())
    return Trial(rate_rps, passes, len(digests))


def _generator() -> np.random.Generator:
    return np.random.default_rng(RESAMPLE_SEED)
