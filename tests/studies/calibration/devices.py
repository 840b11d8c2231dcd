"""Devices whose truth is known: the simulator, which says of itself what an engine would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from slaibench.backends.base import RunOutput, RunSettings
from slaibench.backends.simulator.backend import Simulator
from slaibench.backends.simulator.batch_timer import BatchTimer
from slaibench.catalog import get_model
from slaibench.costmodel import CostModel, StaircaseCostModel
from slaibench.recording.record import FloatArray
from slaibench.schedulers.base import Scheduler
from slaibench.studies.calibration.design import ProbeLimits
from slaibench.studies.calibration.profile_json import Provenance
from slaibench.studies.calibration.result import CalibrationResult
from slaibench.studies.calibration.session import Budget, OpensEngine
from slaibench.studies.calibration.store import Folder
from slaibench.studies.calibration.study import CalibrationPlan, run
from slaibench.workloads.request import Request

PROVENANCE = Provenance(get_model("mistral-7b"), "a-card", "some engine", "a test")
LIMITS = ProbeLimits(token_budget=256, max_active=32, context_tokens=2048)
IDENTITY = {"engine": "some engine"}


class MeasuredDevice(Simulator):
    """A device with a cost model that the calibration does not know, and the engine on it.

    Attributes:
        runs: schedulers that ran, as written.
    """

    def __init__(self, timer: BatchTimer, *, total_blocks: int = 8000, **more: Any) -> None:
        super().__init__(timer, total_blocks=total_blocks, **more)
        self._facts = {"kv_blocks": total_blocks, "block_size": 16}
        self.runs: list[str] = []

    def open(self, logs: Path) -> Self:
        return self

    def run(
        self, requests: Sequence[Request], scheduler: Scheduler, settings: RunSettings
    ) -> RunOutput:
        self.runs.append(settings.scheduler)
        return replace(super().run(requests, scheduler, settings), facts=self._facts)


def folder(path: Path, *, fresh: bool = False) -> Folder:
    """The folder of the one calibration that tests make."""
    taken = Folder(path)
    taken.take(IDENTITY, fresh=fresh)
    return taken


def calibrated(
    device: OpensEngine, path: Path, *, rounds: int = 1, limits: ProbeLimits = LIMITS
) -> CalibrationResult:
    """So many rounds on a device."""
    return run(CalibrationPlan(device, limits, Budget(60, rounds), folder(path), PROVENANCE))


def batches(count: int, limits: ProbeLimits) -> list[tuple[int, int, list[tuple[int, int]]]]:
    """Batches within limits, drawn at random: of every kind, with up to two chunks."""
    random = np.random.default_rng(5)
    drawn = []
    for number in range(count):
        decodes = int(random.integers(1, limits.max_active - 1)) if number % 3 else 0
        context = decodes * int(random.integers(20, limits.context_tokens * 3 // 4))
        chunks = []
        if number % 3 != 1:
            tokens = int(random.integers(2, limits.token_budget - decodes))
            history = int(random.integers(0, limits.context_tokens - tokens))
            first = tokens if number % 2 else tokens // 2
            chunks = [(first, history)] + ([(tokens - first, 0)] if tokens > first else [])
        drawn.append((decodes, context, chunks))
    return drawn


def off(
    fitted: CostModel, truth: CostModel | StaircaseCostModel, limits: ProbeLimits
) -> FloatArray:
    """Relative errors of whole steps."""
    return np.array(
        [
            (fitted.batch_time_s(*batch) + fitted.between_s(1))
            / (truth.batch_time_s(*batch) + truth.between_s(1))
            - 1.0
            for batch in batches(300, limits)
        ]
    )
