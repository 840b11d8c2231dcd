"""The tables and the figure of docs/beyond-slai.md.

usage: python -m benchmarks.beyond_slai PART [PART ...] --traces FOLDER [--seeds 5] [--requests N]

Parts: ``central`` (the paper's workload: latencies, changes, capacities), ``vllm`` (its latencies
and changes in vLLM on the emulated device), ``others`` (mixes of tiers, traces, GPUs, bursts),
``engine`` (vLLM's own rule in the same places), ``fairness`` (TTFT by length of the prompt),
``ablation``, ``ceiling`` (medians against the least that any scheduler can reach; draws
``--figure``) and ``summary`` (medians and capacities in one table, for docs/results.md). FOLDER
holds the lengths that docs/beyond-slai.md names.
Strict conventions; intervals are over seeds, changes paired by request and seed; seconds. Cells
that are in ``--results`` are not run again.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
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
    Studies,
    measured,
)
from benchmarks.beyond_slai.shown import (
    LATENCIES,
    LONGEST,
    ON_TIME,
    capacity,
    change,
    latencies,
    less_one,
    longest,
    on_time,
    percent,
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


def central(studies: Studies) -> None:
    _compared(studies, CENTRAL_RPS)
    for slo in SLOS:
        capacities = studies.capacities(PAPER, NAMES, slo)
        print(slo, end="\n\n")
        rows = [
            (
                result.scheduler,
                capacity(result),
                str(result.capacity.binding),
                shown(ratio_of(result, capacities[-1]), 2),
            )
            for result in capacities
        ]
        table(("scheduler", "requests/s", "what fails above", "hrrn over it"), rows)


def vllm(studies: Studies) -> None:
    _compared(studies, HIGH_RPS, backend="vllm")


def _compared(studies: Studies, rates: tuple[float, ...], **more: Any) -> None:
    """The paper's workload: every latency, and TTFT of ours against the others'."""
    swept = studies.sweep(PAPER, NAMES, rates=rates, **more)
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


def others(studies: Studies) -> None:
    _side_by_side(studies, NAMES, studies.rates)


def engine(studies: Studies) -> None:
    """vLLM's own rule, and ours in vLLM, on the emulated device; the higher rate of each place."""
    _side_by_side(studies, (ENGINE, OURS), lambda place: studies.rates(place)[-1:], backend="vllm")


def _side_by_side(
    studies: Studies,
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
        swept = studies.sweep(place, names, rates=looked_at, **more)
        rows += [
            (
                *(place.label, f"{rate:g}", *side_by_side(swept, names, rate)),
                *(change(swept, rate, name, q) for q in (0.5, 0.99) for name in base),
            )
            for rate in looked_at
        ]
    print(" / ".join(names), end="\n\n")
    table(("place", "requests/s", *LATENCIES, ON_TIME, *against), rows)


def fairness(studies: Studies) -> None:
    swept = studies.sweep(PAPER, NAMES, rates=HIGH_RPS)
    with prepare(swept.spec) as study:
        for rate in HIGH_RPS:
            rows = []
            for name in NAMES:
                replicates = list(measured(study, swept, name, rate))
                prompt = np.array(
                    [request.prompt_tokens for requests, _ in replicates for request in requests]
                )
                wait = np.concatenate([waits for _, waits in replicates])
                groups = [wait[(prompt > low) & (prompt <= high)] for low, high in pairwise(EDGES)]
                cells = (
                    f"{np.median(g):.2f} / {np.quantile(g, 0.99):.1f}" if len(g) else "-"
                    for g in groups
                )
                rows.append((f"{rate:g}", name, *cells))
            buckets = (f"up to {high:,}" for high in EDGES[1:])
            table(("requests/s", "scheduler", *buckets), rows)


def ablation(studies: Studies) -> None:
    """On the paper's workload; in a queue that a burst leaves, and on a card with other tiles."""
    for place, rates in ((PAPER, HIGH_RPS), (BURSTS, (1.52,)), (A100, (2.65,))):
        print(place.label, end="\n\n")
        _ablation(studies, place, rates)


def _ablation(studies: Studies, place: Place, rates: tuple[float, ...]) -> None:
    swept = studies.sweep(place, ABLATION.values(), rates=rates)
    rows = [
        (
            *(label, f"`{name}`", f"{point.rate_rps:g}", *latencies(point)),
            longest(swept, name, point.rate_rps),
        )
        for label, name in ABLATION.items()
        for point in swept.of(name)
    ]
    table(("", "scheduler", "requests/s", *LATENCIES, LONGEST), rows)


def ceiling(studies: Studies, file: Path | None = None) -> None:
    swept, least = medians(studies)
    rows = [
        (f"{rate:g}", shown(bound), *(shown(swept.of(name)[i].ttft_s["p50"]) for name in NAMES))
        for i, (rate, bound) in enumerate(zip(CENTRAL_RPS, least, strict=True))
    ]
    table(("requests/s", "no scheduler is below", *NAMES), rows)
    if file is not None:
        draw(swept, least, file)


def summary(studies: Studies) -> None:
    """Medians of all three, ours against SLAI, the floor; and capacities, below."""
    swept, least = medians(studies)
    rows = []
    for rate, floor in zip(CENTRAL_RPS, least, strict=True):
        points = [point for name in NAMES for point in swept.of(name) if point.rate_rps == rate]
        values = [shown(replace(point.ttft_s["p50"], low=None, high=None)) for point in points]
        rows.append((f"{rate:g}", *values, change(swept, rate, SLAI), f"{floor.value:.3f}"))
    capacities = studies.capacities(PAPER, NAMES, SLOS[0])
    carried = [capacity(result).split()[0] for result in capacities]
    gain = percent(less_one(ratio_of(capacities[1], capacities[2])))
    rows.append((f"capacity, `{SLOS[0]}`", *carried, gain, ""))
    heads = (f"median TTFT: {SARATHI}", *NAMES[1:], f"{OURS} against {SLAI}")
    table(("requests/s", *heads, "no scheduler is below"), rows)


PARTS: dict[str, Callable[[Studies], None]] = {
    "central": central,
    "vllm": vllm,
    "others": others,
    "engine": engine,
    "fairness": fairness,
    "ablation": ablation,
    "ceiling": ceiling,
    "summary": summary,
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
    studies = Studies(args.traces, args.results, args.seeds, args.jobs, args.requests)
    parts = {**PARTS, "ceiling": partial(ceiling, file=args.figure)}
    for part in args.parts:
        print(f"## {part}", end="\n\n")
        parts[part](studies)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
