from __future__ import annotations

from tests.schedulers.scenario import Scenario, worked_example


def test_worked_example_of_li_dai_peng() -> None:
    assert worked_example("prefill-first:token_budget=4") == ["ABC", "Dp Ep", "ABCD", "BCE", "B"]


def test_a_waiting_prompt_interrupts_every_decode() -> None:
    scenario = Scenario("prefill-first")
    scenario.arrive(5, 3)
    assert scenario.steps(2) == ["A+5", "A"]
    scenario.arrive(7, 2)
    assert scenario.run() == ["B+7", "A B"]


def test_prompts_stay_whole() -> None:
    scenario = Scenario("prefill-first:token_budget=10")
    scenario.arrive(6, 1)
    scenario.arrive(6, 1)
    scenario.arrive(4, 1)
    assert scenario.run() == ["A+6", "B+6 C+4"]


def test_a_prompt_longer_than_the_budget_is_cut_and_goes_on_before_others() -> None:
    scenario = Scenario("prefill-first:token_budget=10")
    scenario.arrive(4, 2)
    scenario.arrive(25, 2)
    scenario.arrive(5, 2)
    scenario.arrive(1, 2)
    # A alone: B is cut only in an empty batch. Its last five tokens leave room for C.
    assert scenario.run() == ["A+4", "B+10", "B+10", "B+5 C+5", "D+1", "A B C D"]


def test_decodes_go_on_while_the_next_prompt_has_no_blocks() -> None:
    scenario = Scenario("prefill-first", total_blocks=10)
    scenario.arrive(5, 3)
    scenario.arrive(6, 1)
    assert scenario.run() == ["A+5", "A", "A", "B+6"]


def test_a_full_engine_decodes() -> None:
    scenario = Scenario("prefill-first:max_active=1")
    scenario.arrive(1, 2)
    scenario.arrive(1, 2)
    assert scenario.run() == ["A+1", "A", "B+1", "B"]


def test_the_latest_arrived_is_preempted_even_for_its_second_token() -> None:
    """B is admitted into the last blocks, and loses them to A's next token."""
    scenario = Scenario("prefill-first", total_blocks=8)
    scenario.arrive(4, 3)
    scenario.arrive(4, 2)
    assert scenario.run() == ["A+4 B+4", "-B A", "A", "B+5"]


def test_a_preempted_request_that_has_outgrown_the_budget_is_cut() -> None:
    scenario = Scenario("prefill-first:token_budget=4", total_blocks=8)
    scenario.arrive(4, 3)
    scenario.arrive(4, 2)
    assert scenario.run() == ["A+4", "B+4", "-B A", "A", "B+4", "B+1"]
