"""SGLang's scheduler in this process, on an emulated device, in virtual time."""

from __future__ import annotations

import json
import logging
import math
import tempfile
from array import array
from pathlib import Path
from typing import Any

from sglang.srt.managers.io_struct import AbortReq, TokenizedGenerateReqInput
from sglang.srt.sampling.sampling_params import SamplingParams
from sglang.srt.server_args import ServerArgs

from schedulers.base import Batch, Scheduler
from schedulers.engines.sglang_scheduler import PolicyScheduler
from schedulers.engines.sglang_support import UnsupportedSglangError
from schedulers.engines.step_log import MemoryStepLog
from slaibench.backends.base import BackendError
from slaibench.backends.sglang.forward import EmulatedForward
from slaibench.backends.sglang.in_process import start_scheduler
from slaibench.backends.sglang.options import SglangOptions
from slaibench.backends.simulator.engine import BatchTimer
from slaibench.backends.virtual import NEVER
from workloads.request import Request


class VirtualTime:
    """The clock of a run: the device moves it, the scheduler reads it."""

    def __init__(self) -> None:
        self.time_s = 0.0
        self.due_s = 0.0
        """Of the request that is being added."""

    def now_s(self) -> float:
        return self.time_s

    def arrival_s(self, request: Any) -> float:
        return self.due_s

    def nap(self, wake_s: float | None) -> None:
        """The run moves the clock."""

    def spend(self, batch_s: float, overhead_s: float) -> None:
        """A batch is computed."""
        # Recordings hold whole microseconds; the simulator's clock is rounded the same way.
        self.time_s = round(self.time_s + (batch_s + overhead_s), 6)


class CoreRequest:
    """A request of a run inside SGLang (``slaibench.backends.virtual.RequestState``)."""

    __slots__ = (
        "arrival_s",
        "first_step",
        "left_s",
        "num_preemptions",
        "prompt_ids",
        "request",
        "token_steps",
    )

    def __init__(self, request: Request, prompt_ids: list[int]) -> None:
        self.request = request
        self.prompt_ids = prompt_ids
        self.arrival_s = request.due_s
        self.left_s = math.nan
        self.first_step = NEVER
        self.token_steps: array[int] = array("i")
        self.num_preemptions = 0


class EmulatedCore:
    """One SGLang scheduler (``slaibench.backends.virtual.VirtualEngine``), good for many runs.

    Args:
        options: what it is started with; ``kv_blocks`` must be given.
        timer: the cost model.

    Raises:
        BackendError: SGLang cannot be started like that.
    """

    def __init__(self, options: SglangOptions, timer: BatchTimer) -> None:
        self._time = VirtualTime()
        try:
            self._scheduler = _start(options)
        except (ValueError, RuntimeError, AssertionError) as error:
            raise BackendError(f"SGLang on an emulated device does not start: {error}") from error
        self._forward = EmulatedForward(timer, self._time)
        self._scheduler.tp_worker.forward_batch_generation = self._forward
        self._requests: dict[str, CoreRequest] = {}
        self._runs = 0
        self._prefix = ""
        self.steps: list[tuple[float, float, int, int, int, int, int, int, int]] = []

    def start_run(self, scheduler: Scheduler) -> None:
        """Begin at time 0 with nothing left of what ran before.

        Raises:
            BackendError: something of the last run is left, or the scheduler asks for too much.
        """
        self._time = self._forward.time = VirtualTime()
        self._log = MemoryStepLog()
        self._scheduler.clock = self._time
        self._scheduler.step_log = self._log
        try:
            self._scheduler.decide_by(scheduler)
        except UnsupportedSglangError as error:
            raise BackendError(str(error)) from error
        self._requests = {}
        self._runs += 1
        self._prefix = f"run{self._runs}-"
        self.steps = []

    @property
    def now_s(self) -> float:
        return self._time.time_s

    @now_s.setter
    def now_s(self, time_s: float) -> None:
        self._time.time_s = time_s

    @property
    def has_work(self) -> bool:
        return bool(self._requests)

    def add(self, request: CoreRequest) -> None:
        """A request arrives."""
        asked = request.request
        request_id = f"{self._prefix}{asked.request_id}"
        self._requests[request_id] = request
        self._time.due_s = asked.due_s
        params = SamplingParams(
            max_new_tokens=asked.output_tokens,
            ignore_eos=True,
            temperature=0.0,
            custom_params={"tier": asked.tier, "tbt_slo_s": asked.tbt_slo_s},
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
        if self._scheduler.decider is None:
            # What SGLang's own rule decides is not told; that something ran is all that is asked.
            return Batch(decodes=batch.reqs if batch else [])
        decided: Batch = self._scheduler.last_batch_decided
        return decided

    def _run(self, batch: Any) -> None:
        requests = list(batch.reqs)
        before = [len(each.output_ids) for each in requests]
        self._scheduler.process_batch_result(batch, self._scheduler.run_batch(batch))
        self.steps.append(self._log.steps[-1])
        number = len(self.steps) - 1
        for request_id in self._log.first_scheduled_s:
            self._requests[request_id].first_step = number
        self._log.first_scheduled_s.clear()
        for each, had in zip(requests, before, strict=True):
            ours = self._requests[each.rid]
            ours.token_steps.extend([number] * (len(each.output_ids) - had))
            if each.finished():
                ours.left_s = self.now_s
                ours.num_preemptions = self._log.num_preemptions.get(each.rid, 0)
                del self._requests[each.rid]

    def holds(self) -> str:
        """Whom it holds, in words."""
        view = self._scheduler.view
        return (
            f"{len(self._scheduler.waiting_queue)} requests waiting, {len(view.started)} started "
            f"and {len(view.decoding)} decoding"
        )

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
        scheduler.decide_by(_Everybody(max_active=scheduler.max_running_requests))
        while batch := self._turn():
            scheduler.process_batch_result(batch, scheduler.run_batch(batch))
        held = scheduler.view.total_blocks - scheduler.pages_free()
        if held or not scheduler.flush_cache():
            raise BackendError(f"{held} KV blocks are still held although no request is left")

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


def _start(options: SglangOptions) -> Any:
    logging.getLogger().setLevel(logging.ERROR)
    arguments = {**options.engine_args(), "model_path": str(_small_model(options))}
    args = ServerArgs(
        **arguments,
        device="cpu",
        dtype="float32",
        attention_backend="torch_native",
        sampling_backend="pytorch",
        grammar_backend="none",
        skip_tokenizer_init=True,
        disable_cuda_graph=True,
        mem_fraction_static=0.5,
    )
    scheduler = start_scheduler(PolicyScheduler, args)
    logging.disable(logging.WARNING)  # each retraction is one, and a level is set over and over
    return scheduler


def _small_model(options: SglangOptions) -> Path:
    """A model of one narrow layer.

    The scheduler knows of a model only its vocabulary and its context; the KV cache is counted in
    tokens. SGLang fills a cache with zeros, and the real one would not fit into a CPU's memory.
    """
    folder = Path(tempfile.mkdtemp(prefix="slaibench-sglang-"))
    config = {
        "architectures": ["MistralForCausalLM"],
        "model_type": "mistral",
        "hidden_size": 64,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 32,
        "vocab_size": options.model.vocab,
        "max_position_embeddings": options.model.max_context_tokens,
        "sliding_window": None,
        "torch_dtype": "float32",
        "hidden_act": "silu",
        "rms_norm_eps": 1e-5,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder
