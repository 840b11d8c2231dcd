"""The simulator with speculative decoding: its books, its limits, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from slaibench.backends.base import RunOutput, RunSettings
from slaibench.backends.simulator import backend
from slaibench.backends.simulator.backend import Simulator
from slaibench.backends.simulator.speculative import SpeculativeEngine
from slaibench.backends.simulator.state import SimRequest
from slaibench.backends.speculation import Speculation
from slaibench.schedulers.base import Batch, EngineView, SchedulerError
from slaibench.schedulers.registry import build
from slaibench.schedulers.sarathi import Sarathi
from slaibench.workloads.request import Request
from tests.backends.simulator.random_runs import (
    MILLISECONDS,
    VARIANTS,
    schedulers,
    total_blocks,
    workloads,
)


class CheckedSpeculativeEngine(SpeculativeEngine):
    """Checks its books after every step, from what the batch says."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.requests: list[SimRequest] = []
        self.num_preempted = 0
        self.yields: dict[tuple[int | str, int], int] = {}

    def add(self, request: SimRequest) -> None:
        super().add(request)
        self.requests.append(request)

    def step(self) -> Batch:
        before = {request: request.output_tokens for request in self.requests}
        batch = super().step()
        self.num_preempted += len(batch.preempt)
        work = batch.work
        chunks = sum(tokens for tokens, _ in work.chunks)
        tokens = len(batch.decodes) + work.draft_tokens + chunks
        assert tokens <= self._scheduler.token_budget, "invariant 5"
        held = sum(request.num_blocks for request in self.requests if self._holds(request))
        assert held + self.free_blocks == self.total_blocks, "invariant 2"
        assert self.free_blocks >= 0, "invariant 2"
        for request in (*self.prefilling, *self.decoding):
            assert request.computed_tokens <= request.kv_capacity, "invariant 2"
        for request, tokens in zip(batch.decodes, work.yields, strict=True):
            assert 1 <= tokens <= self.tokens_per_decode
            assert request.output_tokens - before[request] == tokens
            self.yields[request.request_id, before[request]] = tokens
        return batch

    def _holds(self, request: SimRequest) -> bool:
        return request in self._decoding_set or request in self.prefilling


def audited(
    requests: list[Request], scheduler: Any, speculation: Speculation, **size: Any
) -> tuple[RunOutput, CheckedSpeculativeEngine]:
    engines: list[CheckedSpeculativeEngine] = []

    def engine(*args: Any) -> CheckedSpeculativeEngine:
        engines.append(CheckedSpeculativeEngine(*args))
        return engines[-1]

    with patch.object(backend, "SpeculativeEngine", engine):
        simulator = Simulator(MILLISECONDS, speculation=speculation, **size)
        output = simulator.run(requests, scheduler, RunSettings(seed=3))
    return output, engines[0]


@pytest.mark.parametrize("variant", VARIANTS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_invariants_hold_after_every_step(variant: str, data: st.DataObject) -> None:
    requests = data.draw(workloads())
    block_size = data.draw(st.sampled_from([2, 5, 16]), label="block_size")
    slack = data.draw(st.sampled_from([0, 1, 5, 200]), label="slack")
    rate = data.draw(st.sampled_from([0.0, 0.5, 0.9, 1.0]), label="acceptance rate")
    drafts = data.draw(st.integers(1, block_size - 1), label="draft tokens")
    longest = max(request.prompt_tokens + request.output_tokens for request in requests)
    spare = data.draw(st.sampled_from([0, 1, 100]), label="context to spare")
    scheduler = data.draw(schedulers(variant))
    assume(scheduler.token_budget > drafts)
    blocks = total_blocks(requests, block_size, slack) + (spare > 0) * -(-drafts // block_size)

    output, engine = audited(
        requests,
        scheduler,
        Speculation(drafts, rate),
        total_blocks=blocks,
        block_size=block_size,
        max_context_tokens=longest + spare,
    )

    event(f"preempted: {engine.num_preempted > 0}")
    table, steps = output.requests, output.steps
    # 8, 1, 6: everybody finished, each with exactly its tokens.
    assert table.finished.all()
    assert table.num_tokens.tolist() == [request.output_tokens for request in requests]
    assert engine.free_blocks == engine.total_blocks == blocks
    assert table.num_preemptions.sum() == engine.num_preempted
    # 3: in order; tokens of one batch have its time.
    for begin, end in zip(table.token_offsets, table.token_offsets[1:], strict=False):
        assert (np.diff(table.token_times_s[begin:end]) >= 0).all()
    assert (steps.end_s[:-1] <= steps.start_s[1:]).all()
    # Every token is a decode's or a finished prefill's; each request has one of those, and one more
    # for each preemption after which it had to come back.
    of_decodes = sum(engine.yields.values())
    prefills = table.num_tokens.sum() - of_decodes
    assert len(table) <= prefills <= len(table) + engine.num_preempted
    assert steps.decodes.sum() == len(engine.yields)


@pytest.mark.parametrize("slack", [0, 30])
def test_each_scheduler_meets_the_same_luck(slack: int) -> None:
    requests = [Request(i, 0.01 * i, 5 + i, 40) for i in range(12)]
    speculation = Speculation(3, 0.6)
    expected = {request.request_id: speculation.yields(3, request) for request in requests}
    for text in ("sarathi", "slai", "hrrn", "rad", "orca", "vllm-default"):
        blocks = total_blocks(requests, 16, slack) + 1
        _, engine = audited(requests, build(text), speculation, total_blocks=blocks)
        assert engine.yields
        for (request_id, place), tokens in engine.yields.items():
            assert tokens == expected[int(request_id)][place]


def test_drafts_that_are_never_right_change_no_token() -> None:
    """Where neither time nor budget nor blocks bind, only what is wasted differs."""
    requests = [Request(i, 0.01 * i, 5 + i, 30) for i in range(12)]

    class Tokens:
        """A batch takes a millisecond a sequence, drafted tokens or not."""

        needs_spread = False

        def batch_time_s(
            self, num_decodes: int, context: int, prefills: Sequence[Any], *_: Any
        ) -> float:
            return 1e-3 * (num_decodes + len(prefills))

        def between_s(self, num_sequences: int) -> float:
            return 0.0

        def hidden_s(self, num_sequences: int) -> float:
            return 0.0

    def times(speculation: Speculation | None) -> list[float]:
        simulator = Simulator(Tokens(), total_blocks=500, speculation=speculation)
        output = simulator.run(requests, build("sarathi"), RunSettings())
        return output.requests.token_times_s.tolist()

    plain = times(None)
    assert times(Speculation(3, 0.0)) == plain
    assert times(Speculation(3, 0.5)) != plain


class Verified(Sarathi):
    """Keeps what each batch computed."""

    name = "verified"

    def batch_done(self, batch: Batch, start_s: float, end_s: float, view: EngineView) -> None:
        work = batch.work
        SEEN.append((len(batch.decodes), work.draft_tokens, work.context_tokens, [*work.yields]))


SEEN: list[tuple[int, int, int, list[int]]] = []


@pytest.mark.parametrize(
    ("longest", "batches"),
    [
        # The last decode lacks one token and verifies three others all the same.
        (None, [(0, 0, 0, []), (1, 3, 14, [4]), (1, 3, 18, [4]), (1, 3, 22, [1])]),
        # No position is computed that the longest request could not have.
        (20, [(0, 0, 0, []), (1, 3, 14, [4]), (1, 3, 18, [4]), (1, 0, 19, [1])]),
        (21, [(0, 0, 0, []), (1, 3, 14, [4]), (1, 3, 18, [4]), (1, 1, 20, [1])]),
    ],
)
def test_a_request_ends_in_the_middle_of_its_accepted_tokens(
    longest: int | None, batches: list[tuple[int, int, int, list[int]]]
) -> None:
    SEEN.clear()
    simulator = Simulator(
        MILLISECONDS, total_blocks=2, max_context_tokens=longest, speculation=Speculation(3, 1.0)
    )
    output = simulator.run([Request(0, 0.0, 10, 10)], Verified(), RunSettings())
    assert output.requests.finished.all()
    assert batches == SEEN
    times = output.requests.token_times_s
    assert len(set(times[1:5])) == len(set(times[5:9])) == 1
    assert times[0] < times[1] < times[5] < times[9]


def test_the_cost_model_is_asked_for_drafted_tokens() -> None:
    requests = [Request(0, 0.0, 10, 10)]
    output, _ = audited(requests, build("sarathi"), Speculation(3, 1.0), total_blocks=4)
    took_s = (output.steps.end_s - output.steps.start_s).tolist()
    assert took_s == pytest.approx(
        [
            0.001 + MILLISECONDS.batch_time_s(0, 0, [(10, 0)]),
            *(
                0.001 + MILLISECONDS.batch_time_s(1, context, [], None, 3)
                for context in (14, 18, 22)
            ),
        ],
        abs=2e-6,
    )


def test_a_request_that_drafts_could_not_fit_is_refused() -> None:
    request = Request(0, 0.0, 10, 23)  # 32 slots, and 35 with its drafts
    for speculation, refused in ((None, ""), (Speculation(3, 0.5), "need 3 KV blocks")):
        simulator = Simulator(MILLISECONDS, total_blocks=2, speculation=speculation)
        output = simulator.run([request], build("sarathi"), RunSettings())
        assert refused in output.requests.error[0]
        assert output.requests.finished.all() == (not refused)


def test_what_does_not_go_together_is_refused() -> None:
    for also in ({"asynchronous": True}, {"prefix_caching": True}):
        with pytest.raises(ValueError, match="neither asynchronous scheduling nor prefix caching"):
            Simulator(MILLISECONDS, total_blocks=9, speculation=Speculation(1, 0.5), **also)
    simulator = Simulator(MILLISECONDS, total_blocks=9, speculation=Speculation(4, 0.5))
    with pytest.raises(SchedulerError, match="token_budget=5 or more"):
        simulator.run([], build("sarathi:token_budget=4"), RunSettings())
