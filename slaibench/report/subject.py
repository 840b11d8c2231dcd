"""What a report is about: the results of studies, brought to one form and checked for fit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from slaibench.studies.capacity import CapacityResult, capacity_from, ratio_of
from slaibench.studies.compare import ttft_change
from slaibench.studies.estimate import Estimate
from slaibench.studies.executors import CellResult
from slaibench.studies.operating_point import OperatingPoint
from slaibench.studies.sweep import SweepResult

if TYPE_CHECKING:
    from slaibench.spec import StudySpec

CHANGE_LEVELS = (0.5, 0.99)
"""Paired changes of TTFT that are shown: a median alone cannot show who starves long prompts."""
UNKNOWN = Estimate(None, None, None, 0)


@dataclass(frozen=True, slots=True)
class Ratio:
    """Capacity of ``scheduler`` over that of ``reference``, over their common seeds."""

    reference: str
    scheduler: str
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class Change:
    """Paired change of one TTFT percentile from the reference to ``scheduler`` at one rate (0.1:
    10 % more)."""

    scheduler: str
    rate_rps: float
    q: float
    estimate: Estimate


@dataclass(frozen=True)
class Subject:
    """Everything that a report shows, as values.

    Args:
        sweep: points and the cells behind them.
        capacities: one for each scheduler, in the sweep's order.
        searched: schedulers whose capacity was searched; that of the others is read off the
            sweep's own rates.
        ratios: against the first scheduler, and of the best against the others.
        compared: schedulers of a comparison, the reference first; or none.
        changes: paired changes from the reference, by scheduler and rate.
        focus_rate_rps: the rate that the detailed figures show.
        judged: whether points say how they stand by the targets; pages of old do not.
    """

    sweep: SweepResult
    capacities: tuple[CapacityResult, ...]
    searched: frozenset[str]
    ratios: tuple[Ratio, ...]
    compared: tuple[str, ...]
    changes: tuple[Change, ...]
    focus_rate_rps: float
    judged: bool

    @property
    def schedulers(self) -> tuple[str, ...]:
        return self.sweep.spec.schedulers

    @property
    def pair(self) -> tuple[str, str] | None:
        """The reference and the first that is compared with it."""
        return (self.compared[0], self.compared[1]) if self.compared else None

    @property
    def by_pair(self) -> tuple[Subject, ...]:
        """The same for each that is compared with the reference, as if it were the only one."""
        return tuple(
            replace(
                self,
                compared=(self.compared[0], name),
                changes=tuple(change for change in self.changes if change.scheduler == name),
            )
            for name in self.compared[1:]
        )

    @property
    def cells(self) -> tuple[CellResult, ...]:
        """Every cell behind the report, each once: the sweep's, then those only searched."""
        cells = {cell.folder: cell for cell in self.sweep.cells}
        for capacity in self.capacities:
            for cell in capacity.cells:
                cells.setdefault(cell.folder, cell)
        return tuple(cells.values())

    @property
    def first_saturated_rps(self) -> float | None:
        """Lowest rate of the sweep at which some scheduler is saturated."""
        return min((p.rate_rps for p in self.sweep.points if p.saturated), default=None)

    def point(self, scheduler: str, rate_rps: float) -> OperatingPoint | None:
        """The point of a scheduler at a rate, where there is one."""
        points = self.sweep.of(scheduler)
        return next((point for point in points if point.rate_rps == rate_rps), None)

    def cells_at(self, scheduler: str, rate_rps: float) -> list[CellResult]:
        """The sweep's cells of a scheduler at a rate, by seed."""
        return cells_at(self.sweep, scheduler, rate_rps)


def make_subject(
    sweep: SweepResult,
    *,
    searched: Sequence[CapacityResult] = (),
    compared: Sequence[str] = (),
    focus_rate_rps: float | None = None,
    judged: bool = True,
) -> Subject:
    """Bring a sweep, and what was searched and compared beside it, together.

    Args:
        searched: capacities that were searched; for a scheduler without one, its cells of the
            sweep count.
        compared: schedulers of which paired changes are wanted, each against the first.
        focus_rate_rps: one of the sweep's rates; None: see ``default_focus``.
        judged: whether points are to say how they stand by the targets.

    Raises:
        ValueError: nothing was swept, or the parts do not belong together.
    """
    spec = sweep.spec
    if not sweep.points:
        raise ValueError("a report needs at least one point; sweep at least one rate first")
    by_name = {result.scheduler: result for result in searched}
    for result in searched:
        _check_fit(spec, result)
    for name in compared:
        if name not in spec.schedulers:
            raise ValueError(
                f"the comparison is of {name!r}, the sweep of {', '.join(spec.schedulers)}; "
                "report the sweep that the comparison made"
            )
    rates = sorted({point.rate_rps for point in sweep.points})
    if focus_rate_rps is not None and focus_rate_rps not in rates:
        listed = ", ".join(f"{rate:g}" for rate in rates)
        raise ValueError(
            f"focus rate {focus_rate_rps:g} is none of the sweep's rates; choose one of {listed}"
        )
    capacities = tuple(by_name.get(name) or capacity_in(sweep, name) for name in spec.schedulers)
    return Subject(
        sweep=sweep,
        capacities=capacities,
        searched=frozenset(by_name),
        ratios=_ratios(capacities),
        compared=tuple(compared),
        changes=_changes(sweep, compared),
        focus_rate_rps=default_focus(sweep) if focus_rate_rps is None else focus_rate_rps,
        judged=judged,
    )


def cells_at(sweep: SweepResult, scheduler: str, rate_rps: float) -> list[CellResult]:
    """A sweep's cells of one scheduler at one rate, by seed."""
    own = [c for c in sweep.cells if c.cell.scheduler == scheduler and not c.cell.overload]
    return sorted((c for c in own if c.cell.rate_rps == rate_rps), key=lambda c: c.cell.seed)


def default_focus(sweep: SweepResult) -> float:
    """The largest rate at which no scheduler is saturated; the lowest if there is none.

    Rates with invalid runs count as saturated ones. Only rates at which every scheduler was
    measured count, where there are such.
    """
    rates = sorted({point.rate_rps for point in sweep.points})
    names = {point.scheduler for point in sweep.points}
    at = {rate: [p for p in sweep.points if p.rate_rps == rate] for rate in rates}
    common = [rate for rate in rates if {p.scheduler for p in at[rate]} == names] or rates
    steady = [rate for rate in common if not any(p.saturated or p.invalid for p in at[rate])]
    return steady[-1] if steady else common[0]


def capacity_in(sweep: SweepResult, scheduler: str) -> CapacityResult:
    """What the sweep's own cells say of a scheduler's capacity."""
    cells = tuple(cell for cell in sweep.cells if cell.cell.scheduler == scheduler)
    return capacity_from(sweep.spec, sweep.targets, sweep.about, scheduler, cells)


def _check_fit(spec: StudySpec, searched: CapacityResult) -> None:
    if searched.scheduler not in spec.schedulers:
        raise ValueError(
            f"capacity of {searched.scheduler!r} does not belong to a sweep of "
            f"{', '.join(spec.schedulers)}"
        )
    served = ("backend", "device", "clock", "model", "gpu", "weights", "url")
    for name in (*served, "slo", "convention", "workload", "arrivals", "tiers"):
        own, other = getattr(spec, name), getattr(searched.spec, name)
        if own != other:
            raise ValueError(
                f"the capacity of {searched.scheduler!r} was searched with {name} {other!r}, the "
                f"sweep has {own!r}; search it again with the sweep's"
            )


def _ratios(capacities: Sequence[CapacityResult]) -> tuple[Ratio, ...]:
    bounded = [result for result in capacities if result.capacity.rate_rps is not None]
    best = max(bounded, key=lambda result: result.capacity.rate_rps or 0.0, default=None)
    pairs = [(capacities[0], other) for other in capacities[1:]]
    if best is not None:
        pairs += [(other, best) for other in capacities if other is not best]
    unique = {(a.scheduler, b.scheduler): (a, b) for a, b in pairs}
    return tuple(Ratio(a.scheduler, b.scheduler, ratio_of(a, b)) for a, b in unique.values())


def _changes(sweep: SweepResult, compared: Sequence[str]) -> tuple[Change, ...]:
    points = {name: {point.rate_rps: point for point in sweep.of(name)} for name in compared}
    return tuple(
        Change(name, rate, q, _change(sweep, points[compared[0]][rate], points[name][rate], q))
        for name in compared[1:]
        for rate in sorted(points[compared[0]].keys() & points[name].keys())
        for q in CHANGE_LEVELS
    )


def _change(sweep: SweepResult, a: OperatingPoint, b: OperatingPoint, q: float) -> Estimate:
    sides = [point.ttft_s[f"p{q * 100:g}"].value for point in (a, b)]
    before, after = (
        {cell.cell.seed: cell.summary for cell in cells_at(sweep, point.scheduler, point.rate_rps)}
        for point in (a, b)
    )
    common = sorted(before.keys() & after.keys())  # what is gathered from disk may be uneven
    if not common:
        return UNKNOWN
    change = ttft_change([before[seed] for seed in common], [after[seed] for seed in common], q)
    # A percentile among requests that were still waiting has no ratio.
    finite = [value is not None and math.isfinite(value) for value in (*sides, change.value)]
    return change if all(finite) else Estimate(None, None, None, change.n)
