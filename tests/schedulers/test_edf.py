from __future__ import annotations

from slaibench.schedulers.edf import Edf
from tests.schedulers.plain import PlainRequest, PlainView, chunks, ids
from tests.schedulers.scenario import Scenario


def test_without_objectives_of_the_first_token_it_is_sarathi() -> None:
    written = []
    for name in ("edf", "sarathi"):
        scenario = Scenario(f"{name}:token_budget=8", total_blocks=60)
        for prompt, output in ((10, 4), (3, 9), (20, 2), (1, 5)):
            scenario.arrive(prompt, output)
        written.append(scenario.run())
    assert written[0] == written[1]


def test_prompts_go_by_deadline_and_an_earlier_one_interrupts() -> None:
    scenario = Scenario("edf:token_budget=4")
    scenario.arrive(6, 1, ttft_slo_s=50)
    scenario.arrive(6, 1, ttft_slo_s=20)
    assert scenario.step() == "B+4"
    scenario.arrive(5, 1, ttft_slo_s=3)
    scenario.arrive(2, 1)
    assert scenario.run() == ["C+4", "C+1 B+2 A+1", "A+4", "A+1 D+2"]


def test_a_prompt_that_is_due_before_a_decode_goes_before_it() -> None:
    soon = PlainRequest("soon", num_blocks=1, computed_tokens=1, scheduler_data=1.0)
    late = PlainRequest("late", num_blocks=1, computed_tokens=1, scheduler_data=9.0)
    prompt = PlainRequest("prompt", 7, ttft_slo_s=5.0)
    batch = Edf(token_budget=4).schedule(PlainView(decoding=[late, soon], waiting=[prompt]))
    assert (ids(batch.decodes), chunks(batch)) == (["soon"], [("prompt", 3)])


def test_what_a_prompt_cannot_use_goes_to_decodes() -> None:
    late = PlainRequest("late", num_blocks=1, computed_tokens=1, scheduler_data=9.0)
    prompt = PlainRequest("prompt", 700, ttft_slo_s=5.0)
    view = PlainView(decoding=[late], waiting=[prompt], total_blocks=100, free_blocks=99)
    batch = Edf(token_budget=4).schedule(view)
    assert (ids(batch.decodes), chunks(batch)) == (["late"], [])


def test_whoever_is_due_last_loses_its_blocks() -> None:
    decodes = [
        PlainRequest(due, num_blocks=3, computed_tokens=3, needs_block=True, scheduler_data=due)
        for due in (7, 2, 5)
    ]
    started = PlainRequest("started", 9, num_blocks=9, computed_tokens=1, ttft_slo_s=4.0)
    view = PlainView(decoding=decodes, prefilling=[started], free_blocks=0, total_blocks=18)
    batch = Edf(token_budget=12).schedule(view)
    assert (ids(batch.preempt), ids(batch.decodes)) == ([7], [2, 5])
    assert chunks(batch) == [("started", 8)]
