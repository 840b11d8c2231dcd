"""SGLang's scheduler, steered by one of ours (``slaibench.schedulers.engines.sglang`` says how)."""

from __future__ import annotations

import logging
import sys
from functools import partial
from typing import Any

from sglang.srt.managers.schedule_batch import NextBatchPlan
from sglang.srt.managers.scheduler import Scheduler as SglangOwnScheduler

from slaibench.schedulers.base import Batch, Scheduler
from slaibench.schedulers.engine_default import EngineDefault, own_budget
from slaibench.schedulers.engines.engine_view import ATTRIBUTE
from slaibench.schedulers.engines.sglang_adapters import Adapters
from slaibench.schedulers.engines.sglang_door import refuse, why_refused
from slaibench.schedulers.engines.sglang_flight import Flight, NotedStreamer, deliver
from slaibench.schedulers.engines.sglang_pages import Pages
from slaibench.schedulers.engines.sglang_parts import Parts, one_kind_of_input
from slaibench.schedulers.engines.sglang_plugins import built
from slaibench.schedulers.engines.sglang_prefills import with_prefills, within
from slaibench.schedulers.engines.sglang_rows import ids_of, put_back, runs_apart, take_rows
from slaibench.schedulers.engines.sglang_support import (
    RELEASES,
    check_config,
    check_flags,
    check_loop,
    limits,
    own_config,
)
from slaibench.schedulers.engines.sglang_view import (
    SglangRequest,
    SglangView,
    drop_those_not_in,
)
from slaibench.schedulers.engines.step_log import FileStepLog, MonotonicClock, NoStepLog, StepLog
from slaibench.schedulers.engines.support import EngineLimits
from slaibench.schedulers.engines.switch import Switch
from slaibench.schedulers.waiting import WaitingQueue

logger = logging.getLogger(__name__)


class SlaibenchScheduler(SglangOwnScheduler):
    """SGLang's scheduler, whose batches one of ours decides.

    Attributes:
        scheduler: ours, which decides; None: SGLang's own rule.
        pages, adapters: its KV blocks and its LoRA adapters.
        is_emulated: whether nothing is computed.
        clock: an emulated device in virtual time puts its own here.
        step_log: notes every step.
        last_batch_decided: what the scheduler last decided.

    Raises:
        UnsupportedEngineError: this SGLang, or how it was started, cannot be steered.
        ValueError: no such scheduler or option.
    """

    def init_schedule_policy(self) -> None:
        """SGLang's own, and ours beside it: by now the pools are there."""
        super().init_schedule_policy()
        self.waiting_queue: list[Any]
        self.running_batch: Any
        self.chunked_req: Any
        self.chunked_prefill_size: int | None
        version = RELEASES.check()
        check_loop(self.enable_overlap, version)
        check_config(self)
        own = own_config()
        self.is_emulated = own.get("device") is not None
        self.clock: Any = MonotonicClock()
        self.step_log: StepLog = NoStepLog()
        self.in_order: WaitingQueue[SglangRequest] = WaitingQueue()
        self.pages = Pages(self)
        self.adapters = Adapters(self)
        blocks = self.pages.free()
        self.view = SglangView(self.in_order.requests, blocks, self.page_size)
        if own.get("step_log"):
            self.step_log = FileStepLog(own["step_log"], blocks, self.page_size, version)
        self.scheduler: Scheduler | None = None
        self.last_batch_decided = Batch()
        self._engine_tokens = self.chunked_prefill_size
        self._withheld: Any = None
        self._ended_s: float | None = None
        self._switch = Switch(self.use, self.flush_cache) if own.get("switchable") else None
        self.use(own.get("scheduler") or EngineDefault.name)

    def init_output_streamer(self) -> None:
        """SGLang's own, which notes when a step's tokens go out."""
        super().init_output_streamer()
        own: Any = self.output_streamer
        self.output_streamer: Any = NotedStreamer(own, self._end_step)

    def _end_step(self) -> float:
        if self._ended_s is None:
            self._ended_s = self.clock.ended_s() if self.enable_overlap else self.clock.now_s()
        end_s: float = self._ended_s
        return end_s

    def use(self, text: str) -> None:
        """Have another scheduler decide from the next step on; it starts from scratch.

        Raises:
            ValueError, UnsupportedEngineError: no such scheduler, or one that asks for more than
                this engine can do; the one before stays.
        """
        scheduler = built(text, own_config().get("plugins", ()))
        self.decide_by(scheduler)
        logger.info("scheduler: %s %s", scheduler.name, scheduler.options())
        logger.info("limits: %s", limits(self.view, self.scheduler))
        self.step_log.switched(text)

    def decide_by(self, scheduler: Scheduler) -> None:
        """Have this scheduler object decide, in an engine that holds no request.

        Raises:
            UnsupportedEngineError: it asks for more than this engine can do.
        """
        own_rule = isinstance(scheduler, EngineDefault)
        if not own_rule:
            check_flags(self.server_args, own_rule=False)
            EngineLimits(
                RELEASES.name,
                *(self._engine_tokens or sys.maxsize, "--chunked-prefill-size"),
                *(self.max_running_requests, "--max-running-requests"),
            ).check(scheduler)
        # SGLang reads both anew at each step. As shipped it does not mix chunks with decodes.
        budget = self.chunked_prefill_size = own_budget(scheduler) or self._engine_tokens
        self.is_mixed_chunk = not own_rule and budget is not None
        self._num_arrived, self.flight = 0, Flight(self.enable_overlap)
        self.scheduler = None if own_rule else scheduler
        self._parts = Parts()

    def handle_generate_request(self, recv_req: Any) -> None:
        """A request arrives."""
        if self._switch is not None:
            busy = bool(self.waiting_queue or self.flight.batches) or self.view.holds_any
            self._switch.look_at(recv_req.sampling_params.custom_params, busy)
        super().handle_generate_request(recv_req)

    def get_next_batch_to_run(self, running_batch: Any, last_batch: Any) -> Any:
        """SGLang's own frame: our batch is decided inside it, once the last one is put back."""
        if runs_apart(last_batch, running_batch):
            running_batch = put_back(running_batch, last_batch)
        self._withheld = None
        plan = super().get_next_batch_to_run(running_batch, last_batch)
        if self._withheld is not None:
            plan = NextBatchPlan(batch_to_run=plan.batch_to_run, running_batch=self._withheld)
        idles = plan.batch_to_run is None and not self.flight.batches
        if idles and self.scheduler is not None and self._holds_any():
            self.clock.nap(self.last_batch_decided.wake_s)
        return plan

    def get_new_batch_prefill(self, running_batch: Any) -> Any:
        """Decide the step; build its batch if there is any prefill in it."""
        if self.scheduler is None:
            self._decided_s = self.clock.now_s()
            with one_kind_of_input(self):
                return super().get_new_batch_prefill(running_batch)
        if self.grammar_manager.has_waiting_grammars():
            for ready in self.grammar_manager.get_ready_grammar_requests():
                self._add_request_to_queue(ready)
        running_batch.filter_batch()
        view = self.view
        self._decided_s = view.now_s = self.clock.now_s()
        view.forget_the_aborted(len(running_batch.reqs))
        drop_those_not_in(self.waiting_queue, self.in_order)
        batch = self.last_batch_decided = self._parts.next(view) or self._decide(running_batch)
        if not batch.prefills:
            return NextBatchPlan(batch_to_run=None, running_batch=running_batch)
        new = self._admit([request for request, _ in batch.prefills if request.waiting])
        # Of a part that had to wait, more may be in the cache by now.
        batch.prefills = [(one, min(tokens, one.tokens_left)) for one, tokens in batch.prefills]
        built = with_prefills(self, batch)
        if batch.decodes:
            rows, running_batch = take_rows(running_batch, ids_of(batch.decodes))
            rows.prepare_for_decode()
            built.mix_with_running(rows)
            built.decoding_reqs = rows.reqs
        self.flight.decide(self, batch, new)
        return NextBatchPlan(batch_to_run=built, running_batch=running_batch)

    def _decide(self, running_batch: Any) -> Batch:
        """Ask the scheduler, carry out its preemptions; returns what is to be run now."""
        view, flight, scheduler = self.view, self.flight, self.scheduler
        if scheduler is None or not view.holds_any:
            return Batch()
        view.free_blocks = self._unclaimed_blocks()
        batch = self.adapters.decided(partial(flight.schedule, scheduler), view, flight.ending)
        for request in list(batch.preempt):
            self._preempt(request, running_batch)
        if batch.preempt and self.pages.cached:
            # Pages that others share are not freed with a request, as the scheduler assumes.
            batch = within(batch, self.pages.free(), self.page_size)
        return self._parts.first_of(batch, self.chunked_req)

    def update_running_batch(self, batch: Any) -> Any:
        """A step without prefills: the rows that decode leave those that are withheld."""
        if self.scheduler is None:
            return super().update_running_batch(batch)
        decided = self.last_batch_decided
        rows, others = take_rows(batch, ids_of(decided.decodes))
        if others.reqs:
            self._withheld = others
        if decided.decodes:
            rows.prepare_for_decode()
            self.flight.decide(self, decided, [])
        return rows

    def run_batch(self, batch: Any, *args: Any, **kwargs: Any) -> Any:
        """SGLang's own; from here on the batch counts as computed."""
        result = super().run_batch(batch, *args, **kwargs)
        self.flight.launch(self, batch, self._decided_s)
        return result

    def process_batch_result(self, batch: Any, result: Any) -> None:
        """SGLang's own; then our scheduler learns of it."""
        self._ended_s = None
        deliver(self, self.flight.batches[0].preempted, batch, result)
        super().process_batch_result(batch, result)
        view = self.view
        end_s = view.now_s = self._end_step()
        done, began_s = self.flight.land(self, batch, end_s)
        if self.scheduler is not None:
            if any(req.finished() for req in batch.reqs):
                view.drop_finished()
            view.free_blocks = self._unclaimed_blocks()
            self.flight.report(self.scheduler, done, (began_s, end_s), view)
        if not self._holds_any():
            self.step_log.flush()
            if self._switch is not None:
                self._switch.engine_is_idle()

    def pause_generation(self, recv_req: Any) -> None:
        """SGLang's own; where it takes everybody's blocks, rows that run apart are among them."""
        if recv_req.mode == "retract" and runs_apart(self.last_batch, self.running_batch):
            self.running_batch = put_back(self.running_batch, self.last_batch)
        super().pause_generation(recv_req)

    def _add_request_to_queue(self, req: Any, is_retracted: bool = False) -> None:
        ours: SglangRequest | None = getattr(req, ATTRIBUTE, None)
        if ours is None and (reason := why_refused(self, req)):
            refuse(self, req, reason)
            return
        super()._add_request_to_queue(req, is_retracted)
        if not self.waiting_queue or self.waiting_queue[-1] is not req:
            return  # refused
        if ours is None:
            self._num_arrived += 1
            arrival_s = self.clock.arrival_s(req)
            size, look_up = self.page_size, self.pages.look_up
            ours = SglangRequest(req, self._num_arrived, arrival_s, size, look_up)
            setattr(req, ATTRIBUTE, ours)
        if not ours.waiting:
            # Also where SGLang says nothing of it: a pause, or its own rule's priorities.
            is_retracted = True
            self._parts.drop()
            self.view.drop(ours)
            self.flight.preempt(ours)
            ours.lose_blocks()
            self.step_log.preempted(req.rid)
        key = 0 if self.scheduler is None else self.scheduler.queue_key(ours)
        (self.in_order.put_back if is_retracted else self.in_order.add)(ours, key)

    def _admit(self, admitted: list[SglangRequest]) -> list[SglangRequest]:
        """Have waiting requests prefill; returns those who were in no batch before."""
        for request in admitted:
            request.computed = self.pages.lock(request.inner)
            self.in_order.remove(request)
        leaving = {id(request.inner) for request in admitted}
        self.waiting_queue = [req for req in self.waiting_queue if id(req) not in leaving]
        self.view.admit(admitted)
        new = [request for request in admitted if not request.was_scheduled]
        for request in new:
            request.was_scheduled = True
        return new

    def _preempt(self, request: SglangRequest, running_batch: Any) -> None:
        req = request.inner
        self.pages.take(req)
        if req is self.chunked_req:
            self.chunked_req = None
        else:
            rows = range(len(running_batch.reqs))
            keep = [row for row in rows if running_batch.reqs[row] is not req]
            running_batch.filter_batch(keep_indices=keep)
        self._add_request_to_queue(req, is_retracted=True)

    def _holds_any(self) -> bool:
        if self.flight.batches:
            return True
        if self.scheduler is None:
            return bool(self.waiting_queue or self.running_batch.reqs or self.chunked_req)
        return self.view.holds_any

    def _unclaimed_blocks(self) -> int:
        """Blocks that nobody holds and no unfinished prefill will still take."""
        return self.pages.free() - self.view.promised_blocks
