"""A profile from what a folder holds, with its errors on what was held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slaibench.catalog.profile import parse_profile
from slaibench.costmodel import CostModel
from slaibench.studies.calibration.design import Phase, ProbeScope
from slaibench.studies.calibration.fit import fit
from slaibench.studies.calibration.profile_json import (
    Memory,
    Provenance,
    errors_by_name,
    profile_json,
    regime_of,
)
from slaibench.studies.calibration.samples import (
    HeldOutErrors,
    Sample,
    held_out_errors,
    overhead_s,
    samples,
    times_s,
)
from slaibench.studies.calibration.store import Folder

STEADY = 0.1
"""Of a step's time: a machine whose batches differ more from one half of the rounds to the other
has something else to do, and no profile of it predicts better."""
MOST_OVERHEAD = 0.9
"""Of the shortest step: no batch takes nothing."""


@dataclass(frozen=True, slots=True)
class CalibrationResult:
    """A profile, and how good it is.

    Args:
        profile: the file.
        rounds: that it rests on.
        num_cells, num_held_out: that were measured, and of them those that no fit saw.
        overhead_s: of a step, what is not the device's.
        delivery_s: of a request, the way to the engine and back.
    """

    profile: Path
    rounds: int
    num_cells: int
    num_held_out: int
    errors: tuple[HeldOutErrors, ...]
    overhead_s: float
    delivery_s: float
    memory: Memory
    values: dict[str, Any]

    @property
    def disturbance(self) -> float | None:
        """The largest difference of a measurement from itself, where it is too large; None: the
        machine was steady, or one round cannot tell."""
        largest = max((errors.spread or 0.0 for errors in self.errors), default=0.0)
        return largest if largest > STEADY else None

    def to_json(self) -> dict[str, Any]:
        """The profile, and how it came about."""
        return {
            "profile": str(self.profile),
            "rounds": self.rounds,
            "cells": self.num_cells,
            "held_out": self.num_held_out,
            "step_overhead_s": self.overhead_s,
            "delivery_s": self.delivery_s,
            "kv_blocks": self.memory.kv_blocks,
            "block_size": self.memory.block_size,
            "errors": [errors.to_json() for errors in self.errors],
            "values": self.values,
        }


def fit_profile(
    folder: Folder,
    scope: ProbeScope,
    measured_phases: Sequence[Phase],
    rounds: int,
    memory: Memory,
    provenance: Provenance,
) -> CalibrationResult:
    """Fit a profile to the first rounds of a folder, and write it there.

    Raises:
        FitError: too little was measured.
    """
    measured = _samples(folder, measured_phases, rounds)
    deliveries_s = [
        value_s for number in range(1, rounds + 1) for value_s in folder.delivery_s(number) or ()
    ]
    seen = [sample for sample in measured if not sample.cell.held_out]
    between_s = 0.0
    if measured:
        between_s = min(overhead_s(measured), MOST_OVERHEAD * float(times_s(measured).min()))
    weights = np.array([sample.cell.weight for sample in seen])
    terms = fit([sample.step for sample in seen], times_s(seen) - between_s, weights)
    delivery_s = max(0.0, float(np.median(deliveries_s))) if deliveries_s else 0.0

    def values(errors: Mapping[str, float]) -> dict[str, Any]:
        return profile_json(
            terms,
            provenance,
            memory,
            regime_of(scope, [sample.step for sample in measured]),
            overhead_s=between_s,
            delivery_s=delivery_s,
            errors=errors,
            notes=_notes(rounds, measured, len(deliveries_s)),
        )

    cost = CostModel(parse_profile(values({}), str(folder.path)))
    errors = held_out_errors(cost, measured)
    with_errors = values(errors_by_name(errors))
    return CalibrationResult(
        profile=folder.write_profile(with_errors),
        rounds=rounds,
        num_cells=len(measured),
        num_held_out=len(measured) - len(seen),
        errors=tuple(errors),
        overhead_s=between_s,
        delivery_s=delivery_s,
        memory=memory,
        values=with_errors,
    )


def _samples(folder: Folder, measured_phases: Sequence[Phase], rounds: int) -> list[Sample]:
    measured = []
    for phase in measured_phases:
        by_round = (folder.steps(number, phase.name) for number in range(1, rounds + 1))
        steps = [of_round for of_round in by_round if of_round is not None]
        measured += samples(phase.name, phase.cells, steps)
    return measured


def _notes(rounds: int, measured: Sequence[Sample], num_deliveries: int) -> tuple[str, ...]:
    steps = sum(len(sample.times_s) for sample in measured)
    return (
        f"Fitted to {steps} steps of {len(measured)} batches in {rounds} rounds; the median of "
        "each batch's steps counts, from the start of a step to the start of the next one.",
        "linear holds what goes with tokens, per_sequence what goes with sequences, attention what "
        "goes with KV tokens and query-key pairs; a batch's time is their sum, and only the sum "
        "was measured.",
        f"delivery_ms: of {num_deliveries} requests to an idle engine, the median.",
    )
