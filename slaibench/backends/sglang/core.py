"""SGLang's scheduler in this process, on an emulated device, in virtual time.

To be imported where SGLang can be (``slaibench.backends.sglang.emulated`` sees to that).
"""

from __future__ import annotations

import logging
from array import array
from collections import deque
from contextlib import nullcontext
from typing import Any

from sglang.srt.managers.io_struct import AbortReq, TokenizedGenerateReqInput
from sglang.srt.sampling.sampling_params import SamplingParams
from sglang.srt.server_args import ServerArgs

from slaibench.backends.base import BackendError
from slaibench.backends.engines import run_clock
from slaibench.backends.engines.core import CoreRequest, InProcessCore
from slaibench.backends.engines.device import VirtualTime
from slaibench.backends.engines.model_folder import as_scheduled, model_folder
from slaibench.backends.engines.options import EngineOptions
from slaibench.backends.sglang.arguments import CPU, engine_args, narrow
from slaibench.backends.sglang.forward import EmulatedForward
from slaibench.backends.sglang.in_process import process_oldest, start_scheduler, turn
from slaibench.backends.simulator.batch_timer import BatchTimer
from slaibench.schedulers.base import Batch, Scheduler
from slaibench.schedulers.engines.sglang_scheduler import SlaibenchScheduler
from slaibench.schedulers.engines.sglang_support import RELEASES
from slaibench.schedulers.engines.step_log import MemoryStepLog
from slaibench.schedulers.service_class import ServiceClass


class SglangCore(InProcessCore):
    """One SGLang scheduler (``slaibench.backends.engines.emulated.EmulatedCore``).

    One a process: SGLang keeps its configuration in globals.

    Args:
        options: what it is started with; ``kv_blocks`` must be given.
        timer: the cost model.
        with_plugins: whether somebody's are in this process: what they read as the time is then a
            run's, and it serves one.

    Raises:
        BackendError: SGLang cannot be started like that.
    """

    def __init__(
        self, options: EngineOptions, timer: BatchTimer, *, with_plugins: bool = False
    ) -> None:
        self.engine_version = RELEASES.check()
        try:
            scheduler = _start(options)
        except (ValueError, RuntimeError, AssertionError) as error:
            raise BackendError(f"SGLang on an emulated device does not start: {error}") from error
        forward = EmulatedForward(timer, VirtualTime())
        scheduler.tp_worker.forward_batch_generation = forward
        super().__init__(scheduler, forward)
        self._asynchronous = options.asynchronous
        self._with_plugins = with_plugins

    def start_run(self, scheduler: Scheduler) -> None:
        """Begin at time 0 with nothing left of what ran before.

        Raises:
            BackendError: something of the last run is left, or the scheduler asks for too much.
        """
        self._start_run(scheduler)
        self._unseen: deque[CoreRequest] = deque()

    @property
    def has_work(self) -> bool:
        view = self._scheduler.view
        if self._scheduler.scheduler is None:
            return bool(self._unseen or self._requests)
        return bool(self._unseen or view.waiting or view.prefilling or view.decoding)

    def holds(self) -> str:
        """Whom it holds, in words."""
        unseen = f", {len(self._unseen)} not seen yet" if self._unseen else ""
        return f"{super().holds()}{unseen}"

    def add(self, request: CoreRequest) -> None:
        """A request arrives; it is seen when a batch is decided next."""
        self._unseen.append(request)

    def _see(self) -> None:
        """SGLang gets the requests that are there by now."""
        while self._unseen and self._unseen[0].arrival_s <= self._time.time_s:
            self._hand_over(self._unseen.popleft())

    def _hand_over(self, request: CoreRequest) -> None:
        due = request.request
        request_id = self._arrives(request)
        params = SamplingParams(
            max_new_tokens=due.output_tokens,
            ignore_eos=True,
            temperature=0.0,
            custom_params=ServiceClass.of(due).said(),
        )
        params.normalize(None)
        self._scheduler.handle_generate_request(
            TokenizedGenerateReqInput(
                rid=request_id,
                input_text="",
                input_ids=array("q", request.prompt_ids),
                input_embeds=None,
                mm_inputs=None,
                token_type_ids=None,
                sampling_params=params,
                return_logprob=False,
                logprob_start_len=-1,
                top_logprobs_num=0,
                token_ids_logprob=None,
                stream=True,
            )
        )

    def step(self) -> Batch:
        """Turn SGLang's event loop until it launches a batch, or has nothing to run.

        Where batches are decided ahead: what it finds nothing for while a batch runs, it decides
        again when that is done.
        """
        ran = self._num_in_flight
        launched, done = self._turn()
        decided: Batch = self._scheduler.last_batch_decided
        own_rule = self._scheduler.scheduler is None
        if launched is None and ran and not own_rule and not decided.preempt:
            launched, _ = self._turn()
            decided = self._scheduler.last_batch_decided
        if self._num_in_flight and not self.has_work:
            self._turn()  # there is no batch to decide before its end
        if own_rule:
            # SGLang's own rule does not say what it decides; that something ran is enough.
            return Batch(decodes=[batch for batch in (launched, done) if batch])
        return decided

    @property
    def _num_in_flight(self) -> int:
        return len(self._scheduler.result_queue)

    def _turn(self) -> tuple[Any, Any]:
        """One turn; returns the batch that was launched and the one whose tokens came, or None."""
        with run_clock.shown(self._time.now_s) if self._with_plugins else nullcontext():
            self._see()
            launched, done = turn(self._scheduler)
        if launched:
            self._note_launch()
        if done:
            self._note_tokens(done)
        return launched, done

    def _note_launch(self) -> None:
        """A batch was launched: where a scheduler decided it, it is known what comes of it."""
        scheduler, time = self._scheduler, self._time
        if not self._asynchronous:
            self.steps.append(self._log.steps[-1])
        else:
            step = scheduler.flight.batches[-1].step
            self.steps.append(step._replace(start_s=time.began_s(), end_s=time.free_s))
        if scheduler.scheduler is None:
            return
        number = len(self.steps) - 1
        decided = scheduler.last_batch_decided
        for request in (*decided.decodes, *decided.work.finished_prefills):
            ours = self._requests[request.inner.rid]
            ours.token_steps.append(number)
            if len(ours.token_steps) == ours.request.output_tokens:
                self._leaves(ours)

    def _note_tokens(self, batch: Any) -> None:
        """The tokens of a batch were processed.

        Raises:
            BackendError: they are others than was expected, or at another time.
        """
        own_rule = self._scheduler.scheduler is None
        number = len(self._log.steps) - 1
        step = self._log.steps[number]
        if step != self.steps[number]:
            raise BackendError(f"SGLang ran {step}, and the device {self.steps[number]}")
        self._note_first_steps(number)
        for request in batch.reqs:
            ours, num_tokens = self._requests.get(request.rid), len(request.output_ids)
            if ours is None:
                continue  # it was done before this batch, which had begun
            ours.cached_tokens = request.cached_tokens
            if own_rule:
                ours.token_steps.extend([number] * (num_tokens - len(ours.token_steps)))
            if request.finished():
                if not num_tokens == len(ours.token_steps) == ours.request.output_tokens:
                    raise BackendError(
                        f"SGLang ended request {ours.request.request_id} after {num_tokens} of "
                        f"{ours.request.output_tokens} tokens: it nearly fills the KV cache; give "
                        "more --kv-blocks"
                    )
                if own_rule:
                    self._leaves(ours)
                    ours.left_s = step.end_s
                ours.num_preemptions = self._log.num_preemptions.get(request.rid, 0)
                del self._requests[request.rid]

    def _num_waiting(self) -> int:
        return len(self._scheduler.waiting_queue)

    def end_run(self) -> None:
        """Note what is known only at the end; let go of what was cut off.

        Raises:
            BackendError: KV blocks are held although no request is left.
        """
        scheduler, ended_s = self._scheduler, self.now_s
        while done := process_oldest(scheduler):
            self._note_tokens(done)
        for request_id, count in self._log.num_preemptions.items():
            if request_id in self._requests:
                self._requests[request_id].num_preemptions = count
        if self._requests and self._with_plugins:
            return  # it serves no other run, and a plug-in may hold who it likes
        if self._requests:
            scheduler.abort_request(AbortReq(abort_all=True))
        # Aborted requests leave with their next token: every one is given it, under its own rule by
        # SGLang. The last turn finds nothing to run, and SGLang drops what it still has of the last
        # batch.
        scheduler.step_log = MemoryStepLog()
        if scheduler.scheduler is not None:
            everybody = _Everybody(token_budget=1, max_active=scheduler.max_running_requests)
            scheduler.decide_by(everybody)
        while any(turn(scheduler)):
            pass
        self.now_s = ended_s  # the run's end was before that
        held = scheduler.view.total_blocks - scheduler.pages.free()
        if held or not scheduler.flush_cache():
            raise BackendError(f"{held} KV blocks are still held although no request is left")

    def close(self) -> None:
        """Nothing can be let go of: the scheduler is this process's."""


class _Everybody(Scheduler):
    """Decodes everybody, admits nobody."""

    name = "everybody"

    def schedule(self, view: Any) -> Batch:
        return Batch(decodes=list(view.decoding))


def _start(options: EngineOptions) -> Any:
    logging.getLogger().setLevel(logging.ERROR)
    args = ServerArgs(
        **engine_args(options, model_folder(narrow(as_scheduled(options.model)))),
        **CPU,
        skip_tokenizer_init=True,
    )
    scheduler = start_scheduler(SlaibenchScheduler, args)
    logging.disable(logging.WARNING)  # each retraction is one, and a level is set over and over
    return scheduler
