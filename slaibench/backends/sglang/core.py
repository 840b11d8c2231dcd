"""SGLang's scheduler in this process, on an emulated device, in virtual time.

To be imported where SGLang can be (``slaibench.backends.sglang.emulated`` sees to that).
"""

from __future__ import annotations

import logging
from array import array
from typing import Any

from sglang.srt.managers.io_struct import AbortReq, TokenizedGenerateReqInput
from sglang.srt.sampling.sampling_params import SamplingParams
from sglang.srt.server_args import ServerArgs

from slaibench.backends.base import BackendError
from slaibench.backends.engines.core import CoreRequest, InProcessCore
from slaibench.backends.engines.device import VirtualTime
from slaibench.backends.engines.model_folder import as_scheduled, model_folder
from slaibench.backends.engines.options import EngineOptions
from slaibench.backends.sglang.arguments import CPU, engine_args, narrow
from slaibench.backends.sglang.forward import EmulatedForward
from slaibench.backends.sglang.in_process import start_scheduler
from slaibench.backends.simulator.batch_timer import BatchTimer
from slaibench.schedulers.base import Batch, Scheduler
from slaibench.schedulers.engines.sglang_scheduler import SlaibenchScheduler
from slaibench.schedulers.engines.sglang_support import RELEASES
from slaibench.schedulers.engines.step_log import MemoryStepLog


class SglangCore(InProcessCore):
    """One SGLang scheduler (``slaibench.backends.engines.emulated.EmulatedCore``).

    One a process: SGLang keeps its configuration in globals.

    Args:
        options: what it is started with; ``kv_blocks`` must be given.
        timer: the cost model.

    Raises:
        BackendError: SGLang cannot be started like that.
    """

    def __init__(self, options: EngineOptions, timer: BatchTimer) -> None:
        self.engine_version = RELEASES.check()
        try:
            scheduler = _start(options)
        except (ValueError, RuntimeError, AssertionError) as error:
            raise BackendError(f"SGLang on an emulated device does not start: {error}") from error
        forward = EmulatedForward(timer, VirtualTime())
        scheduler.tp_worker.forward_batch_generation = forward
        super().__init__(scheduler, forward)

    def start_run(self, scheduler: Scheduler) -> None:
        """Begin at time 0 with nothing left of what ran before.

        Raises:
            BackendError: something of the last run is left, or the scheduler asks for too much.
        """
        self._start_run(scheduler)

    @property
    def has_work(self) -> bool:
        return bool(self._requests)

    def add(self, request: CoreRequest) -> None:
        """A request arrives."""
        due = request.request
        request_id = self._arrives(request)
        params = SamplingParams(
            max_new_tokens=due.output_tokens,
            ignore_eos=True,
            temperature=0.0,
            custom_params={"tier": due.tier, "tbt_slo_s": due.tbt_slo_s},
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
        """One turn of SGLang's event loop."""
        batch = self._turn()
        if batch:
            self._run(batch)
        if self._scheduler.scheduler is None:
            # SGLang's own rule does not say what it decides; that something ran is enough.
            return Batch(decodes=batch.reqs if batch else [])
        decided: Batch = self._scheduler.last_batch_decided
        return decided

    def _run(self, batch: Any) -> None:
        requests = list(batch.reqs)
        before = [len(request.output_ids) for request in requests]
        self._scheduler.process_batch_result(batch, self._scheduler.run_batch(batch))
        self.steps.append(self._log.steps[-1])
        number = len(self.steps) - 1
        self._note_first_steps(number)
        for request, had in zip(requests, before, strict=True):
            ours, num_tokens = self._requests[request.rid], len(request.output_ids)
            ours.token_steps.extend([number] * (num_tokens - had))
            if request.finished():
                if num_tokens < ours.request.output_tokens:
                    raise BackendError(
                        f"SGLang ended request {ours.request.request_id} after {num_tokens} of "
                        f"{ours.request.output_tokens} tokens: it nearly fills the KV cache; give "
                        "more --kv-blocks"
                    )
                self._leaves(ours)
                ours.num_preemptions = self._log.num_preemptions.get(request.rid, 0)
                del self._requests[request.rid]

    def _num_waiting(self) -> int:
        return len(self._scheduler.waiting_queue)

    def end_run(self) -> None:
        """Note what is known only at the end; let go of what was cut off.

        Raises:
            BackendError: KV blocks are held although no request is left.
        """
        for request_id, count in self._log.num_preemptions.items():
            if request_id in self._requests:
                self._requests[request_id].num_preemptions = count
        scheduler = self._scheduler
        if self._requests:
            scheduler.abort_request(AbortReq(abort_all=True))
        # Aborted requests leave with their next token: every one is given it. The last turn finds
        # nothing to run, and SGLang drops what it still has of the last batch.
        scheduler.step_log = MemoryStepLog()
        everybody = _Everybody(token_budget=1, max_active=scheduler.max_running_requests)
        scheduler.decide_by(everybody)
        ended_s = self.now_s
        while batch := self._turn():
            scheduler.process_batch_result(batch, scheduler.run_batch(batch))
        self.now_s = ended_s  # the run's end was before that
        held = scheduler.view.total_blocks - scheduler.pages.free()
        if held or not scheduler.flush_cache():
            raise BackendError(f"{held} KV blocks are still held although no request is left")

    def close(self) -> None:
        """Nothing can be let go of: the scheduler is this process's."""

    def _turn(self) -> Any:
        """The first half of a turn of SGLang's event loop: the batch to run, or None."""
        scheduler = self._scheduler
        plan = scheduler.get_next_batch_to_run(
            running_batch=scheduler.running_batch, last_batch=scheduler.last_batch
        )
        scheduler.running_batch = plan.running_batch
        scheduler.last_batch = plan.batch_to_run
        return plan.batch_to_run


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
