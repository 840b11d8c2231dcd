"""Token ids of the real CPU engine under every scheduler: run as a program, prints JSON.

In a process of its own, since an engine that computes changes its whole process (threads, memory
binding, process groups).
usage: python -m tests.schedulers.engines.greedy KV_BLOCKS CACHING MODE FOLDER
"""

from __future__ import annotations

import json
import os
import random
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.schedulers.engines.random_model import random_model

os.environ.update(
    VLLM_ENABLE_V1_MULTIPROCESSING="0",
    VLLM_CPU_OMP_THREADS_BIND="nobind",
    VLLM_CPU_KVCACHE_SPACE="1",
    VLLM_LOGGING_LEVEL="ERROR",
    HF_HUB_OFFLINE="1",
    # A model this small gains nothing from threads, and they wait for each other on a busy machine.
    OMP_NUM_THREADS="1",
)

NUM_REQUESTS = 200
LIMITS = "token_budget=256,max_active=48"
SCHEDULERS = (
    f"engine:{LIMITS}",
    f"sarathi:{LIMITS}",
    f"sarathi:order=spf,{LIMITS}",
    f"slai:{LIMITS}",
    "slai:order=spf-priority,offset=fixed:0,token_budget=48,max_active=48",
    f"hrrn:tile=16,{LIMITS}",
    "rad:tile=32,chunk=64",
    "rad-batch-prefill:cycle=40,tile=16,chunk=64,max_active=48",
    f"orca:{LIMITS}",
    f"prefill-first:{LIMITS}",
    f"decode-first:{LIMITS}",
)

FEWER = SCHEDULERS[:6]
"""Those that run with asynchronous scheduling."""


@dataclass
class Case:
    """One request: ``params`` are of ``vllm.SamplingParams``."""

    name: str
    prompt: list[int]
    params: dict[str, Any]


def workload() -> list[Case]:
    """Mixed lengths, shared prefixes, stop tokens, several samples, grammars, logprobs."""
    from vllm.sampling_params import StructuredOutputsParams

    some = random.Random(1)
    prefix = [some.randrange(300, 600) for _ in range(130)]
    cases = []
    for index in range(NUM_REQUESTS):
        length = some.choice([1, 31, 32, 33, some.randint(2, 100), some.randint(2, 400)])
        prompt = [some.randrange(300, 600) for _ in range(length)]
        if some.random() < 0.3:
            prompt = prefix + prompt
        output = some.choice([1, some.randint(2, 20), some.randint(2, 20), some.randint(60, 120)])
        params: dict[str, Any] = {"max_tokens": output, "temperature": 0.0, "ignore_eos": True}
        params["extra_args"] = {"tbt_slo_s": some.choice([0.02, 0.5])}
        kind = some.random()
        if kind < 0.1:
            params["stop_token_ids"] = list(range(300, 340))
        elif kind < 0.2:
            # Drawn at random, so only their number counts: with a seed of its own a request that
            # is cut into chunks ends vLLM 0.32 on CPUs ("CPU Generator does not use offset").
            params |= {"temperature": 1.0, "n": 3}
        elif kind < 0.25:
            params["structured_outputs"] = StructuredOutputsParams(regex="[a-c]{4,12}")
        elif kind < 0.35:
            params |= {"logprobs": 2, "prompt_logprobs": 1}
        cases.append(Case(str(index), prompt, params))
    # The same prompt but for its first token: only an intact KV cache tells them apart.
    cases[-1].prompt = [301, *prefix]
    cases[-2].prompt = [302, *prefix]
    for last in cases[-2:]:
        last.params = {"max_tokens": 40, "temperature": 0.0, "ignore_eos": True}
    return cases


def main(kv_blocks: int, caching: bool, ahead: bool, folder: Path) -> None:
    from vllm import LLM, SamplingParams
    from vllm.sampling_params import RequestOutputKind

    from slaibench.schedulers import registry
    from slaibench.schedulers.engines.step_log import MemoryStepLog
    from slaibench.schedulers.engines.vllm import SlaibenchScheduler
    from tests.schedulers.engines.ahead_on_cpu import AheadOnCpu

    more: dict[str, Any] = {"distributed_executor_backend": AheadOnCpu} if ahead else {}
    llm = LLM(
        model=str(random_model(folder)),
        dtype="float32",
        max_model_len=1024,
        max_num_batched_tokens=256,
        max_num_seqs=64,
        block_size=32,
        enforce_eager=True,
        enable_prefix_caching=caching,
        scheduler_cls=SlaibenchScheduler,
        num_gpu_blocks_override=kv_blocks + 1,
        disable_log_stats=True,
        **more,
    )
    engine = llm.llm_engine
    scheduler = engine.engine_core.engine_core.scheduler
    cases = workload()
    results = {}
    for text in FEWER if ahead else SCHEDULERS:
        scheduler.decide_by(registry.build(text))
        scheduler.reset_prefix_cache()
        scheduler.step_log = log = MemoryStepLog()
        tokens: dict[str, list[list[int]]] = {}
        logprobs: dict[str, tuple[int, ...]] = {}
        to_come = list(reversed(cases))
        while to_come or engine.has_unfinished_requests():
            for _ in range(min(2, len(to_come))):
                request = to_come.pop()
                prompt = {"prompt_token_ids": request.prompt}
                params = SamplingParams(**request.params, output_kind=RequestOutputKind.FINAL_ONLY)
                engine.add_request(f"{text}/{request.name}", prompt, params)
            for output in engine.step():
                if output.finished:
                    name = output.request_id.rpartition("/")[2]
                    tokens[name] = [list(sample.token_ids) for sample in output.outputs]
                    logprobs[name] = (
                        len(output.prompt_logprobs or ()),
                        *(len(sample.logprobs or ()) for sample in output.outputs),
                    )
        results[text] = {
            "tokens": tokens,
            "logprobs": logprobs,
            "preemptions": sum(log.num_preemptions.values()),
            "steps": len(log.steps),
            "in_flight": engine.engine_core.engine_core.batch_queue is not None,
            "free": scheduler.kv_cache_manager.block_pool.get_num_free_blocks(),
        }
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    _, kv_blocks, caching, mode, folder = sys.argv
    main(int(kv_blocks), caching == "caching", mode == "asynchronous", Path(folder))
