"""Who lies below whom, decided either way by made-up runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from slaibench.reproductions.bari2025.figures import SARATHI, SLAI, SLAI_PRIORITY, VLLM
from slaibench.reproductions.bari2025.orders import (
    paying_below_free,
    paying_below_free_by_little,
    prefill_first_lowest,
    prefill_first_serves_less,
)
from slaibench.reproductions.bari2025.verdict import Verdict
from tests.reproductions.bari2025.loads import load, run_summary

AGREES, _, DISAGREES, UNTOLD = Verdict


def served(shares: Sequence[float]) -> list[Any]:
    return [run_summary(buckets=[(1000, round(1000 * share), 1.0)]) for share in shares]


@pytest.mark.parametrize(
    ("own", "verdict"),
    [
        ((0.90, 0.91, 0.89), AGREES),
        ((0.99, 0.98, 0.985), DISAGREES),
        ((0.90, 0.99, 0.95), UNTOLD),
        ((0.90,), UNTOLD),
    ],
)
def test_prefill_first_fails_where_it_serves_clearly_less_than_all_others(
    own: Sequence[float], verdict: Verdict
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
    assert prefill_first_serves_less(runs).verdict is UNTOLD
    assert prefill_first_serves_less(load({VLLM: served([0.5, 0.5])})).verdict is UNTOLD


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
        ((0.9, 1.1, 1.0), UNTOLD, UNTOLD),
        ((0.91, 0.89, 0.9), AGREES, UNTOLD),
        ((0.9,), UNTOLD, UNTOLD),
    ],
)
def test_paying_requests_wait_less_and_by_little(
    ratios: Sequence[float], below: Verdict, by_little: Verdict
) -> None:
    runs = by_tier(ratios)
    assert paying_below_free(runs).verdict is below
    assert paying_below_free_by_little(runs).verdict is by_little


def test_a_tier_without_requests_decides_nothing() -> None:
    runs = load(
        {SLAI_PRIORITY: [run_summary(tiers={"free": 1.0}), run_summary(tiers={"free": 1.0})]}
    )
    assert paying_below_free(runs).verdict is UNTOLD


def test_without_a_low_rate_nothing_is_said_of_low_load() -> None:
    found = prefill_first_lowest(load({VLLM: []}, rates=(1.2, 1.6)))
    assert found.verdict is UNTOLD
    assert found.seen == "no rate up to 0.8 requests/s was run"
