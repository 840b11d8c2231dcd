"""Backends that tests open in another process; their makers are found there by name."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from slaibench.backends.base import Backend, RunOutput, RunSettings
from slaibench.backends.simulator.backend import Simulator
from slaibench.costmodel import CostModel
from slaibench.schedulers.base import Scheduler
from slaibench.workloads.request import Request
from tests.backends.agreement import CONTEXT, KV_BLOCKS, PROFILE


def simulator() -> Backend:
    return Simulator(CostModel(PROFILE), total_blocks=KV_BLOCKS, max_context_tokens=CONTEXT)


class Mortal:
    """The simulator, but for a run with seed 13, in the middle of which its process ends."""

    def __init__(self) -> None:
        self._inner = simulator()

    def run(
        self, requests: Sequence[Request], scheduler: Scheduler, settings: RunSettings
    ) -> RunOutput:
        if settings.seed == 13:
            print("MemoryError: all of it", file=sys.stderr, flush=True)
            os._exit(3)
        return self._inner.run(requests, scheduler, settings)

    def close(self) -> None:
        self._inner.close()


def unwilling() -> Backend:
    raise ValueError("there is no such engine")
