"""The invariants of docs/design.md, for every scheduler, on small random runs in tight caches."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from slaibench.backends.base import RunOutput, RunSettings
from slaibench.backends.simulator import backend
from slaibench.schedulers.base import Scheduler
from slaibench.schedulers.registry import PORTABLE, build
from slaibench.workloads.request import Request
from tests.backends.checked import CheckedEngine
from tests.backends.simulator.random_runs import (
    MILLISECONDS,
    VARIANTS,
    schedulers,
    total_blocks,
    workloads,
)

WORK_CONSERVING = ("sarathi", "slai", "orca")


class Audit:
    """Has the simulator work with a checked engine, and keeps it."""

    def __init__(self) -> None:
        self.engines: list[CheckedEngine] = []

    def __call__(self, *args: Any) -> CheckedEngine:
        self.engines.append(CheckedEngine(*args))
        return self.engines[-1]


def audited(
    requests: list[Request], scheduler: Scheduler, blocks: int, block_size: int
) -> tuple[RunOutput, CheckedEngine]:
    audit = Audit()
    with patch.object(backend, "Engine", audit):
        simulator = backend.Simulator(MILLISECONDS, total_blocks=blocks, block_size=block_size)
        output = simulator.run(requests, scheduler, RunSettings())
    return output, audit.engines[0]


def test_every_built_in_is_among_the_variants() -> None:
    assert {variant.partition(":")[0] for variant in VARIANTS} == set(PORTABLE)


@pytest.mark.parametrize("variant", VARIANTS)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_invariants_hold_after_every_step(variant: str, data: st.DataObject) -> None:
    requests = data.draw(workloads())
    block_size = data.draw(st.sampled_from([1, 2, 5, 16]), label="block_size")
    slack = data.draw(st.sampled_from([0, 1, 2, 5, 20, 200]), label="slack")
    scheduler = data.draw(schedulers(variant))
    blocks = total_blocks(requests, block_size, slack)

    output, engine = audited(requests, scheduler, blocks, block_size)

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
    if scheduler.name in WORK_CONSERVING:
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
