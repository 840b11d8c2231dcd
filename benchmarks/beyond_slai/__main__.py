"""The tables and the figure of docs/beyond-slai.md.

usage: python -m benchmarks.beyond_slai PART [PART ...] --traces FOLDER [--seeds 5] [--requests N]

Parts: ``central`` (the paper's workload: latencies, changes, capacities), ``vllm`` (its latencies
and changes in vLLM on the emulated device), ``others`` (mixes of tiers, traces, GPUs, bursts),
``engine`` (vLLM's own rule in the same places), ``fairness`` (TTFT by length of the prompt),
``ablation`` and ``ceiling`` (medians against the least that any scheduler can reach; draws
``--figure``). FOLDER holds the lengths that docs/beyond-slai.md names.
Strict conventions; intervals are over seeds, changes paired by request and seed; seconds. Cells
that are in ``--results`` are not run again.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.beyond_slai.ceiling import draw, medians
from benchmarks.beyond_slai.places import (
    A100,
    BURSTS,
    CENTRAL_RPS,
    ENGINE,
    HIGH_RPS,
    NAMES,
    OTHERS,
    OURS,
    PAPER,
    SARATHI,
    SLAI,
    Place,
    PreparedStudy,
    measured,
)
from benchmarks.beyond_slai.shown import (
    LATENCIES,
    LONGEST,
    ON_TIME,
    capacity,
    change,
    latencies,
    longest,
    on_time,
    shown,
    side_by_side,
    table,
)
from slaibench.studies.capacity import ratio_of
from slaibench.studies.prepared import prepare

SLOS = ("ttft_p50<0.5,tbt_p99<tier", "ttft_p50<0.5,ttft_p99<10,tbt_p99<tier")
EDGES = (0, 512, 1024, 2048, 4096, 8192)
ABLATION = {
    "as it is": "hrrn",
    "started prompts are not interrupted": "hrrn:started=first",
    "shortest remaining prompt first": "hrrn:patience_s=inf",
    "less patience": "hrrn:patience_s=0.5,backlog=0",
    "patience not by the queue": "hrrn:backlog=0",
    "the largest batch that meets deadlines": "hrrn:size=deadline",
    "batches of the whole budget": "hrrn:size=budget",
    "the same, 512 tokens": "hrrn:size=budget,token_budget=512",
    "at most 512 tokens": "hrrn:token_budget=512",
    "to the token, not to tiles": "hrrn:tile=1",
    "decodes withheld in a full cache too": "hrrn:scarce=1",
    "critical 2 batches ahead": "hrrn:ahead=2",
    "critical 5 batches ahead": "hrrn:ahead=5",
    "one started prompt, as in SGLang": "hrrn:max_started=1",
    "SLAI": SLAI,
    "SLAI with 768 tokens": "slai:token_budget=768",
    "SLAI with 1,024 tokens": "slai:token_budget=1024",
}


def central(prepared: PreparedStudy) -> None:
    _compared(prepared, CENTRAL_RPS)
    for slo in SLOS:
        found = prepared.capacities(PAPER, NAMES, slo)
        print(slo, end="\n\n")
        rows = [
            (
                each.scheduler,
                capacity(each),
                str(each.capacity.binding),
                shown(ratio_of(each, found[-1]), 2),
            )
            for each in found
        ]
        table(("scheduler", "requests/s", "what fails above", "hrrn over it"), rows)


def vllm(prepared: PreparedStudy) -> None:
    _compared(prepared, HIGH_RPS, backend="vllm")


def _compared(prepared: PreparedStudy, rates: tuple[float, ...], **more: Any) -> None:
    """The paper's workload: every latency, and TTFT of ours against the others'."""
    swept = prepared.sweep(PAPER, NAMES, rates=rates, **more)
    points = sorted(swept.points, key=lambda point: point.rate_rps)
    rows = [
        (
            *(f"{p.rate_rps:g}", p.scheduler, *latencies(p)),
            *(on_time(p), longest(swept, p.scheduler, p.rate_rps), str(p.preemptions)),
        )
        for p in points
    ]
    heads: tuple[str, ...] = ("requests/s", "scheduler", *LATENCIES, ON_TIME, LONGEST, "preempted")
    table(heads, rows)
    heads = ("median against slai", "against sarathi", "P99 against slai", "against sarathi")
    rows = [
        (f"{r:g}", *(change(swept, r, base, q) for q in (0.5, 0.99) for base in (SLAI, SARATHI)))
        for r in rates
    ]
    table(("requests/s", *heads), rows)


def others(prepared: PreparedStudy) -> None:
    _side_by_side(prepared, NAMES, prepared.rates)


def engine(prepared: PreparedStudy) -> None:
    """vLLM's own rule, and ours in vLLM, on the emulated device; the higher rate of each place."""
    _side_by_side(
        prepared, (ENGINE, OURS), lambda place: prepared.rates(place)[-1:], backend="vllm"
    )


def _side_by_side(
    prepared: PreparedStudy,
    names: tuple[str, ...],
    rates: Callable[[Place], tuple[float, ...]],
    **more: Any,
) -> None:
    """A row a place and rate: every latency of each, and TTFT of ours against the others'."""
    base = [name for name in names if name != OURS]
    against = [f"{what} against {name}" for what in ("median", "P99") for name in base]
    rows = []
    for place in OTHERS:
        looked_at = rates(place)
        swept = prepared.sweep(place, names, rates=looked_at, **more)
        rows += [
            (
                *(place.label, f"{rate:g}", *side_by_side(swept, names, rate)),
                *(change(swept, rate, name, q) for q in (0.5, 0.99) for name in base),
            )
            for rate in looked_at
        ]
    print(" / ".join(names), end="\n\n")
    table(("place", "requests/s", *LATENCIES, ON_TIME, *against), rows)


def fairness(prepared: PreparedStudy) -> None:
    swept = prepared.sweep(PAPER, NAMES, rates=HIGH_RPS)
    with prepare(swept.spec) as asked:
        for rate in HIGH_RPS:
            rows = []
            for name in NAMES:
                found = list(measured(asked, swept, name, rate))
                prompt = np.array(
                    [each.prompt_tokens for requests, _ in found for each in requests]
                )
                wait = np.concatenate([waits for _, waits in found])
                groups = [wait[(prompt > low) & (prompt <= high)] for low, high in pairwise(EDGES)]
                cells = (
                    f"{np.median(g):.2f} / {np.quantile(g, 0.99):.1f}" if len(g) else "-"
                    for g in groups
                )
                rows.append((f"{rate:g}", name, *cells))
            buckets = (f"up to {high:,}" for high in EDGES[1:])
            table(("requests/s", "scheduler", *buckets), rows)


def ablation(prepared: PreparedStudy) -> None:
    """On the paper's workload; in a queue that a burst leaves, and on a card with other tiles."""
    for place, rates in ((PAPER, HIGH_RPS), (BURSTS, (1.52,)), (A100, (2.65,))):
        print(place.label, end="\n\n")
        _ablation(prepared, place, rates)


def _ablation(prepared: PreparedStudy, place: Place, rates: tuple[float, ...]) -> None:
    swept = prepared.sweep(place, ABLATION.values(), rates=rates)
    rows = [
        (
            *(label, f"`{name}`", f"{point.rate_rps:g}", *latencies(point)),
            longest(swept, name, point.rate_rps),
        )
        for label, name in ABLATION.items()
        for point in swept.of(name)
    ]
    table(("", "scheduler", "requests/s", *LATENCIES, LONGEST), rows)


def ceiling(prepared: PreparedStudy, file: Path | None = None) -> None:
    swept, least = medians(prepared)
    rows = [
        (f"{rate:g}", shown(bound), *(shown(swept.of(name)[i].ttft_s["p50"]) for name in NAMES))
        for i, (rate, bound) in enumerate(zip(CENTRAL_RPS, least, strict=True))
    ]
    table(("requests/s", "no scheduler is below", *NAMES), rows)
    if file is not None:
        draw(swept, least, file)


PARTS: dict[str, Callable[[PreparedStudy], None]] = {
    "central": central,
    "vllm": vllm,
    "others": others,
    "engine": engine,
    "fairness": fairness,
    "ablation": ablation,
    "ceiling": ceiling,
}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("parts", nargs="+", choices=PARTS)
    parser.add_argument("--traces", type=Path, required=True)
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--requests", type=int, help="of a run; as slaibench has it unless given")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--figure", type=Path, help="where ceiling draws its figure")
    args = parser.parse_args(argv)
    prepared = PreparedStudy(args.traces, args.results, args.seeds, args.jobs, args.requests)
    parts = {**PARTS, "ceiling": partial(ceiling, file=args.figure)}
    for part in args.parts:
        print(f"## {part}", end="\n\n")
        parts[part](prepared)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
