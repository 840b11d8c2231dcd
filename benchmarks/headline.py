"""The table of results in README.md, and that of the paper in docs/results.md, as Markdown.

usage: python -m benchmarks.headline TRACE.csv [--paper] [--jobs 2]

TRACE.csv is ``sharegpt4_8k_lengths.csv`` of agrimUT/SLAI: the paper's own lengths. Some minutes.
"""

from __future__ import annotations

import argparse
from typing import Any

import slaibench
from benchmarks.beyond_slai.shown import capacity, less_one, percent, table
from slaibench.studies.compare import CompareResult

RATES = "0.2:1.6:0.2"
HIGH_RPS = 1.6
MEDIAN_SLO = "ttft_p50<0.5"
TBT_SLO = "ttft_p50<0.5,tbt_p99<tier"


def gain(result: CompareResult) -> str:
    """A ratio of capacities as README has it: ``+27 % [+23, +30]``."""
    return percent(less_one(result.capacity_ratio))


def change(result: CompareResult, rate_rps: float) -> str:
    """Of the median TTFT at a rate."""
    return percent({rate.rate_rps: rate.ttft_p50_change for rate in result.rates}[rate_rps])


def readme(common: dict[str, Any]) -> None:
    paper = slaibench.compare(
        "sarathi", "slai", RATES, convention="paper", slo=MEDIAN_SLO, **common
    )
    beyond = slaibench.compare("slai", "hrrn", [1.4, HIGH_RPS], num_seeds=5, slo=TBT_SLO, **common)
    load, at_high = "load at median TTFT 0.5 s", "median TTFT at high load"
    against = "SLAI against Sarathi-Serve"
    rows = [
        (f"{against}: {load}", "+26 %", gain(paper)),
        (f"{against}: {at_high}", "-53 %", change(paper, HIGH_RPS)),
        ("our `hrrn` against SLAI: median TTFT at that load", "", change(beyond, HIGH_RPS)),
    ]
    table(
        (
            "Mistral-7B, RTX 6000 Ada, ShareGPT4",
            "published",
            "here, simulated [95 % interval]",
        ),
        rows,
    )


def paper(common: dict[str, Any]) -> None:
    """What the paper prints of SLAI and Sarathi-Serve, by both conventions."""
    columns = []
    for convention in ("paper", "strict"):
        tbt, median = (
            slaibench.compare("sarathi", "slai", RATES, convention=convention, slo=slo, **common)
            for slo in (TBT_SLO, MEDIAN_SLO)
        )
        columns.append(
            (
                *(capacity(tbt.capacity_a), capacity(median.capacity_b), capacity(tbt.capacity_b)),
                *(gain(median), gain(tbt), change(median, HIGH_RPS)),
            )
        )
    published = (
        ("Sarathi-Serve: capacity, requests/s", "1.15 (fitted to)"),
        ("SLAI: largest rate with median TTFT <= 0.5 s", "1.45"),
        ("SLAI: the same, and P99 TBT within each tier's SLO", "1.45"),
        ("SLAI over Sarathi, by median TTFT", "+26 %"),
        ("SLAI over Sarathi, with P99 TBT", "+26 %"),
        ("median TTFT at high load (taken as 1.6 requests/s)", "-53 %"),
    )
    rows = [(*row, *ours) for row, *ours in zip(published, *columns, strict=True)]
    table(("", "published", "`--convention paper`", "`--convention strict`"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("trace")
    parser.add_argument("--paper", action="store_true", help="the table of docs/results.md")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    common: dict[str, Any] = {
        "gpu": "rtx6000-ada",
        "workload": options.trace,
        "jobs": options.jobs,
        "results": "headline",
    }
    (paper if options.paper else readme)(common)


if __name__ == "__main__":
    main()
