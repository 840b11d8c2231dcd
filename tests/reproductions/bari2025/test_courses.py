"""What rises and falls, decided either way by made-up runs."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from slaibench.reproductions.bari2025.courses import tails, ttft_grows_with_prompt
from slaibench.reproductions.bari2025.figures import SARATHI, SARATHI_SPF, SLAI
from slaibench.reproductions.bari2025.verdict import Verdict, rises, rises_falls_rises
from slaibench.studies.estimate import Estimate
from tests.reproductions.bari2025.loads import load, run_summary

AGREES, _, DISAGREES, UNTOLD = Verdict


def sharp(values: Sequence[float]) -> list[Estimate]:
    return [Estimate(value, 0.99 * value, 1.01 * value, 3) for value in values]


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ((0.05, 0.06, 0.06, 0.11), AGREES),
        ((0.05, 0.09, 0.07, 0.11), DISAGREES),
        ((0.11, 0.08, 0.05), DISAGREES),
        ((0.05, 0.0505, 0.051), UNTOLD),
    ],
)
def test_a_tail_that_falls_does_not_rise(values: Sequence[float], verdict: Verdict) -> None:
    found = tails(rises, [SARATHI], "paying")(load(tails={SARATHI: sharp(values)}))
    assert found.verdict is verdict
    assert f"{verdict.value}, {values[0]:.3g} s at 0.2" in found.seen


def test_one_of_several_that_falls_is_enough_to_disagree() -> None:
    rising, falling = sharp((0.05, 0.09)), sharp((0.09, 0.05))
    find = tails(rises, [SARATHI, SARATHI_SPF], "free")
    assert find(load(tails={SARATHI: rising, SARATHI_SPF: rising})).verdict is AGREES
    found = find(load(tails={SARATHI: rising, SARATHI_SPF: falling}))
    assert found.verdict is DISAGREES
    assert found.seen == (
        "Sarathi-Serve (FCFS) agrees, 0.05 s at 0.2, 0.09 s at 0.4 requests/s; "
        "Sarathi-Serve (SPF) disagrees, 0.09 s at 0.2, 0.05 s at 0.4 requests/s"
    )
    assert find(load(tails={SARATHI: rising})).verdict is UNTOLD


def test_a_tail_of_nobody_is_not_told() -> None:
    assert tails(rises, [SARATHI], "paying")(load()).seen.endswith("not told")


def test_a_tail_that_only_rises_and_falls_does_not_rise_again() -> None:
    find = tails(rises_falls_rises, [SLAI], "free")
    assert find(load(tails={SLAI: sharp((0.03, 0.4, 0.3, 0.45))})).verdict is AGREES
    assert find(load(tails={SLAI: sharp((0.03, 0.4, 0.3, 0.3))})).verdict is DISAGREES


@pytest.mark.parametrize(
    ("means", "verdict"), [((0.2, 0.5, 4.0), AGREES), ((0.9, 0.5, 0.4), DISAGREES)]
)
def test_long_prompts_wait_longer_or_do_not(means: Sequence[float], verdict: Verdict) -> None:
    runs = [
        run_summary(buckets=[(100, 100, factor * mean) for mean in means])
        for factor in (0.99, 1.0, 1.01)
    ]
    found = ttft_grows_with_prompt(SLAI)(load({SLAI: runs}))
    assert found.verdict is verdict
    assert found.seen.endswith(" at 1280 tokens")
