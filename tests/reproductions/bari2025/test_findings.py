"""Who lies below whom, what rises and falls: decided either way by made-up runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from slaibench.reproductions.bari2025.figures import SARATHI, SARATHI_SPF, SLAI, SLAI_PRIORITY, VLLM
from slaibench.reproductions.bari2025.findings import (
    paying_below_free,
    paying_below_free_by_little,
    prefill_first_lowest,
    prefill_first_serves_less,
    tails,
    ttft_grows_with_prompt,
)
from slaibench.reproductions.bari2025.verdict import ClaimVerdict, rises, rises_falls_rises
from slaibench.studies.estimate import Estimate
from tests.reproductions.bari2025.loads import load, run_summary

AGREES, _, DISAGREES, UNDECIDED = ClaimVerdict


def served(shares: Sequence[float]) -> list[Any]:
    return [run_summary(buckets=[(1000, round(1000 * share), 1.0)]) for share in shares]


@pytest.mark.parametrize(
    ("own", "verdict"),
    [
        ((0.90, 0.91, 0.89), AGREES),
        ((0.99, 0.98, 0.985), DISAGREES),
        ((0.90, 0.99, 0.95), UNDECIDED),
        ((0.90,), UNDECIDED),
    ],
)
def test_prefill_first_fails_where_it_serves_clearly_less_than_all_others(
    own: Sequence[float], verdict: ClaimVerdict
) -> None:
    count = len(own)
    runs = load(
        {
            VLLM: served(own),
            SARATHI: served([1.0, 0.99, 1.0][:count]),
            SLAI: served([0.99, 1.0, 0.99][:count]),
        }
    )
    assert prefill_first_serves_less(runs).verdict is verdict


def test_a_scheduler_without_its_seeds_decides_nothing() -> None:
    runs = load({VLLM: served([0.5, 0.5]), SARATHI: served([1.0])})
    assert prefill_first_serves_less(runs).verdict is UNDECIDED
    assert prefill_first_serves_less(load({VLLM: served([0.5, 0.5])})).verdict is UNDECIDED


def by_tier(ratios: Sequence[float]) -> Any:
    free = [3.0 + 0.1 * place for place in range(len(ratios))]
    runs = [
        run_summary(tiers={"free": mean, "paying": ratio * mean})
        for mean, ratio in zip(free, ratios, strict=True)
    ]
    return load({SLAI_PRIORITY: runs})


@pytest.mark.parametrize(
    ("ratios", "below", "by_little"),
    [
        ((0.95, 0.955, 0.945), AGREES, AGREES),
        ((0.5, 0.51, 0.49), AGREES, DISAGREES),
        ((1.05, 1.06, 1.04), DISAGREES, DISAGREES),
        ((0.9, 1.1, 1.0), UNDECIDED, UNDECIDED),
        ((0.91, 0.89, 0.9), AGREES, UNDECIDED),
        ((0.9,), UNDECIDED, UNDECIDED),
    ],
)
def test_paying_requests_wait_less_and_by_little(
    ratios: Sequence[float], below: ClaimVerdict, by_little: ClaimVerdict
) -> None:
    runs = by_tier(ratios)
    assert paying_below_free(runs).verdict is below
    assert paying_below_free_by_little(runs).verdict is by_little


def test_a_tier_without_requests_decides_nothing() -> None:
    runs = load(
        {SLAI_PRIORITY: [run_summary(tiers={"free": 1.0}), run_summary(tiers={"free": 1.0})]}
    )
    assert paying_below_free(runs).verdict is UNDECIDED


def test_without_a_low_rate_nothing_is_said_of_low_load() -> None:
    finding = prefill_first_lowest(load({VLLM: []}, rates=(1.2, 1.6)))
    assert finding.verdict is UNDECIDED
    assert finding.seen == "no rate up to 0.8 requests/s was run"


def sharp(values: Sequence[float]) -> list[Estimate]:
    return [Estimate(value, 0.99 * value, 1.01 * value, 3) for value in values]


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ((0.05, 0.06, 0.06, 0.11), AGREES),
        ((0.05, 0.09, 0.07, 0.11), DISAGREES),
        ((0.11, 0.08, 0.05), DISAGREES),
        ((0.05, 0.0505, 0.051), UNDECIDED),
    ],
)
def test_a_tail_that_falls_does_not_rise(values: Sequence[float], verdict: ClaimVerdict) -> None:
    finding = tails(rises, [SARATHI], "paying")(load(tails={SARATHI: sharp(values)}))
    assert finding.verdict is verdict
    assert f"{verdict.value}, {values[0]:.3g} s at 0.2" in finding.seen


def test_one_of_several_that_falls_is_enough_to_disagree() -> None:
    rising, falling = sharp((0.05, 0.09)), sharp((0.09, 0.05))
    find = tails(rises, [SARATHI, SARATHI_SPF], "free")
    assert find(load(tails={SARATHI: rising, SARATHI_SPF: rising})).verdict is AGREES
    finding = find(load(tails={SARATHI: rising, SARATHI_SPF: falling}))
    assert finding.verdict is DISAGREES
    assert finding.seen == (
        "Sarathi-Serve (FCFS) agrees, 0.05 s at 0.2, 0.09 s at 0.4 requests/s; "
        "Sarathi-Serve (SPF) disagrees, 0.09 s at 0.2, 0.05 s at 0.4 requests/s"
    )
    assert find(load(tails={SARATHI: rising})).verdict is UNDECIDED


def test_a_tail_of_nobody_is_not_reported() -> None:
    assert tails(rises, [SARATHI], "paying")(load()).seen.endswith("not told")


def test_a_tail_that_only_rises_and_falls_does_not_rise_again() -> None:
    find = tails(rises_falls_rises, [SLAI], "free")
    assert find(load(tails={SLAI: sharp((0.03, 0.4, 0.3, 0.45))})).verdict is AGREES
    assert find(load(tails={SLAI: sharp((0.03, 0.4, 0.3, 0.3))})).verdict is DISAGREES


@pytest.mark.parametrize(
    ("means", "verdict"), [((0.2, 0.5, 4.0), AGREES), ((0.9, 0.5, 0.4), DISAGREES)]
)
def test_long_prompts_wait_longer_or_do_not(means: Sequence[float], verdict: ClaimVerdict) -> None:
    runs = [
        run_summary(buckets=[(100, 100, factor * mean) for mean in means])
        for factor in (0.99, 1.0, 1.01)
    ]
    finding = ttft_grows_with_prompt(SLAI)(load({SLAI: runs}))
    assert finding.verdict is verdict
    assert finding.seen.endswith(" at 1280 tokens")
