"""vLLM's engine core with asynchronous scheduling, on an emulated device, in virtual time."""

from __future__ import annotations

from collections import deque
from typing import Any

from slaibench.backends.base import BackendError
from slaibench.backends.engines.core import CoreRequest
from slaibench.backends.vllm.in_process import VllmCore
from slaibench.schedulers.base import Batch, Scheduler


class AheadCore(VllmCore):
    """``VllmCore`` that has a batch in flight while the next one is decided.

    As in the simulator (``AheadEngine``), a run's clock is at the end of the batch that runs, and a
    batch is on record when it is handed over: its end and its tokens are certain. When vLLM has
    them, its own account is compared with the record.
    """

    def start_run(self, scheduler: Scheduler) -> None:
        super().start_run(scheduler)
        self._unseen: deque[CoreRequest] = deque()
        self._delivered: dict[str, int] = {}

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
        """A batch more; an empty one only if none runs.

        Raises:
            BackendError: vLLM's account of a batch is another than the device's.
        """
        while True:
            while self._unseen and self._unseen[0].arrival_s <= self._time.time_s:
                super().add(self._unseen.popleft())
            ran = bool(self._scheduler.flights)
            handed_over = self._advance()
            batch: Batch = self._scheduler.last_batch
            if handed_over:
                break
            if not ran:
                return batch
        view = self._scheduler.view
        if not (self._unseen or view.waiting or view.prefilling or view.decoding):
            self._land()  # there is no batch to decide before its end
        return batch

    def end_run(self) -> None:
        """As ``VllmCore.end_run``; tokens in flight are delivered first."""
        from vllm.v1.core.sched.interface import PauseState  # noqa: PLC0415

        self._scheduler.set_pause_state(PauseState.PAUSED_ALL)
        self._land()
        self._scheduler.set_pause_state(PauseState.UNPAUSED)
        super().end_run()

    def _land(self) -> None:
        """Wait for the batch in flight."""
        while self._scheduler.flights:
            self._advance()

    def _advance(self) -> bool:
        """One step of the engine core; returns whether it handed a batch over."""
        before = self._scheduler.flights.newest
        self._device.last = None
        outputs, _ = self._core.step_fn()
        newest = self._scheduler.flights.newest
        handed_over = newest is not None and newest is not before
        if handed_over:
            self._record(newest.step)
        self._compare(outputs or {})
        return handed_over

    def _record(self, step: Any) -> None:
        """A batch runs."""
        end_s = self._time.free_s
        self.steps.append(step._replace(start_s=self._time.began_s(), end_s=end_s))
        number, work = len(self.steps) - 1, self._device.last
        for request_id, tokens in zip(work.request_ids, work.sampled, strict=True):
            if not tokens:
                continue
            request = self._requests[request_id]
            request.token_steps.append(number)
            if len(request.token_steps) == request.request.output_tokens:
                self._leaves(request)
        self._note_first_steps(number)

    def _compare(self, outputs: dict[int, Any]) -> None:
        """What vLLM says of a batch that is done.

        Raises:
            BackendError: it is not what the device computed.
        """
        done = len(self._log.steps) - 1
        if done >= 0 and self._log.steps[done] != self.steps[done]:
            raise BackendError(
                f"step {done} of vLLM's is {self._log.steps[done]}, the device's {self.steps[done]}"
            )
        for of_client in outputs.values():
            for output in of_client.outputs:
                name = output.request_id
                self._delivered[name] = self._delivered.get(name, 0) + len(output.new_token_ids)
                computed = len(self._requests[name].token_steps)
                if output.finish_reason is not None and self._delivered[name] != computed:
                    raise BackendError(
                        f"request {name} has {self._delivered[name]} tokens of vLLM's, the device "
                        f"computed {computed}"
                    )
