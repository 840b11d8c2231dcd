import math

import numpy as np
import pytest
from scipy import stats
from scipy.stats import binom

from slaibench.measure.dependence import (
    LongRunVariance,
    acceptance,
    effective_size,
    long_run_variance,
    needed_size,
)
from slaibench.recording.record import FloatArray
from tests.measure.queues import normal_series


def slow_autocovariance(runs: list[FloatArray], lag: int) -> float:
    total = sum(len(run) for run in runs)
    products = (run[lag:] * run[: max(len(run) - lag, 0)] for run in runs)
    return sum(float(product.sum()) for product in products) / total


def slow_inflation(runs: list[FloatArray]) -> float:
    """Geyer's initial monotone sequence, lag by lag."""
    longest = max(len(run) for run in runs)
    summed, least = 0.0, math.inf
    for even in range(0, longest - 1, 2):
        pair = slow_autocovariance(runs, even) + slow_autocovariance(runs, even + 1)
        if pair <= 0:
            break
        least = min(least, pair)
        summed += least
    variance = slow_autocovariance(runs, 0)
    return max((2 * summed - variance) / variance, 1.0)


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.6, 0.9])
def test_ar1_is_inflated_as_theory_says(correlation: float) -> None:
    rng = np.random.default_rng(1)
    parts = [long_run_variance([normal_series(5000, correlation, rng)]) for _ in range(40)]
    truth = (1 + correlation) / (1 - correlation)
    assert np.mean([part.inflation for part in parts]) == pytest.approx(truth, rel=0.12)
    assert np.mean([part.variance for part in parts]) == pytest.approx(1.0, rel=0.05)


@pytest.mark.parametrize("sizes", [(400,), (50, 400, 3), (256, 256), (1,)])
def test_it_is_geyers_sequence_lag_by_lag(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(2)
    runs = [normal_series(size, 0.7, rng) for size in sizes]
    part = long_run_variance(runs)
    assert part.variance == pytest.approx(slow_autocovariance(runs, 0))
    assert part.inflation == pytest.approx(slow_inflation(runs))


def test_lags_do_not_cross_from_one_run_into_the_next() -> None:
    runs = [np.full(2, 1.0), np.full(2, -1.0)] * 50
    # Within a run the next value is the same; joined end to end there would be longer blocks.
    assert long_run_variance(runs).inflation == pytest.approx(2.0)


def test_runs_that_differ_as_wholes_count_as_little() -> None:
    rng = np.random.default_rng(3)
    own = [rng.normal(size=300) for _ in range(4)]
    moved = [run + shift for run, shift in zip(own, (-2, -1, 1, 2), strict=True)]
    assert long_run_variance(own).inflation < 1.5
    assert long_run_variance(moved).inflation > 50


def test_neighbours_that_make_up_for_one_another_are_taken_as_independent() -> None:
    part = long_run_variance([normal_series(20_000, -0.6, np.random.default_rng(5))])
    assert part.inflation == 1.0
    assert part.variance == pytest.approx(1.0, rel=0.05)


def test_runs_of_one_value_are_independent() -> None:
    part = long_run_variance([np.array([value]) for value in (1.0, -2.0, 2.0, -1.0)])
    assert part == LongRunVariance(2.5, 1.0, 4.0)


def test_no_variance_is_no_dependence() -> None:
    assert long_run_variance([np.zeros(10)]) == LongRunVariance(0.0, 1.0, 10.0)
    with pytest.raises(ValueError, match="at least one value"):
        long_run_variance([np.empty(0)])


def test_the_more_lags_count_the_fewer_degrees_of_freedom() -> None:
    rng = np.random.default_rng(4)
    degrees = [long_run_variance([normal_series(2000, c, rng)]).degrees for c in (0.1, 0.9, 0.99)]
    assert degrees[0] > 3 * degrees[1] > 3 * degrees[2] >= 3


def test_effective_size_is_n_over_the_largest_inflation() -> None:
    sure = 1e9
    parts = [LongRunVariance(1.0, 4.0, sure), LongRunVariance(1.0, 10.0, sure)]
    assert effective_size(1000, *parts, level=0.95) == pytest.approx(100, rel=1e-6)
    few = LongRunVariance(1.0, 4.0, 5.0)
    cost = (stats.t.ppf(0.975, 5) / stats.norm.ppf(0.975)) ** 2
    assert effective_size(1000, few, level=0.95) == pytest.approx(250 / cost)
    # What is known from one degree of freedom is worth next to nothing.
    assert effective_size(1000, LongRunVariance(1.0, 1.0, 1.0), level=0.95) < 25


@pytest.mark.parametrize(("size", "share"), [(200, 0.5), (500, 0.1), (1000, 0.01), (60, 0.5)])
def test_acceptance_is_the_binomials(size: int, share: float) -> None:
    least, most = acceptance(float(size), share, 0.95)
    assert least is not None
    assert most is not None
    # Between whole counts the incomplete beta function interpolates: the ends lie within one of
    # the counts whose tails are just below and just above 2.5 %.
    low, high = least * size, most * size
    assert (
        binom.cdf(math.floor(low), size, share) <= 0.025 <= binom.cdf(math.ceil(low), size, share)
    )
    assert binom.sf(math.ceil(high) - 1, size, share) <= 0.025
    assert binom.sf(math.floor(high) - 1, size, share) >= 0.025
    assert least < share < most


def test_few_draws_exclude_nothing_on_a_side() -> None:
    # 0.99 ** 367 is 2.501 %, 0.99 ** 368 is 2.476 %.
    assert acceptance(366.9, 0.01, 0.95)[0] is None
    assert acceptance(368.0, 0.01, 0.95)[0] is not None
    assert acceptance(1.0, 0.5, 0.95) == (None, None)
    least, most = acceptance(100.0, 0.01, 0.95)
    assert least is None
    assert most is not None
    assert 0.03 < most < 0.05


@pytest.mark.parametrize(("share", "size"), [(0.01, 368), (0.5, 6), (0.1, 36), (0.001, 3688)])
def test_needed_size_is_the_least_that_excludes_none(share: float, size: int) -> None:
    assert needed_size(share, 0.95) == size
    assert (1 - share) ** size <= 0.025 < (1 - share) ** (size - 1)
    assert acceptance(float(size), share, 0.95)[0] is not None
    assert acceptance(float(size - 1), share, 0.95)[0] is None
