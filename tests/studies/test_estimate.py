"""Numbers over replicates: their intervals, and silence where they say nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from slaibench.measure.quantile_interval import gap_tail, quantile_interval
from slaibench.studies.estimate import Estimate, finite, over_seeds, pooled
from tests.measure.queues import normal_series


def test_the_interval_over_seeds_is_students_on_logarithms() -> None:
    values = [0.8, 1.0, 1.3]
    estimate = over_seeds(values, n=3000)
    logs = np.log(values)
    half = stats.t.ppf(0.975, 2) * logs.std(ddof=1) / math.sqrt(3)
    assert estimate.low == pytest.approx(math.exp(logs.mean() - half))
    assert estimate.high == pytest.approx(math.exp(logs.mean() + half))
    assert estimate.value == pytest.approx(math.exp(logs.mean()))


def test_shares_get_their_interval_on_the_plain_scale() -> None:
    estimate = over_seeds([0.0, 0.5, 1.0], n=30, log=False)
    half = stats.t.ppf(0.975, 2) * 0.5 / math.sqrt(3)
    assert (estimate.value, estimate.n) == (0.5, 30)
    assert estimate.ci95 == pytest.approx((0.5 - half, 0.5 + half))


@pytest.mark.parametrize(("n", "shown"), [(999, False), (1000, True)])
def test_a_p99_over_all_replicates_needs_a_thousand_samples(n: int, shown: bool) -> None:
    estimate = over_seeds([1.0, 1.1], n, q=0.99)
    assert (estimate.value is not None) is shown
    assert estimate.n == n


def test_one_infinite_replicate_makes_the_value_infinite_and_null_in_json() -> None:
    estimate = over_seeds([1.0, math.inf], n=100, q=0.5)
    assert estimate.value == math.inf
    assert estimate.ci95 is None
    assert estimate.to_json() == {"value": None, "ci95": None, "n": 100}


def test_replicates_that_know_nothing_are_left_out() -> None:
    assert over_seeds([None, math.nan], n=0) == Estimate(None, None, None, 0)
    assert over_seeds([None, 2.0], n=10) == Estimate(2.0, None, None, 10)


@given(st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=6))
def test_an_interval_holds_its_estimate(values: list[float]) -> None:
    estimate = over_seeds(values, n=100)
    assert estimate.value is not None
    assert estimate.low is not None
    assert estimate.high is not None
    assert estimate.low <= estimate.value * (1 + 1e-9)
    assert estimate.value <= estimate.high * (1 + 1e-9)


def test_a_percentile_is_of_all_replicates_requests_together() -> None:
    rng = np.random.default_rng(1)
    runs = [rng.exponential(size=size) for size in (400, 900)]
    estimate = pooled(runs, 0.5)
    interval = quantile_interval(runs, 0.5)
    assert estimate.value == pytest.approx(float(np.median(np.concatenate(runs))))
    assert (estimate.low, estimate.high) == (interval.low, interval.high)
    assert estimate.low is not None
    assert estimate.high is not None
    assert estimate.low < estimate.value < estimate.high
    assert estimate.n == 1300


@pytest.mark.parametrize(("size", "shown"), [(333, False), (334, True)])
def test_a_p99_needs_a_thousand_requests_of_all_replicates(size: int, shown: bool) -> None:
    runs = [np.random.default_rng(seed).exponential(size=size) for seed in range(3)]
    estimate = pooled(runs, 0.99)
    assert (estimate.value is not None) is shown
    assert estimate.n == 3 * size


def test_requests_count_and_not_their_gaps() -> None:
    rng = np.random.default_rng(2)
    few = gap_tail(rng.exponential(size=900 * 50), np.full(900, 50), 0.99)
    assert pooled([few], 0.99) == Estimate(None, None, None, 900)
    many = gap_tail(rng.exponential(size=2000 * 50), np.full(2000, 50), 0.99)
    assert pooled([many], 0.99).n == 2000
    assert pooled([many], 0.99).ci95 is not None


def test_what_has_no_steady_state_has_a_value_and_no_interval() -> None:
    runs = [np.random.default_rng(3).exponential(size=1500)]
    steady, growing = pooled(runs, 0.5), pooled(runs, 0.5, steady=False)
    assert steady.ci95 is not None
    assert growing == Estimate(steady.value, None, None, 1500)


def test_an_interval_without_an_end_is_none() -> None:
    runs = [np.exp(normal_series(1000, 0.6, np.random.default_rng(4)))]
    assert quantile_interval(runs, 0.99).low is not None
    assert quantile_interval(runs, 0.99).high is None
    assert pooled(runs, 0.99).ci95 is None
    waiting = np.where(np.arange(3000) % 60 == 0, math.inf, np.random.default_rng(5).random(3000))
    assert pooled([waiting], 0.98).ci95 is None  # its upper end would be infinite


@pytest.mark.parametrize(
    ("value", "kept"), [(1.5, 1.5), (None, None), (math.inf, None), (math.nan, None)]
)
def test_json_gets_finite_numbers_only(value: float | None, kept: float | None) -> None:
    assert finite(value) == kept
