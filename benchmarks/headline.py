"""The table of results in README.md, as Markdown.

usage: python -m benchmarks.headline TRACE.csv [--jobs 2]

TRACE.csv is ``sharegpt4_8k_lengths.csv`` of agrimUT/SLAI: the paper's own lengths. Some minutes.
"""

from __future__ import annotations

import argparse
from typing import Any

import slaibench
from slaibench.studies.estimate import Estimate

RATES = "0.2:1.6:0.2"
HIGH_RPS = 1.6
HRRN_SLO = "ttft_p50<0.5,tbt_p99<tier"


def percent(estimate: Estimate, *, ratio: bool = False) -> str:
    """A change as README has it: ``-50 % [-55, -44]``."""
    ends = estimate.ci95
    values = [estimate.value, *(ends or ())]
    shown = [f"{100 * ((value or 0.0) - ratio):+.0f}" for value in values]
    if estimate.value is None:
        return "cannot tell"
    return f"{shown[0]} %" + (f" [{shown[1]}, {shown[2]}]" if ends else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trace")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    common: dict[str, Any] = {
        "gpu": "rtx6000-ada",
        "workload": options.trace,
        "jobs": options.jobs,
        "results": "headline",
    }
    paper = slaibench.compare(
        "sarathi", "slai", RATES, convention="paper", slo="ttft_p50<0.5", **common
    )
    beyond = slaibench.compare("slai", "hrrn", [1.4, HIGH_RPS], num_seeds=5, slo=HRRN_SLO, **common)
    high = {rate.rate_rps: rate.ttft_p50_change for rate in paper.rates}[HIGH_RPS]
    ours = {rate.rate_rps: rate.ttft_p50_change for rate in beyond.rates}[HIGH_RPS]
    capacity = percent(paper.capacity_ratio, ratio=True)
    print("| Mistral-7B, RTX 6000 Ada, ShareGPT4 | published | here, simulated [95 % interval] |")
    print("|---|---|---|")
    print(f"| SLAI against Sarathi-Serve: load at median TTFT 0.5 s | +26 % | {capacity} |")
    print(f"| SLAI against Sarathi-Serve: median TTFT at high load | -53 % | {percent(high)} |")
    print(f"| our `hrrn` against SLAI: median TTFT at that load | | {percent(ours)} |")


if __name__ == "__main__":
    main()
