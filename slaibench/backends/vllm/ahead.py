"""vLLM's engine core with asynchronous scheduling, on an emulated device, in virtual time."""

from __future__ import annotations

from collections import deque

from slaibench.backends.engines.core import CoreRequest
from slaibench.backends.vllm.in_process import VllmCore
from slaibench.schedulers.base import Batch, Scheduler


class AheadCore(VllmCore):
    """``VllmCore`` that has a batch in flight while the next one is decided.

    As in the simulator (``AheadEngine``), a run's clock is at the end of the batch that runs.
    """

    def start_run(self, scheduler: Scheduler) -> None:
        super().start_run(scheduler)
        self._unseen: deque[CoreRequest] = deque()

    @property
    def has_work(self) -> bool:
        return bool(self._unseen) or super().has_work

    def holds(self) -> str:
        """Whom it holds, in words."""
        return f"{super().holds()}, {len(self._unseen)} not seen yet"

    def add(self, request: CoreRequest) -> None:
        """A request arrives; vLLM sees it when its host comes to it."""
        self._unseen.append(request)

    def step(self) -> Batch:
        """A batch more; an empty one only if none runs. Errors as ``VllmCore.step``."""
        while True:
            while self._unseen and self._unseen[0].arrival_s <= self._time.time_s:
                super().add(self._unseen.popleft())
            ran = self._in_flight
            handed_over = self._advance()
            batch = self._decider.decided(self._work)
            if handed_over:
                break
            if not ran:
                return batch
        if not self._unseen and len(self.left) == self._num_added:
            self._land()  # there is no batch to decide before its end
        return batch

    def end_run(self) -> None:
        """As ``VllmCore.end_run``; tokens in flight are delivered first."""
        from vllm.v1.core.sched.interface import PauseState  # noqa: PLC0415

        self._scheduler.set_pause_state(PauseState.PAUSED_ALL)
        self._land()
        self._scheduler.set_pause_state(PauseState.UNPAUSED)
        super().end_run()

    @property
    def _in_flight(self) -> bool:
        """Whether a batch's tokens are not back."""
        queue = self._core.batch_queue or ()
        return any(output.total_num_scheduled_tokens for _, output, *_ in queue)

    def _land(self) -> None:
        """Wait for the batches in flight."""
        while self._in_flight:
            self._advance()
