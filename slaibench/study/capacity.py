"""The largest rate at which a scheduler keeps all SLOs: a search over replicated cells."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from slaibench.measure.capacity import Capacity, Cells, SloCurve, capacity, capacity_ratio
from slaibench.measure.overload import SaturatedThroughput
from slaibench.measure.run_length import MOST_TIMES
from slaibench.measure.search import Trial, next_rates
from slaibench.measure.slo import NO_SECOND_TOKEN, parse_slos
from slaibench.spec import CellSpec, Convention, StudySpec
from slaibench.study.bench import Bench, prepare
from slaibench.study.digest import CellDigest
from slaibench.study.estimate import Estimate, finite, from_interval
from slaibench.study.overload import throughput_of, under_load
from slaibench.study.pool import CellResult, Jobs, Pool
from slaibench.study.sweep import (
    OnCell,
    about_of,
    collect,
    collect_overload,
    open_pool,
    quiet,
    warnings_of,
)
from slaibench.study.sweep import check as check_study
from slaibench.study.targets import FAILS, STEADY, check_tellable, slo_levels, why_not_measured

__all__ = [
    "STEADY",
    "CapacityResult",
    "capacity_from",
    "check",
    "check_rate_counts",
    "find_capacity",
    "ratio_of",
    "search",
]

RESOLUTION = 0.05
"""Ends of the last bracket lie within 5 % of each other; the answer is interpolated inside."""
MAX_ROUNDS = 40
TAIL_FROM = 0.9
"""Percentile beyond which a TTFT's target is one of its tail."""
LEAST_SURE = 0.8
"""A rate that is sure to hold is looked for down to this share of the bracket, in steps, and if
there is none down to ``FURTHEST``; one that is sure to fail likewise, above."""
FURTHEST = 0.5
STEP_DOWN = 0.92
MOST_EXTENSIONS = 8
"""Rounds that look for rates sure to hold and sure to fail."""


@dataclass(frozen=True)
class CapacityResult:
    """Capacity of one scheduler, and the cells it rests on.

    Args:
        scheduler: whose.
        slo: the targets.
        capacity: the rate with its interval, bracket and binding SLO.
        cells: every cell that was looked at, by rate and seed, the one that measured the saturated
            throughput among them.
        measured: where each rate stands (``measure.capacity.Cells``).
        throughput: the saturated throughput, which no capacity exceeds; None: not measured.
        without_tail: the same cells by the targets without those of a tail's TTFT, which a
            scheduler that starves a few may meet; None: there are none.
    """

    spec: StudySpec
    about: str
    scheduler: str
    capacity: Capacity
    cells: tuple[CellResult, ...]
    measured: Cells
    throughput: SaturatedThroughput | None
    without_tail: Capacity | None

    @property
    def untold(self) -> str | None:
        """Why the target that ends the capacity was not measured; None where it was."""
        rate = self.capacity.bracket[1]
        at = [one.digest for one in under_load(self.cells) if one.cell.rate_rps == rate]
        binding, tier = self.capacity.binding, self.capacity.binding_tier
        return None if binding is None else why_not_measured(self.spec, at, binding, tier)

    @property
    def tail_matters(self) -> bool:
        """Whether the capacity is another without the targets of the TTFT's tail."""
        other, own = self.without_tail, self.capacity.rate_rps
        return other is not None and other.rate_rps is not None and other.rate_rps != own

    @property
    def num_invalid(self) -> int:
        """Cells that are no measurement."""
        return sum(each.digest.invalid is not None for each in self.cells)

    @property
    def refused(self) -> bool:
        """Whether an answer was found that the saturated throughput excludes."""
        return self.capacity.rate_rps is None and self.capacity.bracket[0] is not None

    @property
    def remarks(self) -> tuple[str, ...]:
        """The notes that do not say once more that the lowest rate fails."""
        fails = self.capacity.rate_rps is None and not self.refused
        return self.notes[1:] if fails and self.capacity.note else self.notes

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know besides the rate and its interval."""
        found = [self.capacity.note] if self.capacity.note else []
        if self.without_tail is not None and self.tail_matters:
            other = self.without_tail
            ends = "" if other.ci95 is None else f" [{other.ci95[0]:.3g}, {other.ci95[1]:.3g}]"
            least = "at least " if other.shape is None else ""
            found.append(
                f"without the target for its TTFT's tail: {least}{other.rate_rps:.3g} requests/s"
                f"{ends}"
            )
        if self.untold is not None:
            what = f"at {self.capacity.bracket[1]:g} requests/s: {self.capacity.binding}"
            longer_helps = not self.num_invalid and self.untold != NO_SECOND_TOKEN
            more = "; use more --requests or --seeds" if longer_helps else ""
            found.append(f"{what} cannot be told ({self.untold}){more}")
        return tuple(found)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know of how far the runs can be trusted."""
        return warnings_of(self.cells)

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
            "sure_rps": finite(found.sure_rps),
            "replicates": found.replicates,
            "note": "; ".join(self.notes),
            "warnings": list(self.warnings),
            "invalid_runs": self.num_invalid,
            "rates_measured": self.measured.rates_rps.tolist(),
            "saturated_rps": None
            if self.throughput is None
            else {
                "value": self.throughput.rate_rps,
                "ci95": [self.throughput.low, self.throughput.high],
            },
            "without_ttft_tail": None
            if self.without_tail is None
            else {
                "rate_rps": finite(self.without_tail.rate_rps),
                "ci95": None
                if self.without_tail.ci95 is None
                else [finite(end) for end in self.without_tail.ci95],
            },
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
    check_tellable(bench.spec, second_tokens=bench.has_second_tokens)
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
    check_tellable(bench.spec, second_tokens=bench.has_second_tokens)
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
    at_hand: Sequence[CellResult],
    *,
    on_cell: OnCell = quiet,
) -> CapacityResult:
    """Search one scheduler's capacity, from what is already measured.

    First the boundary is bracketed (``measure.search``); then the rates about it are run longer,
    and rates further off are added, until one is sure to hold and one is sure to fail. A longer run
    may judge otherwise than a short one did, and then the boundary is bracketed anew.

    Args:
        at_hand: cells of a sweep; more are run as needed.
    """
    spec = bench.spec
    cells = [cell for cell in at_hand if cell.cell.scheduler == scheduler]
    if all(cell.cell.overload is None for cell in cells):
        cells += collect_overload(pool, bench, (scheduler,), on_cell)
    if not _by_rate(cells) and spec.rates:
        wanted = [bench.cell(scheduler, rate, spec.first_seed) for rate in spec.rates]
        cells.extend(collect(pool, wanted, on_cell))
    extensions = MOST_EXTENSIONS if spec.convention is Convention.STRICT else 0
    for _ in range(MAX_ROUNDS):
        proposals = next_rates(
            [_trial(bench, rate, digests) for rate, digests in _by_rate(cells).items()],
            start_rps=1.0,
            resolution=RESOLUTION,
            replicates=spec.num_seeds,
        )
        wanted = [
            cell
            for proposal in proposals
            for cell in _missing(bench, scheduler, proposal.rate_rps, cells, proposal.replicates)
        ]
        if not wanted and extensions:
            wanted = list(_surer(bench, scheduler, cells))
            extensions -= 1
        if not wanted:
            break
        cells = _longest([*cells, *collect(pool, wanted, on_cell)])
    return capacity_from(spec, about_of(cells), scheduler, tuple(cells))


def _missing(
    bench: Bench,
    scheduler: str,
    rate_rps: float,
    cells: Sequence[CellResult],
    replicates: int,
    num_requests: int | None = None,
) -> Iterator[CellSpec]:
    """Cells of a rate that are not at hand, with so many seeds and requests."""
    there = [one.cell for one in cells if one.cell.rate_rps == rate_rps and not one.cell.overload]
    longest = max((cell.num_requests for cell in there), default=0)
    size = max(num_requests or bench.requests_at(rate_rps), longest)
    have = {cell.seed for cell in there if cell.num_requests >= size}
    for seed in range(bench.spec.first_seed, bench.spec.first_seed + replicates):
        if seed not in have:
            yield bench.cell(scheduler, rate_rps, seed, size)


def _surer(bench: Bench, scheduler: str, cells: Sequence[CellResult]) -> Iterator[CellSpec]:
    """Cells that would make an end of the interval surer, if any would."""
    spec = bench.spec
    result = capacity_from(spec, "", scheduler, tuple(cells))
    low, high = result.capacity.bracket
    if low is None or high is None or result.capacity.ci95 is None:
        return
    rates = result.measured.rates_rps.tolist()
    levels = {
        rate: [curve.levels[place] for curve in result.measured.curves]
        for place, rate in enumerate(rates)
    }
    # Longer runs at the last rate that holds, where they exclude nothing.
    lengths = {one.cell.rate_rps: one.cell.num_requests for one in under_load(cells)}
    first = bench.requests_at(low)
    blind = any(level.value <= 0 and math.isinf(level.high) for level in levels[low])
    if blind and bench.extends and 2 * lengths[low] <= MOST_TIMES * first:
        yield from _missing(bench, scheduler, low, cells, spec.num_seeds, 2 * lengths[low])
    sure = [rate for rate in rates if all(level.high <= 0 for level in levels[rate])]
    size = lengths[low] if bench.extends else None
    if not blind and (not sure or max(sure) < LEAST_SURE * low):
        below = [rate for rate in rates if rate < low and LEAST_SURE * low <= rate]
        tried = min(below, default=low)
        lower = float(f"{tried * STEP_DOWN:.4g}")
        if lower >= low * FURTHEST:
            yield from _missing(bench, scheduler, lower, cells, spec.num_seeds, size)
    failing = [rate for rate in rates if rate >= high and any(one.low > 0 for one in levels[rate])]
    if not failing or min(failing) > high / LEAST_SURE:
        tried = max(rate for rate in rates if rate <= high / LEAST_SURE)
        higher = float(f"{tried / STEP_DOWN:.4g}")
        if higher <= high / FURTHEST:
            yield from _missing(bench, scheduler, higher, cells, spec.num_seeds)


def capacity_from(
    spec: StudySpec, about: str, scheduler: str, cells: tuple[CellResult, ...]
) -> CapacityResult:
    """Capacity from given cells, at least one: nothing is run."""
    throughput = throughput_of(cells, scheduler)
    by_rate = _by_rate(cells)
    measured = _cells_of(spec, by_rate, throughput)
    tails = [
        slo.text
        for slo in parse_slos(spec.slo)
        if slo.metric == "ttft" and slo.q is not None and slo.q > TAIL_FROM
    ]
    rest = measured.without(tails) if tails and len(parse_slos(spec.slo)) > len(tails) else None
    return CapacityResult(
        spec=spec,
        about=about,
        scheduler=scheduler,
        capacity=_within(capacity(measured), throughput),
        cells=cells,
        measured=measured,
        throughput=throughput,
        without_tail=None if rest is None else _within(capacity(rest), throughput),
    )


def _within(answer: Capacity, throughput: SaturatedThroughput | None) -> Capacity:
    """An answer that the saturated throughput allows: cut at it, or refused."""
    if throughput is None or answer.rate_rps is None:
        return answer
    most = f"the most that its saturated throughput may be, {throughput.high:.4g} requests/s"
    if answer.rate_rps > throughput.high or (answer.ci95 and answer.ci95[0] > throughput.high):
        note = f"refused: {answer.rate_rps:.4g} requests/s are more than {most}"
        return replace(answer, rate_rps=None, ci95=None, note=note)
    if answer.ci95 is None or answer.ci95[1] <= throughput.high:
        return answer
    note = "; ".join(filter(None, [answer.note, f"the interval is cut at {most}"]))
    return replace(answer, ci95=(answer.ci95[0], throughput.high), note=note)


def ratio_of(a: CapacityResult, b: CapacityResult) -> Estimate:
    """Capacity of b over that of a."""
    interval = capacity_ratio(a.capacity, b.capacity)
    if math.isnan(interval.estimate):
        return Estimate(None, None, None, interval.n)
    return from_interval(interval)


def _cells_of(
    spec: StudySpec,
    by_rate: dict[float, list[CellDigest]],
    throughput: SaturatedThroughput | None,
) -> Cells:
    """Where every rate stands; one beyond the saturated throughput is no operating point."""
    rates = sorted(by_rate)
    levels = {rate: slo_levels(spec, by_rate[rate]) for rate in rates}
    for rate in rates:
        if throughput is not None and rate > throughput.high and (STEADY, None) in levels[rate]:
            levels[rate][STEADY, None] = FAILS
    keys = dict.fromkeys(key for rate in rates for key in levels[rate])
    return Cells(
        np.array(rates),
        tuple(
            SloCurve(slo, tier, tuple(levels[rate].get((slo, tier), FAILS) for rate in rates))
            for slo, tier in keys
        ),
        max(len(digests) for digests in by_rate.values()),
    )


def _by_rate(cells: Sequence[CellResult]) -> dict[float, list[CellDigest]]:
    by_rate: dict[float, list[CellDigest]] = {}
    for cell in under_load(cells):
        by_rate.setdefault(cell.cell.rate_rps, []).append(cell.digest)
    return by_rate


def _longest(cells: Sequence[CellResult]) -> list[CellResult]:
    """Of each rate the cells with most requests: longer runs replace the shorter ones."""
    most: dict[float, int] = {}
    for one in cells:
        rate = one.cell.rate_rps
        most[rate] = max(most.get(rate, 0), one.cell.num_requests)
    return [one for one in cells if one.cell.num_requests == most[one.cell.rate_rps]]


def _trial(bench: Bench, rate_rps: float, digests: Sequence[CellDigest]) -> Trial:
    """Whether a rate passes over its replicates, SLO by SLO: as ``capacity`` will see it."""
    levels = slo_levels(bench.spec, digests)
    return Trial(rate_rps, all(one.value <= 0 for one in levels.values()), len(digests))
