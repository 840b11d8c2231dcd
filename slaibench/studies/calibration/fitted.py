"""A profile from what a folder holds, with its errors on what was held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slaibench.catalog.model import Model
from slaibench.costmodel import CostModel
from slaibench.studies.calibration.design import Phase, Scope
from slaibench.studies.calibration.fit import fit
from slaibench.studies.calibration.held_out import Error, errors
from slaibench.studies.calibration.samples import Sample, overhead_s, samples, times_s
from slaibench.studies.calibration.store import Folder
from slaibench.studies.calibration.written import (
    About,
    checked,
    error_values,
    profile_values,
    regime_of,
)

STEADY = 0.1
"""Of a step's time: a machine whose batches differ more from one half of the rounds to the other
has something else to do, and no profile of it predicts better."""
MOST_OVERHEAD = 0.9
"""Of the shortest step: no batch takes nothing."""


@dataclass(frozen=True, slots=True)
class Memory:
    """KV blocks that requests may hold, and their tokens, as the engine had them."""

    kv_blocks: int
    block_size: int

    @property
    def tokens(self) -> int:
        return self.kv_blocks * self.block_size


@dataclass(frozen=True, slots=True)
class Known:
    """What a profile says besides its numbers.

    Args:
        name: of what computes.
        engine: and its version, on what.
        source: what measured.
    """

    model: Model
    name: str
    engine: str
    source: str


@dataclass(frozen=True, slots=True)
class Calibration:
    """What came of it.

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
    errors: tuple[Error, ...]
    overhead_s: float
    delivery_s: float
    memory: Memory
    values: dict[str, Any]

    @property
    def disturbance(self) -> float | None:
        """The largest difference of a measurement from itself, where it is too large; None: the
        machine was steady, or one round cannot tell."""
        largest = max((each.spread or 0.0 for each in self.errors), default=0.0)
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
            "errors": [
                {
                    "kind": each.kind.value,
                    "held_out": each.num_cells,
                    "median": each.median,
                    "p95": each.p95,
                    "bias": each.bias,
                    "spread": each.spread,
                }
                for each in self.errors
            ],
            "values": self.values,
        }


def fitted(
    folder: Folder,
    scope: Scope,
    measured: Sequence[Phase],
    rounds: int,
    memory: Memory,
    known: Known,
) -> Calibration:
    """Fit a profile to the first rounds of a folder, and write it there.

    Raises:
        FitError: too little was measured.
    """
    found = _samples(folder, measured, rounds)
    delivered = [
        each for number in range(1, rounds + 1) for each in folder.delivery_s(number) or ()
    ]
    seen = [each for each in found if not each.cell.held_out]
    between_s = 0.0
    if found:
        between_s = min(overhead_s(found), MOST_OVERHEAD * float(times_s(found).min()))
    weights = np.array([each.cell.weight for each in seen])
    numbers = fit([each.step for each in seen], times_s(seen) - between_s, weights)
    about = About(
        gpu=known.name,
        engine=known.engine,
        source=known.source,
        notes=_notes(rounds, found, len(delivered)),
        kv_blocks=memory.kv_blocks,
        block_size=memory.block_size,
    )
    delivery = max(0.0, float(np.median(delivered))) if delivered else 0.0

    def values(by_name: dict[str, float]) -> dict[str, Any]:
        return profile_values(
            numbers,
            known.model,
            about,
            regime_of(scope, [each.step for each in found]),
            overhead_s=between_s,
            delivery_s=delivery,
            errors=by_name,
        )

    where = str(folder.path)
    off = errors(CostModel(checked(values({}), where)), found)
    told = values(error_values(off))
    return Calibration(
        profile=folder.write_profile(told),
        rounds=rounds,
        num_cells=len(found),
        num_held_out=len(found) - len(seen),
        errors=tuple(off),
        overhead_s=between_s,
        delivery_s=delivery,
        memory=memory,
        values=told,
    )


def _samples(folder: Folder, measured: Sequence[Phase], rounds: int) -> list[Sample]:
    found = []
    for phase in measured:
        taken = [folder.steps(number, phase.name) for number in range(1, rounds + 1)]
        steps = [each for each in taken if each is not None]
        found += samples(phase.name, phase.cells, steps)
    return found


def _notes(rounds: int, found: Sequence[Sample], num_delivered: int) -> tuple[str, ...]:
    steps = sum(len(each.times_s) for each in found)
    return (
        f"Fitted to {steps} steps of {len(found)} batches in {rounds} rounds; the median of each "
        "batch's steps counts, from the start of a step to the start of the next one.",
        "linear holds what goes with tokens, per_sequence what goes with sequences, attention what "
        "goes with KV tokens and query-key pairs; a batch's time is their sum, and only the sum "
        "was measured.",
        f"delivery_ms: of {num_delivered} requests to an idle engine, the median.",
    )
