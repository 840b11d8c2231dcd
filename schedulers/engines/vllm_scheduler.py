"""vLLM's scheduler, steered by one of ours (``slaibench.schedulers.engines.vllm`` says how)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from vllm.logger import init_logger
from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.core.sched.interface import PauseState
from vllm.v1.request import Request

from slaibench.schedulers import registry
from slaibench.schedulers.base import Batch, Scheduler
from slaibench.schedulers.batching import tokens_of
from slaibench.schedulers.deciding_ahead import DecidingAhead
from slaibench.schedulers.engine_default import EngineDefault
from slaibench.schedulers.engines.engine_view import ATTRIBUTE, work_of
from slaibench.schedulers.engines.step_log import FileStepLog
from slaibench.schedulers.engines.switch import Switch
from slaibench.schedulers.engines.vllm_books import SteeredScheduler, asynchronous
from slaibench.schedulers.engines.vllm_flights import Flight
from slaibench.schedulers.engines.vllm_layout import chunks, lay_out, what_ran
from slaibench.schedulers.engines.vllm_priority import spare_urgent
from slaibench.schedulers.engines.vllm_speculation import back, launched
from slaibench.schedulers.engines.vllm_support import (
    RELEASES,
    check_config,
    check_flags,
    engine_limits,
    own_config,
)
from slaibench.schedulers.engines.vllm_view import VllmRequest

logger = init_logger("vllm.slaibench")  # below vLLM's own, which alone has a handler


class SlaibenchScheduler(SteeredScheduler):
    """vLLM's scheduler, steered by one of ours.

    Where vLLM schedules asynchronously, an object of it is vLLM's ``AsyncScheduler`` as well: a
    batch is decided while the one before runs, as far as that one's outcome is certain.

    ``additional_config["slaibench"]`` may hold ``scheduler`` (name and options, as on our command
    line; ``engine`` is vLLM's own rule), ``options`` (those of a class that has its name built
    in), ``step_log`` (a file, ``step_log.FileStepLog``) and ``switchable`` (``switch``).

    Attributes:
        last_batch: what the scheduler last decided.

    Raises:
        UnsupportedEngineError: this vLLM, or how it was started, cannot be steered.
        ValueError: no such scheduler or option.
    """

    scheduler_name = "engine"

    def __new__(cls, vllm_config: Any, *args: Any, **kwargs: Any) -> Self:
        """An object for vLLM's mode: one class cannot extend both of vLLM's schedulers."""
        kind: Any = cls
        if vllm_config.scheduler_config.async_scheduling:
            kind = asynchronous(kind)
        scheduler: Self = super().__new__(kind)
        return scheduler

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        version = RELEASES.check()
        super().__init__(*args, **kwargs)
        check_config(self.vllm_config, self.kv_cache_config)
        own = own_config(self.vllm_config)
        self.max_num_scheduled_tokens: int
        self.max_num_running_reqs: int
        self._limits = engine_limits(self.scheduler_config, self.view.tokens_per_decode)
        if own.get("step_log"):
            captured = self.vllm_config.compilation_config.max_cudagraph_capture_size or 0
            self.step_log = FileStepLog(
                own["step_log"], self._num_blocks, self.block_size, version, captured
            )
        # Has vLLM ask for the length of every chunk; the models that it asks for are refused.
        self.need_mamba_block_aligned_split = True
        self._chunks: dict[str, int] = {}
        self._stuck = False
        self.last_batch = Batch()
        self._handed_over_s = 0.0
        self._is_asynchronous = isinstance(self, AsyncScheduler)
        self._ahead = DecidingAhead()
        options = own.get("options")
        named = f"{self.scheduler_name}:{options}" if options else self.scheduler_name
        self.use(own.get("scheduler") or named)
        own_switch = Switch(self.use, self.reset_prefix_cache)
        self._switch = own_switch if own.get("switchable") else None

    def use(self, text: str) -> None:
        """Have another scheduler decide from the next step on; it starts from scratch.

        Raises:
            ValueError, UnsupportedEngineError: no such scheduler, or one that asks for more than
                this engine can do; the one before stays.
        """
        scheduler = registry.build(text)
        self.decide_by(scheduler)
        logger.info("scheduler: %s %s", scheduler.name, scheduler.options())
        logger.info(
            "limits: batches of %d tokens, %d requests active, any number of them with an "
            "unfinished prompt; %d KV blocks of %d tokens",
            self.max_num_scheduled_tokens if self.scheduler is None else scheduler.token_budget,
            self.max_num_running_reqs if self.scheduler is None else scheduler.max_active,
            self._num_blocks,
            self.block_size,
        )
        self.step_log.switched(text)

    def decide_by(self, scheduler: Scheduler) -> None:
        """Have this scheduler object decide, in an engine that holds no request.

        Raises:
            UnsupportedEngineError: it asks for more than this engine can do.
        """
        tokens, active = self._limits.tokens, self._limits.active
        own_rule = isinstance(scheduler, EngineDefault)
        if own_rule:
            tokens, active = min(tokens, scheduler.token_budget), min(active, scheduler.max_active)
        else:
            check_flags(self.vllm_config, own_rule=False)
            self._limits.check(scheduler)
        self.max_num_scheduled_tokens = tokens
        self.max_num_running_reqs = self.max_num_active_reqs = active
        self._num_arrived = self._num_preempted = 0
        self.scheduler = None if own_rule else scheduler
        self._ahead = DecidingAhead()

    def add_request(self, request: Request) -> None:
        if self._switch is not None:
            said = getattr(request.sampling_params, "extra_args", None)
            self._switch.look_at(said, busy=bool(self.requests))
        super().add_request(request)

    def schedule(self, *args: Any, **kwargs: Any) -> Any:
        """One step: vLLM's own ``schedule()`` over the batch that the scheduler decides."""
        view, queue = self.view, self.waiting
        self._note_begin()
        began_s = view.now_s = self.clock.now_s()
        view.expect = None
        if queue.blocked:
            queue.unblock(self._is_ready)
        if self._pause_state is PauseState.PAUSED_ALL:
            self.last_batch = Batch()
            return super().schedule(*args, **kwargs)
        own_rule = self.scheduler is None or self._stuck
        self._look(resume=not own_rule)
        if self.scheduler is None or own_rule:
            return self._schedule_by_own_rule(began_s, args, kwargs)
        batch = self.last_batch = self._decide(self.scheduler)
        if batch.preempt and self._by_priority:
            spare_urgent(batch, view, self.scheduler.token_budget)
        lost = self._make_room(batch)
        self.running, hidden = lay_out(batch, self.running)
        queue.offer(_leaving_the_queue(batch))
        self._chunks = chunks(batch)
        budget = self.max_num_scheduled_tokens
        # Of a prompt's last token alone vLLM asks whether it could be padded to a decode's length.
        self.max_num_scheduled_tokens = tokens_of(view, batch) + self.num_spec_tokens
        try:
            output = super().schedule(*args, **kwargs)
        finally:
            self.max_num_scheduled_tokens = budget
            self.running.extend(hidden)
            self._chunks = {}
        if lost:
            output.preempted_req_ids = (output.preempted_req_ids or set()) | lost
        ran_nothing = not output.num_scheduled_tokens and not self.flights
        self._stuck = bool(batch and self.running and ran_nothing)
        self._settle(what_ran(batch, output.num_scheduled_tokens), began_s, output)
        self._handed_over_s = self.clock.now_s()
        return output

    def update_from_output(self, scheduler_output: Any, model_runner_output: Any) -> Any:
        """vLLM's own; then our scheduler learns of it."""
        view = self.view
        self._note_begin()
        back_s = self.clock.ended_s() if self._is_asynchronous else self.clock.now_s()
        outputs = super().update_from_output(scheduler_output, model_runner_output)
        flight = self.flights.back(scheduler_output)
        if flight is None or flight.start_s is None:
            return outputs
        start_s, ran = flight.start_s, flight.batch
        if self.num_spec_tokens:
            back(flight)
        if self._is_asynchronous:
            end_s, view.forward_s = back_s, back_s - start_s
        else:
            end_s, view.forward_s = self.clock.now_s(), back_s - self._handed_over_s
            view.advance(ran.prefills)
        view.now_s = end_s
        self._look()
        if self._is_asynchronous:
            self._ahead.done(flight.scheduler, ran, start_s, end_s, view)
        elif flight.scheduler is not None:
            flight.scheduler.batch_done(ran, start_s, end_s, view)
        self.step_log.step(flight.step._replace(start_s=start_s, end_s=end_s))
        if not self.requests and not self.flights:
            self.step_log.flush()
            if self._switch is not None:
                self._switch.engine_is_idle()
        return outputs

    def shutdown(self) -> None:
        """vLLM's own, and the end of the step log."""
        super().shutdown()
        self.step_log.close()

    def _mamba_block_aligned_split(
        self, request: Request, num_new_tokens: int, *args: Any, **kwargs: Any
    ) -> int:
        """The length of a chunk: no more than the scheduler gives it."""
        return min(num_new_tokens, self._chunks.get(request.request_id, num_new_tokens))

    def _decide(self, scheduler: Scheduler) -> Batch:
        """The next batch; while another runs, as if that one were done."""
        view, running = self.view, self.flights.newest
        if running is None or running.start_s is None:
            return scheduler.schedule(view)
        if not (view.waiting or view.prefilling or view.decoding):
            return Batch()  # whoever is left ends with the batch that runs
        return self._ahead.decide(scheduler, view, running.batch, running.start_s, len(view.ending))

    def _note_begin(self) -> None:
        """It is the first call after a batch was handed over: none before it runs any more."""
        flight = self.flights.newest
        if flight is not None and flight.start_s is None:
            flight.start_s = self.clock.began_s()

    def _schedule_by_own_rule(self, began_s: float, args: Any, kwargs: Any) -> Any:
        """vLLM's own rule; under one of ours, whoever runs and nobody else.

        The latter is the way out where vLLM could run nothing of a scheduler's batch (no room for a
        prompt's images) while others run, which the scheduler would ask for again for ever.
        """
        queue, budget = self.waiting, self.max_num_scheduled_tokens
        if self.scheduler is None:
            queue.offer([*queue.resumable, *self._head()])
        else:
            queue.offer(())
            self.max_num_scheduled_tokens = self.scheduler.token_budget
        self._stuck = False
        try:
            output = super().schedule(*args, **kwargs)
        finally:
            self.max_num_scheduled_tokens = budget
        ran = self.last_batch = Batch()
        for request_id, tokens in output.num_scheduled_tokens.items():
            ours: VllmRequest = getattr(self.requests[request_id], ATTRIBUTE)
            # One of a single token to prefill is padded with drafts, to be as long as a decode.
            if ours.computed > ours.prefill_tokens and not (ours.waiting or ours.resumes):
                ran.decodes.append(ours)
            else:
                ran.prefills.append((ours, tokens))
        ran.critical_decodes = len(ran.decodes)
        self._settle(ran, began_s, output)
        return output

    def _head(self) -> Sequence[VllmRequest]:
        """Of the queue, as many as vLLM may admit at a step."""
        waiting = self.view.waiting
        # With adapters vLLM may pass by any number of them.
        return waiting if self.lora_config else waiting[: self.max_num_running_reqs]

    def _settle(self, ran: Batch, began_s: float, output: Any) -> None:
        """Bring our lists up to what vLLM has decided, and note the step."""
        view = self.view
        taken = _leaving_the_queue(ran)
        admitted = [request for request in taken if request.waiting]
        self.waiting.settle(taken)
        view.admit(request for request in taken if request not in view.prefilling)
        for request in admitted:
            if request.inner.num_preemptions == 0:
                self.step_log.first_scheduled(request.inner.request_id, began_s)
        view.follow(self.running)
        if not ran:
            return
        step = self._step_of(ran, began_s)
        ran.work = work_of(ran, counted=True)
        start_s = None if self._is_asynchronous else began_s
        flight = Flight(output, self.scheduler, ran, step, start_s)
        if self.num_spec_tokens:
            launched(flight)
        self.flights.add(flight)
        if self._is_asynchronous:
            view.advance(ran.prefills)
            certain = (*ran.decodes, *ran.work.finished_prefills)
            if ending := [request for request in certain if request.ends]:
                view.set_aside(ending)


def _leaving_the_queue(batch: Batch) -> list[VllmRequest]:
    """Whom a batch takes from vLLM's queues: to admit, or a session that goes on."""
    return [request for request, _ in batch.prefills if request.waiting or request.resumes]
