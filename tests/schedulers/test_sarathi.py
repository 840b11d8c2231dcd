from __future__ import annotations

import pytest

from slaibench.schedulers.sarathi import Sarathi
from tests.schedulers.plain import PlainRequest, PlainView, chunks, ids
from tests.schedulers.scenario import Scenario, worked_example


def test_worked_example_of_li_dai_peng() -> None:
    assert worked_example("sarathi:token_budget=4") == ["ABC", "ABC Dp", "BCD Ep", "BE"]


def test_decodes_go_before_started_prefills_and_those_before_admissions() -> None:
    scenario = Scenario("sarathi:token_budget=8")
    scenario.arrive(2, 9)
    scenario.arrive(10, 9)
    assert scenario.step() == "A+2 B+6"
    scenario.arrive(5, 9)
    assert scenario.steps(2) == ["A B+4 C+3", "A B C+2"]


def test_started_prefills_go_on_by_arrival_not_by_admission() -> None:
    late, early = PlainRequest("late", 9, arrival_s=2.0), PlainRequest("early", 9, arrival_s=1.0)
    batch = Sarathi(token_budget=12).schedule(PlainView(prefilling=[late, early]))
    assert chunks(batch) == [("early", 9), ("late", 3)]


def test_decodes_beyond_the_budget_wait_for_those_that_arrived_before() -> None:
    requests = [PlainRequest(i, arrival_s=float(-i), computed_tokens=1) for i in range(4)]
    batch = Sarathi(token_budget=3).schedule(PlainView(decoding=requests))
    assert ids(batch.decodes) == [3, 2, 1]


@pytest.mark.parametrize(("prompt_tokens", "admitted"), [(50, True), (51, False)])
def test_a_whole_prompt_must_fit_beside_the_watermark(prompt_tokens: int, admitted: bool) -> None:
    """A holds 49 of 100 blocks; one block is the watermark: 50 are to be had."""
    scenario = Scenario("sarathi:token_budget=60", total_blocks=100)
    scenario.arrive(49, 1)
    scenario.arrive(prompt_tokens, 1)
    # The budget has room for 11 of B's tokens; it takes blocks for all of them or for none.
    assert scenario.step() == ("A+49 B+11" if admitted else "A+49")


def test_an_empty_cache_waives_the_watermark() -> None:
    scenario = Scenario("sarathi:token_budget=200", total_blocks=100)
    scenario.arrive(100, 1)
    assert scenario.run() == ["A+100"]


def test_blocks_are_taken_in_whole() -> None:
    """33 tokens are three blocks of 16; with 5 % of 5 blocks (rounded down: none) in reserve."""
    for total_blocks, batches in ((5, ["A+33", "B+33"]), (6, ["A+33 B+33"])):
        scenario = Scenario("sarathi:watermark=0.05", total_blocks=total_blocks, block_size=16)
        scenario.arrive(33, 1)
        scenario.arrive(33, 1)
        assert scenario.run() == batches


def test_the_head_of_the_line_blocks_those_behind_it() -> None:
    scenario = Scenario("sarathi", total_blocks=100)
    scenario.arrive(60, 2)
    scenario.arrive(50, 1)
    scenario.arrive(1, 1)
    assert scenario.run() == ["A+60", "A", "B+50 C+1"]


def test_shortest_prompt_first_lets_the_short_one_pass() -> None:
    scenario = Scenario("sarathi:order=spf", total_blocks=100)
    scenario.arrive(60, 2)
    scenario.arrive(50, 1)
    scenario.arrive(1, 1)
    assert scenario.run() == ["C+1 B+50", "A+60", "A"]


def test_equal_prompts_keep_their_arrival_order_under_spf() -> None:
    scenario = Scenario("sarathi:order=spf,token_budget=4")
    for _ in range(4):
        scenario.arrive(4, 1)
    assert scenario.run() == ["A+4", "B+4", "C+4", "D+4"]


def test_a_later_arrival_overtakes_only_who_has_not_been_admitted() -> None:
    scenario = Scenario("sarathi:order=spf,token_budget=4")
    scenario.arrive(6, 1)
    scenario.arrive(7, 1)
    assert scenario.step() == "A+4"
    scenario.arrive(1, 1)
    assert scenario.run() == ["A+2 C+1 B+1", "B+4", "B+2"]


def test_active_requests_are_limited() -> None:
    scenario = Scenario("sarathi:max_active=2")
    for _ in range(3):
        scenario.arrive(1, 2)
    assert scenario.run() == ["A+1 B+1", "A B", "C+1", "C"]


def test_the_latest_arrived_is_preempted_and_comes_back_first() -> None:
    """Blocks of one token: A and B fill all eight, then A needs a ninth."""
    scenario = Scenario("sarathi", total_blocks=8)
    scenario.arrive(4, 3)
    b = scenario.arrive(4, 2)
    scenario.arrive(2, 1)
    # C arrived last, but it waits: it holds nothing that could be taken from it.
    assert scenario.steps(2) == ["A+4 B+4", "-B A"]
    assert (b.num_preemptions, b.prefill_tokens, b.output_tokens) == (1, 5, 1)
    # B needs five blocks for its prompt and the token it had: A must go first, and C is behind.
    assert scenario.run() == ["A", "B+5 C+2"]


def test_a_started_prefill_is_preempted_when_it_arrived_last() -> None:
    scenario = Scenario("sarathi:token_budget=4", total_blocks=8)
    scenario.arrive(2, 4)
    b = scenario.arrive(6, 1)
    assert scenario.steps(2) == ["A+2 B+2", "-B A"]
    assert (b.num_blocks, b.computed_tokens) == (0, 0)
    # Six blocks are free only when A, which holds three and more, is gone.
    assert scenario.run() == ["A", "A", "B+4", "B+2"]


def test_a_request_preempts_itself_when_it_arrived_last() -> None:
    """B, the latest, is the one that needs a block; A's block has room for sixteen tokens."""
    scenario = Scenario("sarathi", total_blocks=2, block_size=16)
    scenario.arrive(1, 5)
    scenario.arrive(16, 2)
    assert scenario.steps(2) == ["A+1 B+16", "-B A"]


def test_nobody_is_preempted_for_a_decode_that_needs_no_block() -> None:
    scenario = Scenario("sarathi", total_blocks=2, block_size=16)
    scenario.arrive(1, 3)
    scenario.arrive(1, 3)
    assert scenario.run() == ["A+1 B+1", "A B", "A B"]


def test_under_spf_a_preempted_request_queues_by_all_it_must_prefill() -> None:
    """B has prompt 3 and two tokens when it is preempted, so it is longer than C, whose 4 are
    fewer than B's 5, and before D, which has as many and arrived later."""
    scenario = Scenario("sarathi:order=spf", total_blocks=9)
    scenario.arrive(3, 6)
    b = scenario.arrive(3, 5)
    assert scenario.steps(2) == ["A+3 B+3", "A B"]
    scenario.arrive(4, 1)
    scenario.arrive(5, 1)
    # Eight of nine blocks are held; both need one.
    assert scenario.step() == "-B A"
    assert b.prefill_tokens == 5
    assert ids(scenario.engine.waiting) == [2, 1, 3]


def test_under_fcfs_the_last_preempted_heads_the_queue() -> None:
    """Whoever is preempted later in a step arrived earlier, and must come back earlier."""
    view = PlainView(
        free_blocks=0,
        decoding=[
            PlainRequest(i, arrival_s=float(i), computed_tokens=1, num_blocks=1, needs_block=True)
            for i in range(4)
        ],
    )
    batch = Sarathi().schedule(view)
    assert ids(batch.preempt) == [3, 2]
    assert ids(batch.decodes) == [0, 1]


def test_every_decode_counts_as_critical() -> None:
    batch = Sarathi().schedule(PlainView(decoding=[PlainRequest(0), PlainRequest(1)]))
    assert batch.critical_decodes == len(batch.decodes) == 2


def test_a_wrong_order_is_named() -> None:
    with pytest.raises(ValueError, match=r"order must be one of fcfs, spf, not 'lifo'"):
        Sarathi(order="lifo")
