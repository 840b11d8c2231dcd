"""Batch times learned online: found again where they are a formula, a staircase, or drift."""

from __future__ import annotations

import random

import pytest

from slaibench.schedulers.step_time import ENOUGH, Pace, StepTime


def learned(took_s, batches: int = 400) -> StepTime:  # type: ignore[no-untyped-def]
    model, some = StepTime(), random.Random(0)
    for _ in range(batches):
        tokens = some.choice([256, 512, 512, 768, some.randint(1, 1024)])
        context, pairs = some.randint(0, 200_000), float(some.randint(0, 3_000_000))
        model.learn(tokens, context, pairs, took_s(tokens, context, pairs))
    return model


def straight(tokens: int, context: int, pairs: float) -> float:
    return 0.012 + 7e-5 * tokens + 1.5e-7 * context + 4e-9 * pairs


def test_a_straight_law_is_found_again_where_no_batch_was() -> None:
    model = learned(straight)
    for batch in ((2048, 50_000, 1e6), (100, 250_000, 0.0), (1, 0, 0.0)):
        assert model.predict_s(*batch) == pytest.approx(straight(*batch), rel=0.01)
    assert model.error_s < 1e-3


def test_stairs_are_learned_where_batches_are() -> None:
    def tiles(tokens: int, context: int, pairs: float) -> float:
        return 0.012 + 0.01 * -(-tokens // 256) + 1.5e-7 * context

    model = learned(tiles)
    for tokens in (256, 512, 768):
        assert model.predict_s(tokens, 100_000, 1e6) == pytest.approx(
            tiles(tokens, 100_000, 1e6), abs=1.5e-3
        )


def test_nothing_is_known_of_an_engine_that_has_run_little() -> None:
    assert not learned(straight, ENOUGH - 1).is_known
    assert learned(straight, ENOUGH).is_known


def test_the_error_is_that_of_what_cannot_be_predicted() -> None:
    noise = random.Random(1)
    model = learned(lambda *batch: straight(*batch) + noise.gauss(0, 0.005), 3000)
    assert 0.003 < model.error_s < 0.008


def test_batches_that_are_all_alike_do_not_wear_it_out() -> None:
    model = learned(straight)
    for _ in range(50_000):
        model.learn(512, 100_000, 1e6, straight(512, 100_000, 1e6))
    assert model.predict_s(512, 100_000, 1e6) == pytest.approx(straight(512, 100_000, 1e6))
    assert model.predict_s(1024, 0, 0.0) == pytest.approx(straight(1024, 0, 0.0), rel=0.1)


def test_it_is_as_good_after_a_day_as_after_an_hour() -> None:
    """Features that hardly move for long are what blows up a recursive form."""
    model, some, context = learned(straight), random.Random(3), 100_000.0
    worst_s = 0.0
    for _ in range(40_000):
        context = min(max(context + some.gauss(0, 500), 0), 200_000)
        tokens = some.choice([512, 512, 512, 512, 511, 1024])
        batch = tokens, int(context), some.choice([0.0, 1e5, 3e6])
        model.learn(*batch, straight(*batch) + some.gauss(0, 0.0005))
        worst_s = max(worst_s, model.error_s)
    assert worst_s < 2e-3


def test_a_device_that_slows_down_is_followed() -> None:
    model, some = learned(straight), random.Random(2)
    for _ in range(5000):
        batch = some.randint(1, 1024), some.randint(0, 200_000), 1e6
        model.learn(*batch, 1.5 * straight(*batch))
    assert model.predict_s(512, 100_000, 1e6) == pytest.approx(
        1.5 * straight(512, 100_000, 1e6), rel=0.03
    )


def test_it_is_the_mean_time_between_admissions() -> None:
    pace = Pace()
    for step in range(400):
        pace.admitted(1 + step % 2, 0.75 * step, waiting=99)  # three every 1.5 s
    assert pace.interval_s == pytest.approx(0.5, rel=0.05)


def test_a_step_that_admits_nobody_is_time_that_passes() -> None:
    pace = Pace()
    for step in range(40):
        pace.admitted(int(step % 4 == 0), 1.0 * step, waiting=5)
    assert pace.interval_s == 4.0


def test_while_nobody_waits_no_time_passes() -> None:
    pace = Pace()
    pace.admitted(1, 0.0, waiting=2)
    pace.admitted(1, 3.0, waiting=1)  # the last one
    pace.admitted(1, 1000.0, waiting=2)
    assert pace.interval_s == 3.0
    pace.admitted(1, 1003.0, waiting=1)
    assert pace.interval_s == 3.0
