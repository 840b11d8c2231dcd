"""What our scheduling adds to a step of vLLM's, in time, against vLLM's own scheduler.

usage: python -m benchmarks.vllm_scheduling_cost [--schedulers sarathi slai ...] [--steps 300]

Real engine cores on an emulated device that takes no time, one a scheduler, in one process. Each
holds the same number of decoding requests; as many wait as stated, behind the limit of active ones
(``decoding``), or one long prompt after the other is prefilled beside the decodes (``mixed``: every
batch is full, SLAI withholds decodes). The cores take turns, step by step and in random order, so
that a noisy machine hits all of them alike. Timed: ``schedule()`` and ``update_from_output()``.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")

from vllm import SamplingParams
from vllm.engine.arg_utils import EngineArgs
from vllm.v1.engine import EngineCoreRequest
from vllm.v1.engine.core import EngineCore

from schedulers import registry
from schedulers.engines.vllm import PolicyScheduler
from slaibench.backends.engines.model_folder import model_folder
from slaibench.backends.vllm.executor import EmulatedExecutor
from slaibench.catalog.model import get_model

ACTIVE = (16, 64, 128, 256)
WAITING = (0, 100, 1000)
DEFAULT = ("sarathi", "slai", "rad")
WARM_UP = 30
CONTEXT = 32_000
BUDGET = 512
OWN = "vLLM's own"


class VirtualSecond:
    """Time that stands still while the device computes, so that only the scheduler takes any."""

    time_s = 0.0

    def now_s(self) -> float:
        return self.time_s

    def arrival_s(self, request: Any) -> float:
        return self.time_s

    def spend(self, batch_s: float, overhead_s: float) -> None:
        self.time_s += batch_s


class FlatTimer:
    """Every batch takes 40 ms."""

    step_overhead_s = 0.0

    def batch_time_s(self, num_decodes: int, context_tokens: int, prefills: Any) -> float:
        return 0.04


class Lane:
    """One engine core under one scheduler, with the times of its steps in microseconds."""

    def __init__(self, name: str, active: int) -> None:
        args: dict[str, Any] = {
            "model": str(model_folder(get_model("mistral-7b"))),
            "load_format": "dummy",
            "skip_tokenizer_init": True,
            "dtype": "bfloat16",
            "enforce_eager": True,
            "async_scheduling": False,
            "distributed_executor_backend": EmulatedExecutor,
            "max_model_len": CONTEXT,
            "max_num_batched_tokens": BUDGET,
            "max_num_seqs": active,
            "block_size": 16,
            "num_gpu_blocks_override": 60_000,
            "enable_prefix_caching": False,
        }
        if name != OWN:
            args["scheduler_cls"] = PolicyScheduler
        config = EngineArgs(**args).create_engine_config()
        self.core = EngineCore(config, EmulatedExecutor, log_stats=False)
        self.core.model_executor.timer = FlatTimer()
        self.core.model_executor.time = clock = VirtualSecond()
        scheduler = self.core.scheduler
        if name != OWN:
            scheduler.clock = clock
            limits = f"max_active={active}" + ("" if "rad" in name else f",token_budget={BUDGET}")
            joint = "," if ":" in name else ":"
            scheduler.decide_by(registry.build(f"{name}{joint}{limits}"))
        self.spent_us = 0.0
        scheduler.schedule = self._timed(scheduler.schedule)
        scheduler.update_from_output = self._timed(scheduler.update_from_output)
        self._added = 0

    def _timed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            begin = time.perf_counter_ns()
            result = call(*args, **kwargs)
            self.spent_us += (time.perf_counter_ns() - begin) / 1e3
            return result

        return timed

    def add(self, prompt_tokens: int, output_tokens: int) -> None:
        self._added += 1
        params = SamplingParams(
            max_tokens=output_tokens,
            ignore_eos=True,
            temperature=0.0,
            detokenize=False,
            extra_args={"tbt_slo_s": 0.5 if self._added % 20 else 0.1},
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
        """One step; returns the scheduler's time, microseconds."""
        self.spent_us = 0.0
        self.core.step()
        return self.spent_us

    def close(self) -> None:
        self.core.shutdown()


def fill(lane: Lane, active: int, waiting: int, kind: str) -> None:
    """Bring a core to where it is measured."""
    spare = 1 if kind == "mixed" else 0
    for _ in range(active - spare):
        lane.add(64, 20_000)
    for _ in range(200):
        lane.core.step()
        if len(lane.core.scheduler.running) == active - spare and not any(
            request.num_output_tokens == 0 for request in lane.core.scheduler.running
        ):
            break
    for _ in range(waiting + spare):
        lane.add(30_000 if kind == "mixed" else 64, 20)


def measure(
    names: Sequence[str], active: int, waiting: int, kind: str, steps: int
) -> dict[str, list[float]]:
    """Microseconds of each step of each scheduler."""
    lanes = {name: Lane(name, active) for name in (OWN, *names)}
    for lane in lanes.values():
        fill(lane, active, waiting, kind)
    times: dict[str, list[float]] = {name: [] for name in lanes}
    order, shuffle = list(lanes), random.Random(0)
    gc.collect()
    gc.freeze()
    for step in range(WARM_UP + steps):
        shuffle.shuffle(order)
        for name in order:
            spent = lanes[name].step()
            if step >= WARM_UP:
                times[name].append(spent)
    gc.unfreeze()
    for lane in lanes.values():
        lane.close()
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--schedulers", nargs="+", default=list(DEFAULT))
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--active", nargs="+", type=int, default=list(ACTIVE))
    parser.add_argument("--waiting", nargs="+", type=int, default=list(WAITING))
    parser.add_argument("--kinds", nargs="+", default=["decoding", "mixed"])
    asked = parser.parse_args()
    print("median us a step of vLLM's own scheduler, and what others add to it (paired, median)")
    print(f"{'':9} {'active':>6} {'waiting':>7} {OWN:>11}", *(f"{n:>9}" for n in asked.schedulers))
    for kind in asked.kinds:
        for active in asked.active:
            for waiting in asked.waiting:
                times = measure(asked.schedulers, active, waiting, kind, asked.steps)
                own = times[OWN]
                added = [
                    statistics.median(b - a for a, b in zip(own, times[name], strict=True))
                    for name in asked.schedulers
                ]
                print(
                    f"{kind:9} {active:6} {waiting:7} {statistics.median(own):11.0f}",
                    *(f"{value:+9.0f}" for value in added),
                    flush=True,
                )


if __name__ == "__main__":
    main()
