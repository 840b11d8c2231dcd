from __future__ import annotations

from slaibench.schedulers.orca import Orca
from tests.schedulers.plain import PlainRequest, PlainView, chunks, ids
from tests.schedulers.scenario import Scenario, worked_example


def test_worked_example_of_li_dai_peng() -> None:
    assert worked_example("orca:token_budget=5") == ["ABC", "ABC Dp Ep", "BCDE", "B"]


def test_prompts_take_the_budget_first_and_decodes_the_rest() -> None:
    scenario = Scenario("orca:token_budget=4")
    scenario.arrive(1, 3)
    scenario.arrive(1, 3)
    assert scenario.step() == "A+1 B+1"
    scenario.arrive(3, 1)
    assert scenario.step() == "A C+3"
    scenario.arrive(6, 1)
    assert scenario.run() == ["D+4", "A B D+2", "B"]


def test_the_prompt_that_crosses_the_budget_is_cut() -> None:
    scenario = Scenario("orca:token_budget=4")
    scenario.arrive(3, 1)
    scenario.arrive(3, 1)
    assert scenario.run() == ["A+3 B+1", "B+2"]


def test_an_admission_leaves_every_decode_its_block() -> None:
    """Two of five free blocks are the decodes': the prompt of four must wait, that of three not.
    Watermark off, to see the block that decides."""
    running = [
        PlainRequest(i, arrival_s=float(i), computed_tokens=1, num_blocks=1, needs_block=True)
        for i in range(2)
    ]
    view = PlainView(free_blocks=5, decoding=running, waiting=[PlainRequest(2, 4)])
    batch = Orca(watermark=0).schedule(view)
    assert (ids(batch.decodes), batch.prefills, batch.preempt) == ([0, 1], [], [])
    view.waiting = [PlainRequest(2, 3)]
    batch = Orca(watermark=0).schedule(view)
    assert (ids(batch.decodes), chunks(batch), batch.preempt) == ([0, 1], [(2, 3)], [])


def test_with_too_few_blocks_for_the_decodes_nobody_is_admitted() -> None:
    running = [
        PlainRequest(i, arrival_s=float(i), computed_tokens=1, num_blocks=1, needs_block=True)
        for i in range(3)
    ]
    view = PlainView(free_blocks=1, decoding=running, waiting=[PlainRequest(3, 1)])
    batch = Orca(watermark=0).schedule(view)
    assert (ids(batch.decodes), ids(batch.preempt), batch.prefills) == ([0, 1], [2], [])


def test_a_prefill_of_the_batch_is_not_preempted_for_its_decodes() -> None:
    """The started prompt arrived last, but its chunk is in the batch: the decode yields."""
    view = PlainView(
        free_blocks=0,
        decoding=[PlainRequest(0, computed_tokens=1, num_blocks=1, needs_block=True)],
        prefilling=[PlainRequest(1, 9, arrival_s=1.0, num_blocks=9)],
    )
    batch = Orca().schedule(view)
    assert (ids(batch.preempt), batch.decodes, chunks(batch)) == ([0], [], [(1, 9)])


def test_a_preempted_request_comes_back_before_later_arrivals() -> None:
    scenario = Scenario("orca:watermark=0", total_blocks=8)
    scenario.arrive(4, 3)
    scenario.arrive(4, 2)
    scenario.arrive(1, 1)
    assert scenario.run() == ["A+4 B+4", "-B A", "A", "B+5 C+1"]
