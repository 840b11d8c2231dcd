from __future__ import annotations

from itertools import combinations, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slaibench.schedulers.slos_serve import _not_promised
from tests.schedulers.plain import PlainRequest
from tests.schedulers.scenario import Scenario


def most_in_time(prompts: list[PlainRequest]) -> int:
    """By trying all orders of all choices."""

    def is_in_time(order: tuple[PlainRequest, ...]) -> bool:
        done = 0
        for request in order:
            done += request.prefill_tokens
            if done > request.ttft_due_s:
                return False
        return True

    return max(
        number
        for number in range(len(prompts) + 1)
        if any(
            any(map(is_in_time, permutations(chosen))) for chosen in combinations(prompts, number)
        )
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 25)), min_size=1, max_size=5))
def test_no_choice_promises_more_and_every_promise_can_be_kept(jobs: list[tuple[int, int]]) -> None:
    prompts = [
        PlainRequest(i, tokens, ttft_slo_s=float(due)) for i, (tokens, due) in enumerate(jobs)
    ]
    dropped = _not_promised(prompts, 0.0, 1.0)  # type: ignore[arg-type]
    kept = [request for request in prompts if id(request) not in dropped]
    assert len(kept) == most_in_time(prompts) == most_in_time(kept)


@pytest.mark.parametrize(("slo_s", "order"), [(8, ["A+4", "A+2 B+2", "B+1"]), (2, ["B+3 A+1"])])
def test_the_promised_go_first(slo_s: float, order: list[str]) -> None:
    """Four tokens a second at most: A and B cannot both be in time in two seconds."""
    scenario = Scenario("slos-serve:token_budget=4,first_budget=4")
    for _ in range(40):  # until it knows that every batch takes a second
        scenario.arrive(4, 1)
    scenario.run()
    scenario._count = 0
    scenario.arrive(6, 1, ttft_slo_s=slo_s)
    scenario.arrive(3, 1, ttft_slo_s=slo_s)
    assert scenario.run()[: len(order)] == order


def test_whoever_is_not_promised_is_served_when_there_is_room() -> None:
    scenario = Scenario("slos-serve:token_budget=4,first_budget=4")
    scenario.arrive(40, 1, ttft_slo_s=0.5)
    scenario.arrive(4, 1)
    assert scenario.run() == ["A+4"] * 10 + ["B+4"]
