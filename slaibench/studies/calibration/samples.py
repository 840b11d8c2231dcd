"""What was measured, cell by cell: one sample each, free of the machine's worst moments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from slaibench.recording.record import FloatArray
from slaibench.studies.calibration.design import Cell, Kind
from slaibench.studies.calibration.plan import Step

Rounds = Mapping[str, Sequence[Sequence[Step]]]
"""Steps of every round, by phase."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A cell's typical step.

    Args:
        step: the one whose time is the (lower) median of the cell's visits, with its own contexts.
        times_s: of all visits, in the order of the rounds.
    """

    phase: str
    cell: Cell
    step: Step
    times_s: tuple[float, ...]

    @property
    def kind(self) -> Kind:
        return self.cell.kind


def samples(phase: str, cells: Sequence[Cell], rounds: Sequence[Sequence[Step]]) -> list[Sample]:
    """Of every cell that was visited.

    Args:
        rounds: steps of each round of this phase.
    """
    visits: dict[int, list[Step]] = defaultdict(list)
    for steps in rounds:
        for step in steps:
            if step.cell >= 0:
                visits[step.cell].append(step)
    found = []
    for index, steps in sorted(visits.items()):
        ordered = sorted(steps, key=lambda step: step.cycle_s)
        typical = ordered[(len(ordered) - 1) // 2]
        found.append(Sample(phase, cells[index], typical, tuple(step.cycle_s for step in steps)))
    return found


def overhead_s(found: Sequence[Sample]) -> float:
    """What of a step is not the device's: the median over cells.

    Where the engine does not tell how long the device had a batch, only what lies between the end
    of a step and the start of the next counts.
    """
    steps = [each.step for each in found]
    between = [
        step.between_s if step.forward_s is None else step.cycle_s - step.forward_s
        for step in steps
    ]
    return max(0.0, float(np.median(between)))


def spread(found: Sequence[Sample]) -> float | None:
    """How far one round's times are from another's: the median over cells of the relative
    difference of the first half of the visits' median from the second's; None with one visit.

    No fit can be better than that on cells measured as often as one half was.
    """
    apart: list[float] = []
    for each in found:
        half = len(each.times_s) // 2
        if half:
            first, second = (
                float(np.median(part)) for part in (each.times_s[:half], each.times_s[half:])
            )
            apart.append(abs(first / second - 1))
    return float(np.median(apart)) if apart else None


def times_s(found: Sequence[Sample]) -> FloatArray:
    """The typical times."""
    return np.array([each.step.cycle_s for each in found], dtype=np.float64)
