"""What a class of vLLM's synchronous scheduler costs in vLLM's asynchronous loop.

usage: python -m benchmarks.synchronous_class [--requests 200] [--rate 5]

vLLM on an emulated h100, in virtual time: its own scheduler and two classes that change nothing.
Prints a Markdown table.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from slaibench.backends.base import RunSettings
from slaibench.backends.engines.options import EngineOptions
from slaibench.backends.vllm.core import emulated_vllm
from slaibench.catalog.model import get_model
from slaibench.catalog.profiles import get_profile
from slaibench.schedulers.registry import build
from slaibench.workloads import registry as workloads
from slaibench.workloads.arrivals import ArrivalProcess
from slaibench.workloads.generate import generate

MODEL, GPU = "mistral-7b", "h100"
CONTEXT_TOKENS = 9216
CLASSES = Path(__file__).parents[1] / "tests" / "backends" / "vllm" / "own_classes.py"
ROWS = (
    ("vLLM's own", "engine", True),
    ("of `AsyncScheduler`, changes nothing", f"{CLASSES}:Same", True),
    ("of `Scheduler`, changes nothing", f"{CLASSES}:SameSynchronous", True),
    ("of `Scheduler`, changes nothing", f"{CLASSES}:SameSynchronous", False),
    ("vLLM's own", "engine", False),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--rate", type=float, default=5.0)
    args = parser.parse_args()
    requests = generate(
        workloads.resolve("sharegpt4-model"),
        ArrivalProcess.parse("poisson"),
        rate_rps=args.rate,
        num_requests=args.requests,
        seed=0,
    )
    print("| class | loop | batches | run | median TTFT |\n|---|---|---|---|---|")
    for what, text, asynchronous in ROWS:
        options = EngineOptions(
            model=get_model(MODEL),
            checkpoint=None,
            max_context_tokens=CONTEXT_TOKENS,
            token_budget=None,
            max_active=None,
            kv_blocks=None,
            asynchronous=asynchronous,
        )
        backend = emulated_vllm(options, get_profile(GPU, MODEL))
        output = backend.run(requests, build(text), RunSettings(scheduler=text))
        backend.close()
        ttft_s = np.median(output.requests.first_token_s - output.requests.due_s)
        loop = "asynchronous" if asynchronous else "synchronous"
        print(
            f"| {what} | {loop} | {len(output.steps):,} | {output.end_s:.1f} s | {ttft_s:.3f} s |",
            flush=True,
        )


if __name__ == "__main__":
    main()
