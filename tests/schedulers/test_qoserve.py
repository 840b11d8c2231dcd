from __future__ import annotations

import math

import pytest

from slaibench.schedulers.base import BatchWork
from slaibench.schedulers.batch import Batch
from slaibench.schedulers.qoserve import QoServe
from tests.schedulers.plain import PlainRequest, PlainView, chunks
from tests.schedulers.scenario import Scenario, seconds_per_token

A_TOKEN_S = 0.01


def knowing(**options: object) -> QoServe:
    """One that has seen that each token of a batch takes a hundredth of a second."""
    scheduler = QoServe(watermark=0, **options)  # type: ignore[arg-type]
    for number in range(200):
        tokens = 10 + number % 50
        prompt = PlainRequest("seen", tokens)
        batch = Batch(prefills=[(prompt, tokens)], work=BatchWork(0, [(tokens, 0)], ()))
        scheduler.batch_done(batch, 0.0, tokens * A_TOKEN_S, PlainView())
    return scheduler


def decode(due_s: float) -> PlainRequest:
    return PlainRequest("decode", num_blocks=1, computed_tokens=1, scheduler_data=due_s)


@pytest.mark.parametrize(
    ("slack_s", "chunk"),
    [(1.0, 99), (0.31, 30), (0.02, 8), (-5.0, 120)],
    ids=["much", "some", "none: the least", "late already: does not count"],
)
def test_chunks_are_as_large_as_the_slack(slack_s: float, chunk: int) -> None:
    scheduler = knowing(least_chunk=8, token_budget=121)
    view = PlainView(
        now_s=7.0,
        decoding=[decode(7.0 + slack_s)],
        waiting=[PlainRequest("prompt", 500)],
        free_blocks=1000,
        total_blocks=1000,
    )
    ((_, tokens),) = chunks(scheduler.schedule(view))
    assert tokens == pytest.approx(chunk, abs=2)


def test_a_first_token_before_its_time_gives_slack_to_the_next() -> None:
    scenario = Scenario("qoserve", timer=seconds_per_token(A_TOKEN_S))
    early = scenario.arrive(10, 3, ttft_slo_s=2.0, tbt_slo_s=0.5)
    owed = scenario.arrive(10, 3, tbt_slo_s=0.5)
    scenario.step()
    assert early.scheduler_data == pytest.approx(2.5)
    assert owed.scheduler_data == pytest.approx(0.2 + 0.5)
    scenario.step()
    assert early.scheduler_data == pytest.approx(3.0)
    assert owed.scheduler_data == pytest.approx(0.22 + 0.5)


def test_or_each_token_is_due_after_the_one_before() -> None:
    scenario = Scenario("qoserve:due=previous", timer=seconds_per_token(A_TOKEN_S))
    early = scenario.arrive(10, 3, ttft_slo_s=2.0, tbt_slo_s=0.5)
    scenario.step()
    assert early.scheduler_data == pytest.approx(0.1 + 0.5)


def order_of(scheduler: QoServe, *requests: PlainRequest) -> list[int | str]:
    view = PlainView(now_s=10.0, waiting=requests, free_blocks=10**4, total_blocks=10**4)
    return [name for name, _ in chunks(scheduler.schedule(view))]


def test_those_that_cannot_be_in_time_go_last_and_those_without_a_deadline_between() -> None:
    requests = (
        PlainRequest("late", 100, arrival_s=9.5, ttft_slo_s=1.0),
        PlainRequest("endless", 10, arrival_s=1.0),
        PlainRequest("in time", 100, arrival_s=9.5, ttft_slo_s=2.0),
    )
    assert order_of(knowing(token_budget=1000), *requests) == ["in time", "endless", "late"]


def test_alpha_weighs_work_against_deadlines() -> None:
    requests = (
        PlainRequest("long", 300, arrival_s=10.0, ttft_slo_s=5.0),
        PlainRequest("short", 10, arrival_s=10.0, ttft_slo_s=6.0),
    )
    assert order_of(knowing(alpha=0, token_budget=1000), *requests) == ["long", "short"]
    assert order_of(knowing(alpha=1, token_budget=1000), *requests) == ["short", "long"]


@pytest.mark.parametrize("alpha", [-1, math.inf, "much"])
def test_alpha_is_a_number(alpha: object) -> None:
    with pytest.raises(ValueError, match=r"alpha must be a number of at least 0, not "):
        QoServe(alpha=alpha)  # type: ignore[arg-type]
