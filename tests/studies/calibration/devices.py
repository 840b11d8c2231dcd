"""Devices whose truth is known: the simulator, which says of itself what an engine would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from slaibench.backends.base import RunOutput, RunSettings
from slaibench.backends.simulator.backend import Simulator
from slaibench.backends.simulator.engine import BatchTimer
from slaibench.catalog import get_model
from slaibench.schedulers.base import Scheduler
from slaibench.studies.calibration.calibrate import Budget, Limits, calibrate
from slaibench.studies.calibration.fitted import Calibration, Known
from slaibench.studies.calibration.store import Folder
from slaibench.workloads.request import Request

KNOWN = Known(get_model("mistral-7b"), "a-card", "some engine", "a test")
LIMITS = Limits(token_budget=256, max_active=32, context_tokens=2048)
IDENTITY = {"engine": "some engine"}


class Device(Simulator):
    """A device with a cost model that the calibration does not know.

    Attributes:
        runs: schedulers that ran, as written.
    """

    def __init__(self, timer: BatchTimer, *, total_blocks: int = 8000, **more: Any) -> None:
        super().__init__(timer, total_blocks=total_blocks, **more)
        self._facts = {"kv_blocks": total_blocks, "block_size": 16}
        self.runs: list[str] = []

    def run(
        self, requests: Sequence[Request], scheduler: Scheduler, settings: RunSettings
    ) -> RunOutput:
        self.runs.append(settings.scheduler)
        return replace(super().run(requests, scheduler, settings), facts=self._facts)


def folder(path: Path, *, fresh: bool = False) -> Folder:
    """The folder of the one calibration that tests make."""
    found = Folder(path)
    found.take(IDENTITY, fresh=fresh)
    return found


def calibrated(
    device: Simulator, path: Path, *, rounds: int = 1, limits: Limits = LIMITS
) -> Calibration:
    """So many rounds on a device."""
    return calibrate(lambda: device, limits, Budget(60, rounds), folder(path), KNOWN)
