"""What was measured, cell by cell, and how far a profile is from batches that it has not seen.

A cell has one sample, free of the machine's worst moments.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from slaibench.costmodel import CostModel
from slaibench.recording.record import FloatArray
from slaibench.studies.calibration.design import ProbeCell, ProbeKind
from slaibench.studies.calibration.probe_plan import ProbeStep


@dataclass(frozen=True, slots=True)
class Sample:
    """A cell's typical step.

    Args:
        step: the one whose time is the (lower) median of the cell's visits, with its own contexts.
        times_s: of all visits, in the order of the rounds.
    """

    phase: str
    cell: ProbeCell
    step: ProbeStep
    times_s: tuple[float, ...]

    @property
    def kind(self) -> ProbeKind:
        return self.cell.kind


@dataclass(frozen=True, slots=True)
class HeldOutErrors:
    """Of one kind of batch, on cells that no fit has seen, relative to what was measured.

    Args:
        num_cells: held out, and measured.
        median, p95, bias: of the absolute errors; of the signed ones, the median.
        spread: of the measurement itself (``spread``); None with one round.
    """

    kind: ProbeKind
    num_cells: int
    median: float
    p95: float
    bias: float
    spread: float | None

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind.value,
            "held_out": self.num_cells,
            "median": self.median,
            "p95": self.p95,
            "bias": self.bias,
            "spread": self.spread,
        }


def samples(
    phase: str, cells: Sequence[ProbeCell], rounds: Sequence[Sequence[ProbeStep]]
) -> list[Sample]:
    """Of every cell that was visited.

    Args:
        rounds: steps of each round of this phase.
    """
    visits: dict[int, list[ProbeStep]] = defaultdict(list)
    for steps in rounds:
        for step in steps:
            if step.cell >= 0:
                visits[step.cell].append(step)
    measured = []
    for index, steps in sorted(visits.items()):
        ordered = sorted(steps, key=lambda step: step.cycle_s)
        typical = ordered[(len(ordered) - 1) // 2]
        measured.append(Sample(phase, cells[index], typical, tuple(step.cycle_s for step in steps)))
    return measured


def overhead_s(measured: Sequence[Sample]) -> float:
    """What of a step is not the device's: the median over cells.

    Where the engine does not report how long the device had a batch, only what lies between the
    end of a step and the start of the next counts.
    """
    steps = [sample.step for sample in measured]
    between = [
        step.between_s if step.forward_s is None else step.cycle_s - step.forward_s
        for step in steps
    ]
    return max(0.0, float(np.median(between)))


def spread(measured: Sequence[Sample]) -> float | None:
    """How far one round's times are from another's: the median over cells of the relative
    difference of the first half of the visits' median from the second's; None with one visit.

    No fit can be better than that on cells measured as often as one half was.
    """
    apart: list[float] = []
    for sample in measured:
        half = len(sample.times_s) // 2
        if half:
            first, second = (
                float(np.median(part)) for part in (sample.times_s[:half], sample.times_s[half:])
            )
            apart.append(abs(first / second - 1))
    return float(np.median(apart)) if apart else None


def times_s(measured: Sequence[Sample]) -> FloatArray:
    """The typical times."""
    return np.array([sample.step.cycle_s for sample in measured], dtype=np.float64)


def predicted_s(cost: CostModel, step: ProbeStep) -> float:
    """How long a step takes, from its start to the next one's."""
    batch_s = cost.batch_time_s(step.decodes, step.context_tokens, step.chunks)
    return batch_s + cost.between_s(step.decodes + len(step.chunks))


def held_out_errors(cost: CostModel, measured: Sequence[Sample]) -> list[HeldOutErrors]:
    """By kind of batch; kinds of which nothing was held out are left out."""
    by_kind = []
    for kind in ProbeKind:
        of_kind = [sample for sample in measured if sample.kind is kind]
        held_out = [sample.step for sample in of_kind if sample.cell.held_out]
        if not held_out:
            continue
        errors = np.array([predicted_s(cost, step) / step.cycle_s - 1.0 for step in held_out])
        by_kind.append(
            HeldOutErrors(
                kind=kind,
                num_cells=len(held_out),
                median=float(np.median(np.abs(errors))),
                p95=float(np.percentile(np.abs(errors), 95)),
                bias=float(np.median(errors)),
                spread=spread(of_kind),
            )
        )
    return by_kind
