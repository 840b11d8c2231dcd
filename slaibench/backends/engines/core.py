"""What the cores of all engines do alike in virtual time: a run's requests, clock and steps."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from typing import Any

from slaibench.backends.base import BackendError
from slaibench.backends.engines.device import VirtualTime
from slaibench.backends.virtual import NEVER, held_in_words
from slaibench.schedulers.base import Scheduler
from slaibench.schedulers.engines.step_log import MemoryStepLog
from slaibench.schedulers.engines.support import UnsupportedEngineError
from slaibench.workloads.request import Request


class CoreRequest:
    """``slaibench.backends.virtual.RequestState`` of a request inside a real engine.

    Args:
        yields: ``Speculation.yields``; None: decodes draft nothing.
    """

    __slots__ = (
        "arrival_s",
        "cached_tokens",
        "first_step",
        "left_s",
        "num_preemptions",
        "prompt_ids",
        "request",
        "token_steps",
        "yields",
    )

    def __init__(
        self, request: Request, prompt_ids: list[int], yields: Sequence[int] | None = None
    ) -> None:
        self.request = request
        self.prompt_ids = prompt_ids
        self.yields = yields
        self.arrival_s = request.due_s
        self.left_s = math.nan
        self.first_step = NEVER
        self.token_steps: array[int] = array("i")
        self.num_preemptions = 0
        self.cached_tokens = 0

    @property
    def request_id(self) -> int:
        return self.request.request_id


class InProcessCore:
    """``slaibench.backends.engines.emulated.EmulatedCore`` but for what differs between engines.

    Args:
        scheduler: the engine's, steered by one of ours.
        device: the emulated one, whose ``time`` passes.
    """

    def __init__(self, scheduler: Any, device: Any) -> None:
        self._scheduler, self._device = scheduler, device
        self._requests: dict[str, CoreRequest] = {}
        self._runs = 0
        self.steps: list[tuple[float, float, int, int, int, int, int, int, int]] = []
        self.left: list[CoreRequest] = []

    def _start_run(self, scheduler: Scheduler) -> None:
        """Begin at time 0; the engine holds no request.

        Raises:
            BackendError: the scheduler wants too much.
        """
        self._time = self._device.time = VirtualTime()
        self._have_decide(scheduler)
        self._requests = {}
        self._runs += 1
        self.steps = []
        self.left = []

    def _have_decide(self, scheduler: Scheduler) -> None:
        """Steer the engine by a scheduler of ours. Errors as ``_start_run``."""
        self._scheduler.clock = self._time
        self._log = self._scheduler.step_log = MemoryStepLog()
        try:
            self._scheduler.decide_by(scheduler)
        except UnsupportedEngineError as error:
            raise BackendError(str(error)) from error

    @property
    def now_s(self) -> float:
        """Where batches are decided ahead, the end of the one that was handed over last."""
        return max(self._time.time_s, self._time.free_s)

    @now_s.setter
    def now_s(self, time_s: float) -> None:
        # What ran only to let go of requests is taken back, too.
        self._time.time_s, self._time.free_s = time_s, min(self._time.free_s, time_s)

    def _arrives(self, request: CoreRequest) -> str:
        """Note a request that is being added; returns its id in the engine."""
        request_id = f"run{self._runs}-{request.request.request_id}"
        self._requests[request_id] = request
        self._time.due_s = request.arrival_s
        return request_id

    def _leaves(self, request: CoreRequest) -> None:
        """Note that a request is done."""
        request.left_s = self.now_s
        self.left.append(request)

    def _note_first_steps(self, number: int) -> None:
        """Whoever was in a batch for the first time since the last call was in this step."""
        for request_id in self._log.first_scheduled_s:
            self._requests[request_id].first_step = number
        self._log.first_scheduled_s.clear()

    def holds(self) -> str:
        """Whom it holds, in words."""
        return held_in_words(self._num_waiting(), self._scheduler.view)

    def _num_waiting(self) -> int:
        raise NotImplementedError
