"""Numbers over replicates: their intervals, and silence where they say nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from slaibench.study.estimate import Estimate, finite, over_seeds, within_run


def test_the_interval_over_seeds_is_students_on_logarithms() -> None:
    values = [0.8, 1.0, 1.3]
    found = over_seeds(values, n=3000)
    logs = np.log(values)
    half = stats.t.ppf(0.975, 2) * logs.std(ddof=1) / math.sqrt(3)
    assert found.low == pytest.approx(math.exp(logs.mean() - half))
    assert found.high == pytest.approx(math.exp(logs.mean() + half))
    assert found.value == pytest.approx(math.exp(logs.mean()))


def test_shares_get_their_interval_on_the_plain_scale() -> None:
    found = over_seeds([0.0, 0.5, 1.0], n=30, log=False)
    half = stats.t.ppf(0.975, 2) * 0.5 / math.sqrt(3)
    assert (found.value, found.n) == (0.5, 30)
    assert found.ci95 == pytest.approx((0.5 - half, 0.5 + half))


@pytest.mark.parametrize(("n", "told"), [(999, False), (1000, True)])
def test_a_p99_over_all_replicates_needs_a_thousand_samples(n: int, told: bool) -> None:
    found = over_seeds([1.0, 1.1], n, q=0.99)
    assert (found.value is not None) is told
    assert found.n == n


def test_one_infinite_replicate_makes_the_value_infinite_and_null_in_json() -> None:
    found = over_seeds([1.0, math.inf], n=100, q=0.5)
    assert found.value == math.inf
    assert found.ci95 is None
    assert found.to_json() == {"value": None, "ci95": None, "n": 100}


def test_replicates_that_know_nothing_are_left_out() -> None:
    assert over_seeds([None, math.nan], n=0) == Estimate(None, None, None, 0)
    assert over_seeds([None, 2.0], n=10) == Estimate(2.0, None, None, 10)


@given(st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=6))
def test_an_interval_holds_its_estimate(values: list[float]) -> None:
    found = over_seeds(values, n=100)
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.value * (1 + 1e-9)
    assert found.value <= found.high * (1 + 1e-9)


def test_a_single_run_has_the_interval_of_its_own_blocks_and_the_same_each_time() -> None:
    sample = np.random.default_rng(1).exponential(1.0, 400)
    value = float(np.median(sample))
    found = within_run(sample, 0.5, value)
    assert found == within_run(sample, 0.5, value)
    assert found.low is not None
    assert found.high is not None
    assert found.low < value < found.high
    assert found.high - found.low < 1.0
    assert within_run(sample, 0.5, None) == Estimate(None, None, None, 400)


@pytest.mark.parametrize(
    ("value", "kept"), [(1.5, 1.5), (None, None), (math.inf, None), (math.nan, None)]
)
def test_json_gets_finite_numbers_only(value: float | None, kept: float | None) -> None:
    assert finite(value) == kept
