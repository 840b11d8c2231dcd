"""What our scheduling adds to a step of vLLM's, in time, against vLLM's own scheduler.

usage: python -m benchmarks.vllm_scheduling_cost [--asynchronous] [--schedulers sarathi slai ...]
[--steps 300]

Real engine cores on an emulated device, one a scheduler, in one process; what they hold and how
they are compared: ``benchmarks.scheduling_cost``. Timed: ``schedule()`` and
``update_from_output()``.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")

from vllm import SamplingParams
from vllm.engine.arg_utils import EngineArgs
from vllm.v1.engine import EngineCoreRequest
from vllm.v1.engine.core import EngineCore

from benchmarks.scheduling_cost import (
    BLOCK_SIZE,
    BUDGET,
    CONTEXT,
    KV_BLOCKS,
    FlatTimer,
    Lane,
    VirtualSecond,
    build_scheduler,
    run,
)
from slaibench.backends.engines.model_folder import model_folder
from slaibench.backends.vllm.executor import EmulatedExecutor
from slaibench.catalog.model import get_model
from slaibench.schedulers.engines.vllm import SlaibenchScheduler

ACTIVE = (16, 64, 128, 256)
OWN = "vLLM's own"


class VllmEngine:
    """An engine core under one scheduler (``benchmarks.scheduling_cost.Engine``)."""

    def __init__(self, name: str, active: int, *, asynchronous: bool) -> None:
        args: dict[str, Any] = {
            "model": str(model_folder(get_model("mistral-7b"))),
            "load_format": "dummy",
            "skip_tokenizer_init": True,
            "dtype": "bfloat16",
            "enforce_eager": True,
            "distributed_executor_backend": EmulatedExecutor,
            "max_model_len": CONTEXT,
            "max_num_batched_tokens": BUDGET,
            "max_num_seqs": active,
            "block_size": BLOCK_SIZE,
            "num_gpu_blocks_override": KV_BLOCKS,
            "enable_prefix_caching": False,
        }
        if name != OWN:
            args["scheduler_cls"] = SlaibenchScheduler
        config = EngineArgs(**args).create_engine_config()
        # Without a GPU vLLM's platform turns it off, whatever is asked for.
        config.scheduler_config.async_scheduling = asynchronous
        self.core = EngineCore(config, EmulatedExecutor, log_stats=False)
        self.core.model_executor.timer = FlatTimer()
        self.core.model_executor.time = clock = VirtualSecond()
        self._name, self._active = name, active
        self._scheduler = scheduler = self.core.scheduler
        if name != OWN:
            scheduler.clock = clock
        self._spent_us = 0.0
        scheduler.schedule = self._timed(scheduler.schedule)
        scheduler.update_from_output = self._timed(scheduler.update_from_output)
        self._added = 0

    def _timed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            begin = time.perf_counter_ns()
            result = call(*args, **kwargs)
            self._spent_us += (time.perf_counter_ns() - begin) / 1e3
            return result

        return timed

    def add(self, prompt_tokens: int, output_tokens: int, tbt_slo_s: float) -> None:
        self._added += 1
        params = SamplingParams(
            max_tokens=output_tokens,
            ignore_eos=True,
            temperature=0.0,
            detokenize=False,
            extra_args={"tbt_slo_s": tbt_slo_s},
        )
        request = EngineCoreRequest(
            request_id=str(self._added),
            prompt_token_ids=[5] * prompt_tokens,
            mm_features=None,
            sampling_params=params,
            pooling_params=None,
            arrival_time=float(self._added),
            lora_request=None,
            cache_salt=None,
            data_parallel_rank=None,
        )
        self.core.add_request(*self.core.preprocess_add_request(request))

    def step(self) -> float:
        self._spent_us = 0.0
        self.core.step_fn()
        return self._spent_us

    def num_held(self) -> int:
        return int(self._scheduler.get_num_unfinished_requests())

    def num_decoding(self) -> int:
        return sum(request.num_output_tokens > 0 for request in self._scheduler.running)

    def start_over(self) -> None:
        self.core.abort_requests(list(self._scheduler.requests))
        self.core.step_fn()  # the executor learns who is gone
        while self.core.batch_queue:
            self.core.step_fn()
        if self._name != OWN:
            self._scheduler.decide_by(build_scheduler(self._name, self._active))

    def close(self) -> None:
        self.core.shutdown()


def main() -> None:
    title = __doc__.split("\n", maxsplit=1)[0]
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--asynchronous", action="store_true")
    mode, words = parser.parse_known_args()

    def start(name: str, active: int) -> Lane:
        return Lane(VllmEngine(name, active, asynchronous=mode.asynchronous))

    run(title, OWN, (), ACTIVE, start, words)


if __name__ == "__main__":
    main()
