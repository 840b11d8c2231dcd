from __future__ import annotations

from tests.schedulers.scenario import Scenario


def test_decodes_and_prompts_go_on_in_the_order_of_admission() -> None:
    """C is admitted with the budget that B leaves, and B's decode comes before C's prompt."""
    scenario = Scenario("vllm-default:token_budget=6")
    scenario.arrive(2, 9)
    scenario.arrive(3, 9)
    scenario.arrive(9, 9)
    assert scenario.steps(4) == ["A+2 B+3 C+1", "A B C+4", "A B C+4", "A B C"]


def test_a_prompt_before_a_decode_may_take_the_whole_budget() -> None:
    """Unlike Sarathi-Serve's rule: who came first goes first, decode or not."""
    scenario = Scenario("vllm-default:token_budget=4,max_active=2")
    scenario.arrive(11, 2)
    scenario.arrive(1, 9)
    assert scenario.steps(4) == ["A+4", "A+4", "A+3 B+1", "A B"]


def test_whoever_was_admitted_last_is_preempted_first() -> None:
    scenario = Scenario("vllm-default", total_blocks=6)
    scenario.arrive(2, 4)
    scenario.arrive(2, 4)
    assert scenario.steps(5) == ["A+2 B+2", "A B", "-B A", "A", "B+4"]


def test_a_step_that_preempts_admits_nobody() -> None:
    scenario = Scenario("vllm-default", total_blocks=4)
    scenario.arrive(1, 3)
    scenario.arrive(2, 2)
    assert scenario.step() == "A+1 B+2"
    scenario.arrive(1, 1)
    assert scenario.steps(3) == ["-B A", "A", "B+3 C+1"]
