"""What asynchronous scheduling is worth to each scheduler, and what each gains over stock vLLM.

usage: python -m benchmarks.asynchronous_worth GPU RATE [--seeds 5] [--requests 1500]

Simulated, the same requests in both modes. Median TTFT without the first 200 requests; intervals
are t intervals over seeds, of the ratio of two medians.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.stats import t as student

from slaibench.backends.base import RunSettings
from slaibench.backends.simulator.backend import Simulator
from slaibench.catalog.profiles import get_profile
from slaibench.costmodel import CostModel
from slaibench.schedulers.registry import build
from slaibench.workloads import registry as workloads
from slaibench.workloads.arrivals import ArrivalProcess
from slaibench.workloads.generate import generate
from slaibench.workloads.request import Request

MODEL = "mistral-7b"
STOCK = "vllm-default:token_budget=8192,max_active=1024"
"""vLLM's own rule with its defaults on cards of 70 GiB and more."""
SCHEDULERS = (STOCK, "sarathi", "slai", "hrrn")
WARM_UP = 200


def change(values: Sequence[float], others: Sequence[float]) -> str:
    """By how much the one is above the other, with its 95 % interval."""
    ratios = np.log(values) - np.log(others)
    half = student.ppf(0.975, len(ratios) - 1) * ratios.std(ddof=1) / len(ratios) ** 0.5
    mean = ratios.mean()
    middle, low, high = (100 * np.expm1(end) for end in (mean, mean - half, mean + half))
    return f"{middle:+.0f} % [{low:+.0f}, {high:+.0f}]"


def arguments(said: str | None, argv: Sequence[str] | None) -> argparse.Namespace:
    """GPU, rate, seeds and requests a seed.

    Args:
        said: a program's docstring.
    """
    parser = argparse.ArgumentParser(description=(said or "").partition("\n")[0])
    parser.add_argument("gpu")
    parser.add_argument("rate", type=float)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=1500)
    return parser.parse_args(argv)


def requests_of(args: argparse.Namespace) -> Iterator[tuple[int, list[Request]]]:
    """The seeds, each with its requests."""
    for seed in range(args.seeds):
        yield (
            seed,
            generate(
                workloads.resolve("sharegpt4-model"),
                ArrivalProcess.parse("poisson"),
                rate_rps=args.rate,
                num_requests=args.requests,
                seed=seed,
            ),
        )


def main(argv: Sequence[str] | None = None) -> None:
    args = arguments(__doc__, argv)
    profile = get_profile(args.gpu, MODEL)
    medians: dict[tuple[str, bool], list[float]] = defaultdict(list)
    for _, requests in requests_of(args):
        for text in SCHEDULERS:
            for ahead in (False, True):
                simulator = Simulator(
                    CostModel(profile, asynchronous=ahead),
                    total_blocks=profile.kv_blocks,
                    asynchronous=ahead,
                )
                table = simulator.run(requests, build(text), RunSettings()).requests
                ttft_s = (table.first_token_s - table.due_s)[WARM_UP:]
                medians[text, ahead].append(float(np.median(ttft_s)))
    print("| scheduler | synchronous | asynchronous | change | over stock, both asynchronous |")
    print("|---|---|---|---|---|")
    for text in SCHEDULERS:
        before, after = medians[text, False], medians[text, True]
        over = "" if text == STOCK else change(after, medians[STOCK, True])
        means = f"{np.mean(before):.3f} s | {np.mean(after):.3f} s"
        print(f"| {text.partition(':')[0]} | {means} | {change(after, before)} | {over} |")


if __name__ == "__main__":
    main()
