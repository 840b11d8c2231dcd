from __future__ import annotations

from tests.schedulers.scenario import Scenario, worked_example


def test_worked_example_of_li_dai_peng() -> None:
    assert worked_example("decode-first:token_budget=4") == [
        "ABC",
        "ABC",
        "BC",
        "B",
        "Dp Ep",
        "DE",
    ]


def test_nobody_joins_a_running_batch() -> None:
    scenario = Scenario("decode-first")
    scenario.arrive(5, 4)
    assert scenario.step() == "A+5"
    scenario.arrive(5, 1)
    assert scenario.run() == ["A", "A", "A", "B+5"]


def test_a_batch_takes_as_many_whole_prompts_as_fit() -> None:
    scenario = Scenario("decode-first:token_budget=10")
    scenario.arrive(6, 2)
    scenario.arrive(3, 2)
    scenario.arrive(4, 1)
    assert scenario.run() == ["A+6 B+3", "A B", "C+4"]


def test_a_prompt_longer_than_the_budget_is_finished_before_anybody_decodes() -> None:
    scenario = Scenario("decode-first:token_budget=10")
    scenario.arrive(25, 2)
    scenario.arrive(5, 3)
    scenario.arrive(1, 1)
    assert scenario.run() == ["A+10", "A+10", "A+5 B+5", "A B", "B", "C+1"]


def test_a_preempted_request_starts_a_batch_of_its_own_afterwards() -> None:
    scenario = Scenario("decode-first", total_blocks=8)
    scenario.arrive(4, 3)
    scenario.arrive(4, 3)
    assert scenario.run() == ["A+4 B+4", "-B A", "A", "B+5", "B"]
