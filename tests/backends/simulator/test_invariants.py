"""The invariants of docs/design.md, for every policy, on small random workloads in tight caches."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from schedulers.base import Scheduler
from schedulers.registry import POLICIES, build
from slaibench.backends.base import RunOutput, RunSettings
from slaibench.backends.simulator import backend
from slaibench.costmodel import StaircaseCostModel
from tests.backends.checked import CheckedEngine
from workloads.request import Request

MILLISECONDS = StaircaseCostModel(
    t_lin_s=0.004,
    t_col_tokens=16,
    per_token_s=1e-4,
    decode_attention_s=1e-5,
    step_overhead_s=0.001,
)

VARIANTS = [
    "sarathi",
    "sarathi:order=spf",
    *(
        f"slai:order={order},offset={offset}"
        for order in ("fcfs", "spf", "spf-priority")
        for offset in ("dynamic", "fixed:5", "fixed:10")
    ),
    "rad",
    "rad-batch-prefill",
    "orca",
    "prefill-first",
    "decode-first",
]

WORK_CONSERVING = ("sarathi", "slai", "orca")


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
            )
        )
    return requests


def policies(variant: str) -> st.SearchStrategy[Scheduler]:
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


class Audit:
    """Has the simulator work with a checked engine, and keeps it."""

    def __init__(self) -> None:
        self.engines: list[CheckedEngine] = []

    def __call__(self, *args: object, **options: object) -> CheckedEngine:
        assert options == {"prefix_caching": False}
        self.engines.append(CheckedEngine(*args))  # type: ignore[arg-type]
        return self.engines[-1]


def audited(
    requests: list[Request], policy: Scheduler, blocks: int, block_size: int
) -> tuple[RunOutput, CheckedEngine]:
    audit = Audit()
    with patch.object(backend, "Engine", audit):
        simulator = backend.Simulator(MILLISECONDS, total_blocks=blocks, block_size=block_size)
        output = simulator.run(requests, policy, RunSettings())
    return output, audit.engines[0]


def test_every_built_in_is_among_the_variants() -> None:
    assert {variant.partition(":")[0] for variant in VARIANTS} == set(POLICIES)


@pytest.mark.parametrize("variant", VARIANTS)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_invariants_hold_after_every_step(variant: str, data: st.DataObject) -> None:
    requests = data.draw(workloads())
    block_size = data.draw(st.sampled_from([1, 2, 5, 16]), label="block_size")
    slack = data.draw(st.sampled_from([0, 1, 2, 5, 20, 200]), label="slack")
    policy = data.draw(policies(variant))
    blocks = total_blocks(requests, block_size, slack)

    output, engine = audited(requests, policy, blocks, block_size)

    event(f"preempted: {engine.num_preempted > 0}")
    table, steps = output.requests, output.steps
    # 8, 1, 6: arrivals have stopped, so everybody finished, each with its tokens.
    assert table.finished.all()
    assert table.num_tokens.tolist() == [request.output_tokens for request in requests]
    # 2: nobody holds anything any more.
    assert engine.free_blocks == engine.total_blocks == blocks
    assert table.num_preemptions.sum() == engine.num_preempted
    # 3: in order, and no token twice.
    assert (table.due_s <= table.sent_s).all()
    assert (table.sent_s <= table.first_scheduled_s).all()
    assert (table.first_scheduled_s < table.first_token_s).all()
    for begin, end in zip(table.token_offsets, table.token_offsets[1:], strict=False):
        assert (np.diff(table.token_times_s[begin:end]) > 0).all()
    assert (steps.start_s < steps.end_s).all()
    assert (steps.end_s[:-1] <= steps.start_s[1:]).all()
    # The two tables tell the same story.
    recomputed = steps.prefill_tokens.sum() - table.prompt_tokens.sum()
    assert recomputed >= 0
    assert recomputed == 0 or engine.num_preempted > 0
    assert steps.decodes.sum() <= table.num_tokens.sum() - len(table)
    assert steps.preemptions.sum() == engine.num_preempted
    # 9
    if policy.name in WORK_CONSERVING:
        assert engine.idle_with_room is None


@pytest.mark.parametrize("name", ["rad", "decode-first", "prefill-first"])
def test_the_others_do_leave_room_unused(name: str) -> None:
    """So the check of invariant 9 can fail."""
    requests = [Request(i, 0.001 * i, 30, 20) for i in range(8)]
    _, engine = audited(requests, build(name), 1000, 16)
    assert engine.idle_with_room is not None


@pytest.mark.parametrize("variant", VARIANTS)
def test_two_requests_that_never_fit_together_both_finish(variant: str) -> None:
    """The cache holds one of them at its end, and both at their beginning."""
    requests = [Request(i, 0.0, 20, 40) for i in range(2)]
    output, engine = audited(requests, build(variant), 59, 1)
    assert output.requests.finished.all()
    # Whoever lost its blocks was not made to lose them over and over.
    assert engine.num_preempted <= 40


@pytest.mark.parametrize("variant", VARIANTS)
def test_many_requests_in_a_cache_for_one_all_finish(variant: str) -> None:
    requests = [Request(i, 0.0, 1 + i, 30 - i) for i in range(30)]
    output, _ = audited(requests, build(variant), 30, 1)
    assert output.requests.finished.all()
