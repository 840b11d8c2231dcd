"""How far conventions alone move a result: one quantity, by the paper's conventions and by ours."""

from __future__ import annotations

import math
from dataclasses import dataclass

from slaibench.reproductions.bari2025.claim import UNKNOWN, capacity_estimate
from slaibench.reproductions.bari2025.forms import DifferenceForm
from slaibench.reproductions.bari2025.load import CAPACITY_OF, Load
from slaibench.studies.estimate import Estimate
from slaibench.studies.operating_point import OperatingPoint

QUANTITIES = ("ttft_p50_s", "tbt_p99_s@paying", "tbt_p99_s@free")
"""Metrics of ``measure.catalogue``."""
CAPACITY = "capacity_rps"


@dataclass(frozen=True, slots=True)
class ConventionDifference:
    """One quantity of one scheduler, by three ways.

    Args:
        quantity: of ``QUANTITIES``, or ``CAPACITY``.
        rate_rps: nominal; None for a capacity.
        paper: by the paper's conventions.
        same_runs: the very same runs, by strict definitions: what definitions alone change.
        strict: by strict conventions, arrivals and length of the runs included.
    """

    quantity: str
    scheduler: str
    rate_rps: float | None
    paper: Estimate
    same_runs: Estimate
    strict: Estimate

    @property
    def by_definitions(self) -> float | None:
        """Relative change from the paper's number to that of the same runs."""
        return _change(self.paper, self.same_runs)

    @property
    def in_all(self) -> float | None:
        """Relative change from the paper's number to the strict one."""
        return _change(self.paper, self.strict)

    def to_json(self) -> DifferenceForm:
        return {
            "quantity": self.quantity,
            "scheduler": self.scheduler,
            "rate_rps": self.rate_rps,
            "paper": self.paper.to_json(),
            "same_runs": self.same_runs.to_json(),
            "strict": self.strict.to_json(),
            "by_definitions": self.by_definitions,
            "in_all": self.in_all,
        }


def differences(paper: Load, strict: Load) -> tuple[ConventionDifference, ...]:
    """Every quantity of every scheduler of one mix, by rate; then capacities, where searched."""
    same = paper.by_strict_definitions()
    parts = []
    for rate in paper.spec.rates:
        for scheduler in paper.spec.schedulers:
            points = [load.at(scheduler, rate) for load in (paper, same, strict)]
            if all(point is None for point in points):
                continue
            for name in QUANTITIES:
                values = (_estimate(name, point) for point in points)
                parts.append(ConventionDifference(name, scheduler, rate, *values))
    if paper.searched and strict.searched:
        for scheduler in CAPACITY_OF:
            values = (capacity_estimate(load.capacity(scheduler)) for load in (paper, same, strict))
            parts.append(ConventionDifference(CAPACITY, scheduler, None, *values))
    return tuple(parts)


def _estimate(name: str, point: OperatingPoint | None) -> Estimate:
    return UNKNOWN if point is None else point.estimate(name) or UNKNOWN


def _change(before: Estimate, after: Estimate) -> float | None:
    if before.value is None or after.value is None or not before.value:
        return None
    change = after.value / before.value - 1
    return change if math.isfinite(change) else None
