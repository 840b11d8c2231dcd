"""The table of results in README.md, and others of the paper's headline, as Markdown.

usage: python -m benchmarks.headline TRACE.csv [--table readme|paper|modes] [--jobs 2]

``paper`` is the table of docs/results.md, ``modes`` that of docs/asynchronous.md.

TRACE.csv is ``sharegpt4_8k_lengths.csv`` of agrimUT/SLAI: the paper's own lengths. Some minutes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
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


def headline(common: dict[str, Any]) -> tuple[str, str, str]:
    """Of both comparisons: a gain of load, and two changes of the median TTFT at high load."""
    paper = slaibench.compare(
        "sarathi", "slai", RATES, convention="paper", slo=MEDIAN_SLO, **common
    )
    beyond = slaibench.compare("slai", "hrrn", [1.4, HIGH_RPS], num_seeds=5, slo=TBT_SLO, **common)
    return gain(paper), change(paper, HIGH_RPS), change(beyond, HIGH_RPS)


def shown(columns: Sequence[str], *headlines: tuple[str, str, str]) -> None:
    load, at_high = "load at median TTFT 0.5 s", "median TTFT at high load"
    against = "SLAI against Sarathi-Serve"
    texts = (
        (f"{against}: {load}", "+26 %"),
        (f"{against}: {at_high}", "-53 %"),
        ("our `hrrn` against SLAI: median TTFT at that load", ""),
    )
    rows = [(*text, *ours) for text, *ours in zip(texts, *headlines, strict=True)]
    table(("Mistral-7B, RTX 6000 Ada, ShareGPT4", "published", *columns), rows)


def readme(common: dict[str, Any]) -> None:
    shown(["here, simulated [95 % interval]"], headline(common))


def modes(common: dict[str, Any]) -> None:
    """The profile's engine, Sarathi-Serve's fork, schedules synchronously; engines of today not."""
    asynchronous = headline({**common, "async_scheduling": True})
    shown(["synchronous, as the paper's engine", "asynchronous"], headline(common), asynchronous)


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


TABLES: dict[str, Callable[[dict[str, Any]], None]] = {
    "readme": readme,
    "paper": paper,
    "modes": modes,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("trace")
    parser.add_argument("--table", choices=sorted(TABLES), default="readme")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    common: dict[str, Any] = {
        "gpu": "rtx6000-ada",
        "workload": options.trace,
        "jobs": options.jobs,
        "results": "headline",
    }
    TABLES[options.table](common)


if __name__ == "__main__":
    main()
