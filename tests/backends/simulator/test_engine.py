from __future__ import annotations

from typing import Any

import pytest

from slaibench.schedulers.base import Batch, EngineView, Scheduler, SchedulerError
from slaibench.schedulers.sarathi import Sarathi
from tests.schedulers import bad
from tests.schedulers.scenario import Scenario, seconds_per_token


class Whatever(Scheduler):
    """Follows a script: a batch a step."""

    def __init__(self, **limits: int) -> None:
        super().__init__(**limits)
        self.next = Batch()
        self.done: list[tuple[Batch, float, float]] = []

    def schedule(self, view: EngineView) -> Batch:
        return self.next

    def batch_done(self, batch: Batch, start_s: float, end_s: float, view: EngineView) -> None:
        self.done.append((batch, start_s, end_s))


# --- what a batch does --------------------------------------------------------------------------


def test_the_chunk_over_the_last_prompt_token_yields_the_first_output_token() -> None:
    scenario = Scenario("sarathi:token_budget=4")
    request = scenario.arrive(6, 2)
    scenario.step()
    assert (request.computed_tokens, request.output_tokens) == (4, 0)
    scenario.step()
    assert (request.computed_tokens, request.output_tokens) == (6, 1)
    scenario.step()
    assert list(request.token_steps) == [1, 2]
    assert not scenario.engine.has_work


def test_a_request_of_one_output_token_never_decodes() -> None:
    scenario = Scenario("sarathi")
    scenario.arrive(3, 1)
    assert scenario.run() == ["A+3"]
    assert scenario.engine.free_blocks == scenario.engine.total_blocks


def test_blocks_are_taken_for_the_whole_prompt_and_then_one_by_one() -> None:
    scenario = Scenario("sarathi:token_budget=20", block_size=16)
    request = scenario.arrive(31, 5)
    held = []
    while scenario.engine.has_work:
        scenario.step()
        held.append((request.computed_tokens, request.num_blocks))
    # The fifth token is never fed back: 35 tokens hold KV, not 36.
    assert held == [(20, 2), (31, 2), (32, 2), (33, 3), (34, 3), (35, 3)]
    assert scenario.engine.free_blocks == scenario.engine.total_blocks


def test_time_passes_as_the_cost_model_says_plus_the_overhead() -> None:
    timer = seconds_per_token(0.25)
    timer.step_overhead_s = 0.5
    scenario = Scenario("sarathi", timer=timer)
    scenario.arrive(6, 2)
    scenario.run()
    assert [step[:2] for step in scenario.engine.steps] == [(0.0, 2.0), (2.0, 2.75)]


def test_the_cost_model_is_asked_with_what_the_batch_reads() -> None:
    batches, sequences = [], []

    class Asked:
        needs_spread = True

        def between_s(self, num_sequences: int) -> float:
            sequences.append(num_sequences)
            return 0.0

        def batch_time_s(self, *work: Any) -> float:
            batches.append(work)
            return 1.0

    scenario = Scenario("sarathi:token_budget=4", timer=Asked())  # type: ignore[arg-type]
    scenario.arrive(3, 3)
    scenario.arrive(6, 3)
    scenario.run()
    assert batches == [
        (0, 0, [(3, 0), (1, 0)], (0, 0), 0),
        # A's decode writes its fourth token and reads all four; B goes on after its first.
        (1, 4, [(3, 1)], (4, 16), 0),
        (1, 5, [(2, 4)], (5, 25), 0),
        (1, 7, [], (7, 49), 0),
        (1, 8, [], (8, 64), 0),
    ]
    assert sequences == [2, 2, 2, 1, 1]  # decodes and chunks


def test_a_cost_model_that_takes_contexts_at_their_mean_is_not_given_their_spread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    timer = seconds_per_token(0.25)
    spreads: list[Any] = []
    monkeypatch.setattr(timer, "batch_time_s", lambda *work: spreads.append(work[3]) or 1.0)
    scenario = Scenario("sarathi", timer=timer)
    scenario.arrive(3, 3)
    scenario.run()
    assert spreads == [None, None, None]


def test_a_step_is_recorded_as_the_batch_ran() -> None:
    scenario = Scenario("sarathi:token_budget=4,max_active=2", block_size=2)
    scenario.arrive(3, 2)
    scenario.arrive(4, 1)
    scenario.arrive(1, 1)
    scenario.run()
    # start, end, prefill tokens, decodes, critical decodes, waiting, active, blocks, preempted
    assert scenario.engine.steps == [
        (0.0, 1.0, 4, 0, 0, 1, 2, 4, 0),
        (1.0, 2.0, 3, 1, 1, 1, 2, 4, 0),
        (2.0, 3.0, 1, 0, 0, 0, 1, 1, 0),
    ]


def test_an_empty_batch_leaves_everything_alone() -> None:
    scenario = Scenario(Whatever())
    scenario.arrive(3, 2)
    assert scenario.step() == ""
    assert (scenario.engine.now_s, scenario.engine.steps) == (0.0, [])


def test_preemptions_of_an_empty_batch_are_counted_with_the_next_one() -> None:
    scheduler = Whatever()
    scenario = Scenario(scheduler)
    request = scenario.arrive(3, 2)
    scheduler.next = Batch(prefills=[(request, 1)])
    scenario.step()
    scheduler.next = Batch(preempt=[request])
    assert scenario.step() == "-A"
    scheduler.next = Batch(prefills=[(request, 3)])
    scenario.step()
    assert [step[-1] for step in scenario.engine.steps] == [0, 1]


def test_a_preempted_request_may_come_back_in_the_same_batch() -> None:
    scheduler = Whatever()
    scenario = Scenario(scheduler)
    request = scenario.arrive(3, 2)
    scheduler.next = Batch(prefills=[(request, 2)])
    scenario.step()
    scheduler.next = Batch(preempt=[request], prefills=[(request, 3)])
    assert scenario.step() == "-A A+3"
    assert (request.output_tokens, request.num_preemptions) == (1, 1)


def test_a_scheduler_may_answer_with_the_lists_of_the_view() -> None:
    """They change while the batch runs; the batch must not."""
    scheduler = Whatever()
    scenario = Scenario(scheduler)
    requests = [scenario.arrive(1, 2), scenario.arrive(1, 2), scenario.arrive(2, 2)]
    scheduler.next = Batch(prefills=[(request, 1) for request in requests])
    scenario.step()
    scheduler.next = Batch(decodes=scenario.engine.decoding)
    assert scenario.step() == "A B"
    assert scheduler.done[-1][0].decodes == requests[:2]
    for _ in range(3):
        requests.append(scenario.arrive(3, 1))
    scheduler.next = Batch(prefills=[(request, 1) for request in requests[3:]])
    scenario.step()
    scheduler.next = Batch(preempt=scenario.engine.prefilling)
    assert scenario.step() == "-C -D -E -F"
    assert scenario.engine.prefilling == []


def test_the_scheduler_hears_of_a_batch_when_its_effects_are_there() -> None:
    seen = []

    class Listening(Sarathi):
        def batch_done(self, batch: Batch, start_s: float, end_s: float, view: EngineView) -> None:
            seen.append((start_s, end_s, view.now_s, view.free_blocks, len(view.decoding)))

    scenario = Scenario(Listening(), total_blocks=10)
    scenario.arrive(4, 2)
    scenario.run()
    assert seen == [(0.0, 1.0, 1.0, 6, 1), (1.0, 2.0, 2.0, 10, 0)]


# --- what it refuses ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheduler", "message"),
    [
        (bad.OverBudget, "invariant 5: a batch of 9 tokens exceeds the token budget of 8"),
        (bad.DecodesTwice, "invariant 5: a request decodes twice in one batch"),
        (bad.DecodesWaiting, "invariant 5: request 0 is not decoding and cannot decode"),
        (bad.DecodesStarted, "invariant 5: request 1 is not decoding and cannot decode"),
        (bad.PrefillsTwice, "invariant 5: a request has two prefill chunks in one batch"),
        (bad.PrefillsTooMuch, "invariant 6: a prefill of 4 tokens for request 0, which has 3 left"),
        (bad.PrefillsNothing, "invariant 6: a prefill of 0 tokens for request 0"),
        (bad.IgnoresMemory, "invariant 2: request 2 needs 5 KV blocks and only 4 are free"),
        (bad.PreemptsWaiting, "invariant 2: request 0 holds no KV blocks, so it cannot be preempt"),
        (bad.PreemptsTwice, "invariant 2: request 0 holds no KV blocks, so it cannot be preempt"),
    ],
)
def test_a_broken_contract_is_refused_by_name(scheduler: type[Sarathi], message: str) -> None:
    scenario = Scenario(scheduler(token_budget=8, max_active=2, watermark=0), total_blocks=16)
    scenario.arrive(3, 4)
    scenario.arrive(9, 4)
    scenario.arrive(5, 4)
    with pytest.raises(SchedulerError, match=message):
        scenario.steps(10)


def test_too_many_active_requests_are_refused() -> None:
    scenario = Scenario(bad.OverActive(max_active=2))
    for _ in range(3):
        scenario.arrive(3, 4)
    with pytest.raises(
        SchedulerError, match="invariant 5: 3 active requests exceed the limit of 2"
    ):
        scenario.step()


def test_a_decode_without_a_block_is_refused() -> None:
    scenario = Scenario(bad.DecodesWithoutBlocks(), total_blocks=8)
    scenario.arrive(4, 3)
    scenario.arrive(4, 3)
    scenario.step()
    with pytest.raises(
        SchedulerError, match="invariant 2: request 0 needs 1 KV blocks and only 0 are free"
    ):
        scenario.step()


def test_a_finished_request_is_refused() -> None:
    scenario = Scenario(bad.PrefillsFinished())
    scenario.arrive(3, 1)
    scenario.step()
    scenario.arrive(3, 1)
    with pytest.raises(SchedulerError, match="invariant 6: a prefill of 1 tokens for request 0"):
        scenario.step()


def test_a_request_that_never_arrived_is_refused() -> None:
    scheduler = Whatever()
    stranger = Scenario("sarathi").arrive(3, 1)
    scenario = Scenario(scheduler)
    scenario.arrive(3, 1)
    scheduler.next = Batch(prefills=[(stranger, 3)])
    with pytest.raises(SchedulerError, match="invariant 1: request 0 is not in the waiting queue"):
        scenario.step()
