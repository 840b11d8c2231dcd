import math

import numpy as np
import pytest
from scipy import stats

from slaibench.measure.trend import (
    NUM_BATCHES,
    Series,
    mann_kendall,
    mean_in_system,
    num_in_system,
    oldest_age,
)
from slaibench.recording.record import FloatArray
from tests.measure.queues import single_server


def test_number_in_system_by_hand() -> None:
    due, end = np.array([0.0, 1.0, 2.0]), np.array([1.5, math.nan, 3.0])
    times = np.array([0.0, 1.0, 1.5, 2.5, 9.0])
    assert num_in_system(due, end, times).tolist() == [1, 2, 1, 2, 1]
    # [0, 2]: one for 1.5 s, another for 1 s; [2, 4]: one for all of it, another for 1 s.
    assert mean_in_system(due, end, np.array([0.0, 2.0, 4.0])).tolist() == [1.25, 1.5]


def test_time_average_equals_fine_sampling() -> None:
    due, _, end = single_server(500, 0.8, np.random.default_rng(0))
    edges = np.linspace(0, due[-1], 6)
    fine = np.linspace(0, due[-1], 500_001)[:-1]
    sampled = num_in_system(due, end, fine).reshape(5, -1).mean(axis=1)
    np.testing.assert_allclose(mean_in_system(due, end, edges), sampled, rtol=1e-3)


def test_little_law() -> None:
    due, _, end = single_server(2000, 0.7, np.random.default_rng(1))
    whole = mean_in_system(due, end, np.array([0.0, end.max()]))[0]
    assert whole * end.max() == pytest.approx((end - due).sum())


def test_age_of_the_oldest_by_hand() -> None:
    # The second overtakes the first; the third never leaves.
    due, end = np.array([0.0, 1.0, 5.0]), np.array([4.0, 2.0, math.nan])
    times = np.array([0.0, 1.5, 3.0, 4.0, 4.5, 5.0, 12.0])
    assert oldest_age(due, end, times).tolist() == [0, 1.5, 3, 0, 0, 0, 7]


def test_age_of_the_oldest_equals_looking_at_everybody() -> None:
    rng = np.random.default_rng(2)
    due = np.cumsum(rng.exponential(1.0, 300))
    end = np.where(rng.uniform(size=300) < 0.05, math.nan, due + rng.exponential(8.0, 300))
    times = np.linspace(0, due[-1], 200)
    everybody = []
    for now in times:
        there = (due <= now) & ~(end <= now)
        everybody.append((now - due[there]).max() if there.any() else 0.0)
    np.testing.assert_array_equal(oldest_age(due, end, times), everybody)


@pytest.mark.parametrize("values", [np.arange(20.0), np.r_[1, 2, 2, 3, 3, 3, 1, 5, 4, 4.0]])
def test_mann_kendall_is_kendall_tau_against_time(values: FloatArray) -> None:
    z, p = mann_kendall(values)
    n = len(values)
    rows, columns = np.triu_indices(n, 1)
    score = np.sign(values[columns] - values[rows]).sum()
    # SciPy has no continuity correction: undo ours, which moves the score by one.
    asymptotic = stats.kendalltau(np.arange(n), values, method="asymptotic", alternative="greater")
    assert 0.5 * math.erfc(z * score / (score - 1) / math.sqrt(2)) == pytest.approx(
        asymptotic.pvalue, rel=1e-9
    )
    assert p > asymptotic.pvalue


def test_mann_kendall_edges() -> None:
    assert mann_kendall(np.ones(20)) == (0.0, 0.5)
    assert mann_kendall(-np.arange(20.0))[1] > 0.999


def series(levels: FloatArray, batch_s: float = 1.0, least_noise: float = 0.0) -> Series:
    edges = batch_s * np.arange(NUM_BATCHES + 1)
    return Series("it", (levels[1:] + levels[:-1]) / 2, levels, edges, least_noise)


def test_drift_is_the_slope_over_the_service_rate() -> None:
    line = series(0.5 * np.arange(NUM_BATCHES + 1.0), batch_s=10.0)
    growth = line.growth(
        2.0, num_arrivals=400, least_drift=0.01, drift_errors=1.0, trend_level=0.01
    )
    assert growth.drift == pytest.approx(0.05 / 2.0)
    assert growth.trend_p < 1e-6
    assert growth.grows
    assert growth.words == (
        "it grows: drift +2.5% of the service rate (1.0% needed), Mann-Kendall p 4.3e-10 "
        "(0.01 needed)"
    )


def test_theil_sen_is_not_moved_by_one_burst() -> None:
    levels = np.full(NUM_BATCHES + 1, 3.0)
    levels[18] = 500.0
    assert series(levels).growth(1.0, 400, 0.0, 0.0, 0.01).drift == 0


def test_trend_and_drift_must_agree() -> None:
    line = 0.5 * np.arange(NUM_BATCHES + 1.0)
    little = series(line).growth(100.0, 400, 0.01, 0.0, 0.01)
    assert (little.trend_p < 1e-6, little.grows) == (True, False)
    # Most pairs rise steeply, and the last third falls back: a drift, and no trend to speak of.
    falls = np.where(np.arange(NUM_BATCHES + 1) < 14, line * 4, 1.0)
    back = series(falls).growth(1.0, 400, 0.01, 0.0, 0.01)
    assert back.trend_p > 0.01
    assert not back.grows


def test_noise_of_the_levels_raises_what_is_needed() -> None:
    steps = np.tile([3.0, -1.0], NUM_BATCHES // 2)
    rough = series(np.concatenate([[0.0], np.cumsum(steps)]))
    growth = rough.growth(1.0, num_arrivals=400, least_drift=0.0, drift_errors=2.0, trend_level=1)
    per_arrival = steps.var(ddof=1) / (400 / NUM_BATCHES)
    assert growth.drift_needed == pytest.approx(2 * math.sqrt(per_arrival / 400))
    still = series(np.zeros(NUM_BATCHES + 1), least_noise=0.05)
    assert still.growth(1.0, 400, 0.0, 2.0, 0.01).drift_needed == pytest.approx(
        2 * math.sqrt(0.05 / 400)
    )
