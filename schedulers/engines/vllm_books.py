"""Our side of vLLM's lists: who waits and who runs, what is free, who may be admitted."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import takewhile
from typing import Any

from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.core.sched.interface import PauseState
from vllm.v1.core.sched.request_queue import SchedulingPolicy
from vllm.v1.core.sched.scheduler import Scheduler as VllmOwnScheduler
from vllm.v1.request import Request, RequestStatus

from slaibench.schedulers.base import Batch, Scheduler
from slaibench.schedulers.engines.engine_view import ATTRIBUTE
from slaibench.schedulers.engines.step_log import MonotonicClock, NoStepLog, Step, StepLog
from slaibench.schedulers.engines.vllm_flights import Flights
from slaibench.schedulers.engines.vllm_priority import blocks_needed, least_urgent_first, leave_out
from slaibench.schedulers.engines.vllm_queue import Beside, KeyedQueue, NoSecondQueue
from slaibench.schedulers.engines.vllm_view import VllmRequest, VllmView


class SteeredScheduler(VllmOwnScheduler):
    """vLLM's scheduler with its queues in the order of one of ours, and a view for that one.

    Attributes:
        scheduler: ours, which decides; None: vLLM's own rule.
        clock: an emulated device in virtual time puts its own here.
        step_log: notes every step.
        view: what a scheduler sees.
        flights: batches that were handed over and are not back.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.running: list[Request]
        self._num_blocks = self.cache_config.num_gpu_blocks - 1  # vLLM keeps one for itself
        self._by_priority = self.policy is SchedulingPolicy.PRIORITY
        self._beside = hasattr(self, "kv_holding_waiting")
        self.flights = Flights()
        self.waiting = KeyedQueue(
            self._wrap, self._key, self._on_preempted, self.flights.bring, beside=self._beside
        )
        if self._beside:
            self.kv_holding_waiting = Beside(self.waiting)
        if hasattr(self, "skipped_waiting"):
            self.skipped_waiting = NoSecondQueue(self.waiting)
        self.view = VllmView(
            self.waiting.ordered.requests,
            self._num_blocks,
            self.block_size,
            1 + self.num_spec_tokens,
        )
        self.scheduler: Scheduler | None = None
        self.clock: Any = MonotonicClock()
        self.step_log: StepLog = NoStepLog()
        self._num_arrived = 0
        self._num_preempted = 0

    def reset_prefix_cache(
        self, reset_running_requests: bool = False, *args: Any, **kwargs: Any
    ) -> bool:
        """vLLM's own, which throws tokens in flight away with the blocks of those that run."""
        if reset_running_requests:
            self.flights.drop()
        done: bool = super().reset_prefix_cache(reset_running_requests, *args, **kwargs)
        return done

    def _look(self, *, resume: bool = False) -> None:
        """Bring the view up to date: who runs, what is free, who could be admitted.

        Args:
            resume: show sessions that have their next input as prefilling.
        """
        view = self.view
        view.follow(self.running)
        view.free_blocks = self._unclaimed_blocks()
        comes_first = resume and not self._resume_sessions()
        view.waiting = [] if comes_first else self._admissible()

    def _admissible(self) -> Sequence[VllmRequest]:
        """Whom a scheduler may admit, beside what it counts itself: tokens, blocks, requests.

        It is shown only what can be admitted: one that plans a batch of a single prompt would else
        wait for ever for a prompt that vLLM skips.
        """
        queue = self.waiting
        requests: Sequence[VllmRequest] = queue.ordered.requests
        if self._pause_state is not PauseState.UNPAUSED:
            return []
        if self.lora_config:
            requests = have_adapters(requests, self._adapters(), self.lora_config.max_loras)
        if self.scheduler is None:
            return requests
        if self._by_priority:
            requests = most_urgent(requests)
        if holding := queue.num_holding:
            # A session between two inputs keeps its place; a scheduler counts only whom it sees.
            slots = self.scheduler.max_active - len(self.running) - holding
            requests = requests[: max(slots, 0)]
        return requests

    def _adapters(self) -> set[int]:
        """LoRA adapters of all that may be in the next batch."""
        view = self.view
        return {request.adapter for request in (*view.prefilling, *view.decoding)} - {0}

    def _resume_sessions(self) -> bool:
        """Show sessions that have their next input as prefilling, in the order in which it came.

        Returns:
            Whether others may be admitted: as in vLLM, nobody before a session whose blocks cannot
            be had yet.
        """
        view = self.view
        if self._pause_state is not PauseState.UNPAUSED and not self._beside:
            return True
        for session in list(self.waiting.resumable):
            if session in view.prefilling:
                continue
            if self.lora_config and not have_adapters(
                [session], self._adapters(), self.lora_config.max_loras
            ):
                continue
            rest = session.promised_blocks
            if rest > view.free_blocks:
                if not self.running and not view.prefilling:
                    self._preempt(session)  # nobody will ever free what it lacks
                return False
            view.admit([session])
            view.free_blocks -= rest
        return True

    def _make_room(self, batch: Batch) -> set[str]:
        """Preempt whom the batch says; the ids of those who lost their blocks.

        Blocks that are shared do not come free. Under vLLM's priorities the least urgent of all go
        then, since vLLM itself would look among those in the batch only.
        """
        lost = [*batch.preempt]
        for request in lost:
            self._preempt(request)
        if self._by_priority and batch:
            line = least_urgent_first(batch, self.view)
            while line and blocks_needed(batch, self.block_size) > self._pool_free():
                request = line.pop(0)
                if request.waiting:
                    continue
                leave_out(batch, {id(request)})
                self._preempt(request)
                lost.append(request)
        return {request.inner.request_id for request in lost}

    def _preempt(self, request: VllmRequest) -> None:
        inner, resumes = request.inner, request.resumes
        if resumes:
            inner.status = RequestStatus.RUNNING  # vLLM preempts nobody else
        else:
            self.running.remove(inner)
        self._preempt_request(inner, time.monotonic())
        if resumes:
            # The worker has not seen its last input, and gets it as with a new request.
            inner.status = RequestStatus.WAITING

    def _step_of(self, ran: Batch, began_s: float) -> Step:
        """The record of a batch that is handed over; its times are not there yet."""
        num_preempted, self._num_preempted = self._num_preempted, 0
        return Step(
            start_s=began_s,
            end_s=began_s,
            prefill_tokens=sum(tokens for _, tokens in ran.prefills),
            decodes=len(ran.decodes),
            critical_decodes=ran.critical_decodes,
            waiting=len(self.waiting),
            active=len(self.running) + self.waiting.num_holding,
            kv_blocks_used=self._num_blocks - self._pool_free(),
            preemptions=num_preempted,
        )

    def _unclaimed_blocks(self) -> int:
        """Blocks that nobody holds and no unfinished prefill will still take."""
        return self._pool_free() - self.view.promised_blocks

    def _pool_free(self) -> int:
        free: int = self.kv_cache_manager.block_pool.get_num_free_blocks()
        return free

    def _wrap(self, request: Request) -> VllmRequest:
        self._num_arrived += 1
        ours = VllmRequest(
            request,
            self._num_arrived,
            self.clock.arrival_s(request),
            self.block_size,
            self._cached_tokens,
            self.max_model_len,
        )
        setattr(request, ATTRIBUTE, ours)
        return ours

    def _key(self, request: VllmRequest) -> Any:
        if self.scheduler is None:
            key: Any = request.inner.arrival_time if self._by_priority else 0
        else:
            key = self.scheduler.queue_key(request)
        # vLLM's own priorities (--scheduling-policy priority) stand above the scheduler's order.
        return (request.inner.priority, key) if self._by_priority else key

    def _on_preempted(self, request: VllmRequest) -> None:
        self._num_preempted += 1
        self.step_log.preempted(request.inner.request_id)

    def _cached_tokens(self, request: Request) -> int:
        if not self.cache_config.enable_prefix_caching:
            return 0
        return int(self.kv_cache_manager.get_computed_blocks(request)[1])

    def _is_ready(self, request: Request) -> bool:
        """Whether a request that waited for something else than its turn may now wait for that."""
        if not self._is_blocked_waiting_status(request.status):
            return True
        promote = getattr(self, "_handle_blocked_waiting_request", None)
        return bool((promote or self._try_promote_blocked_waiting_request)(request))


@cache
def asynchronous(cls: Any) -> Any:
    """The class of ours for asynchronous scheduling: what it does not do itself is vLLM's
    ``AsyncScheduler``'s."""
    if issubclass(cls, AsyncScheduler):
        return cls
    own = {"__doc__": cls.__doc__, "__module__": cls.__module__}
    return type(cls.__name__, (cls, AsyncScheduler), own)


def have_adapters(requests: Iterable[VllmRequest], held: set[int], most: int) -> list[VllmRequest]:
    """Those of the requests that can all run together, in their order.

    Whoever runs may be in the next batch, withheld or not, so all of them count.

    Args:
        held: LoRA adapters of those that run.
        most: adapters that a batch may hold (``--max-loras``).
    """
    used = set(held)
    fitting = []
    for request in requests:
        adapter = request.adapter
        if adapter and adapter not in used:
            if len(used) >= most:
                continue
            used.add(adapter)
        fitting.append(request)
    return fitting


def most_urgent(requests: Sequence[VllmRequest]) -> list[VllmRequest]:
    """Those of the first one's priority, in a queue that is ordered by it.

    A scheduler may admit in another order than its queue's; with nobody else to see, it cannot let
    a less urgent one pass.
    """
    if not requests:
        return []
    first = requests[0].inner.priority
    return [*takewhile(lambda request: request.inner.priority == first, requests)]
