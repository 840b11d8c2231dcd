"""How far a profile is from batches that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slaibench.costmodel import CostModel
from slaibench.studies.calibration.design import Kind
from slaibench.studies.calibration.plan import Step
from slaibench.studies.calibration.samples import Sample, spread


@dataclass(frozen=True, slots=True)
class Error:
    """Of one kind of batch, relative to what was measured.

    Args:
        num_cells: held out, and measured.
        median, p95, bias: of the absolute errors; of the signed ones, the median.
        spread: of the measurement itself (``samples.spread``); None with one round.
    """

    kind: Kind
    num_cells: int
    median: float
    p95: float
    bias: float
    spread: float | None


def predicted_s(cost: CostModel, step: Step) -> float:
    """From its start to the next one's."""
    batch_s = cost.batch_time_s(step.decodes, step.context_tokens, step.chunks)
    return batch_s + cost.step_overhead_s


def errors(cost: CostModel, found: Sequence[Sample]) -> list[Error]:
    """By kind of batch; kinds of which nothing was held out are left out."""
    result = []
    for kind in Kind:
        of_kind = [each for each in found if each.kind is kind]
        held_out = [each for each in of_kind if each.cell.held_out]
        if not held_out:
            continue
        off = np.array(
            [predicted_s(cost, each.step) / each.step.cycle_s - 1.0 for each in held_out]
        )
        result.append(
            Error(
                kind=kind,
                num_cells=len(held_out),
                median=float(np.median(np.abs(off))),
                p95=float(np.percentile(np.abs(off), 95)),
                bias=float(np.median(off)),
                spread=spread(of_kind),
            )
        )
    return result
