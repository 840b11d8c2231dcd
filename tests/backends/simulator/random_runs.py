"""Small random workloads, schedulers with small limits, and caches that are too small for them."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from slaibench.costmodel import StaircaseCostModel
from slaibench.schedulers.base import Scheduler
from slaibench.schedulers.registry import PORTABLE, build
from slaibench.workloads.request import Request

MILLISECONDS = StaircaseCostModel(
    t_lin_s=0.004,
    t_col_tokens=16,
    per_token_s=1e-4,
    decode_attention_s=1e-5,
    step_overhead_s=0.001,
)

VARIANTS = [
    *(name for name in PORTABLE if name != "slai"),
    "sarathi:order=spf",
    *(
        f"slai:order={order},offset={offset}"
        for order in ("fcfs", "spf", "spf-priority")
        for offset in ("dynamic", "fixed:5", "fixed:10")
    ),
    "hrrn:patience_s=inf,started=first,size=budget,scarce=1",
]


@st.composite
def workloads(draw: st.DrawFn) -> list[Request]:
    """Some requests, in bursts and apart, of all sizes; or a crowd that grows in the cache."""
    crowd = draw(st.booleans())
    gaps_s = [0.0, 0.001] if crowd else [0.0, 0.0, 0.001, 0.005, 0.05, 2.0]
    prompts = [1, 2, 3, 5] if crowd else [1, 2, 3, 5, 9, 16, 17, 40]
    outputs = [20, 30, 50] if crowd else [1, 2, 3, 8, 20, 50]
    due_s = 0.0
    requests = []
    for i in range(draw(st.sampled_from([5, 8, 12] if crowd else [1, 2, 3, 5, 8, 12]))):
        due_s += draw(st.sampled_from(gaps_s))
        paying = draw(st.booleans())
        requests.append(
            Request(
                i,
                due_s,
                prompt_tokens=draw(st.sampled_from(prompts)),
                output_tokens=draw(st.sampled_from(outputs)),
                tier="paying" if paying else "free",
                tbt_slo_s=0.01 if paying else 0.1,
                ttft_slo_s=draw(st.sampled_from([math.inf, 0.05, 0.5])),
                tenant=draw(st.sampled_from(["", "acme", "globex"])),
            )
        )
    return requests


def schedulers(variant: str) -> st.SearchStrategy[Scheduler]:
    """The variant with small limits of every kind."""
    options: dict[str, st.SearchStrategy[object]] = {
        "max_active": st.sampled_from([9, 1, 2, 3, 5, 20]),
        "watermark": st.sampled_from([0, 0.01, 0.2]),
    }
    if variant.startswith("rad"):
        options |= {
            "tile": st.sampled_from([6, 1, 2, 3, 12]),
            "chunk": st.sampled_from([4, 1, 7, 24]),
            "cycle": st.sampled_from(["inf", 1, 2, 3, 7]),
        }
    else:
        options["token_budget"] = st.sampled_from([16, 1, 2, 5, 9, 60])
    if variant == "hrrn":
        options["tile"] = st.sampled_from([4, 1, 256])
        options["max_started"] = st.sampled_from(["inf", 1, 2])
    if variant.startswith("slai"):
        options["decode_limit"] = st.sampled_from([9, 1, 2, 4, 20])
    glue = "," if ":" in variant else ":"
    return st.fixed_dictionaries(options).map(
        lambda chosen: build(
            variant + glue + ",".join(f"{name}={value}" for name, value in chosen.items())
        )
    )


def total_blocks(requests: list[Request], block_size: int, slack: int) -> int:
    """Room for the largest request and a little more: most workloads must preempt."""
    largest = max(request.prompt_tokens + request.output_tokens - 1 for request in requests)
    return -(-largest // block_size) + slack
