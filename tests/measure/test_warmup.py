import math

import numpy as np
import pytest

from slaibench.measure.warmup import FILL_REQUESTS, Warmup, time_to_fill, warmup
from slaibench.recording.record import FloatArray
from tests.measure.queues import many_servers


def arrivals(n: int) -> FloatArray:
    return np.cumsum(np.random.default_rng(2).exponential(1.0, n))


def test_time_to_fill_is_twice_the_third_quartile_of_the_first_stays() -> None:
    due = arrivals(2000)
    stays = np.where(np.arange(2000) < FILL_REQUESTS, np.arange(2000) + 1.0, 1e6)
    assert time_to_fill(due, due + stays, 1e9) == pytest.approx(2 * (1 + 0.75 * 49))


def test_who_has_not_left_counts_with_its_age() -> None:
    due = np.array([0.0, 10.0, 20.0, 30.0])
    assert time_to_fill(due, np.full(4, math.nan), 40.0) == 2 * np.quantile([40, 30, 20, 10], 0.75)
    assert time_to_fill(np.empty(0), np.empty(0), 40.0) == 0


def test_the_cut_is_the_time_to_fill() -> None:
    due = arrivals(2000)
    cut = warmup(due, due + 30.0, due[-1] + 30)
    assert cut.cut_s == pytest.approx(60.0)
    assert cut.num_dropped == np.count_nonzero(due < cut.cut_s)


def test_at_most_half_of_the_arrivals_are_cut() -> None:
    due = arrivals(100)
    cut = warmup(due, due + 1000.0, due[-1] + 1000)
    assert cut.cut_s == due[-1] / 2
    assert cut.num_dropped == np.count_nonzero(due < due[-1] / 2)


def test_next_to_nothing_is_not_cut() -> None:
    assert warmup(np.array([1.0]), np.array([2.0]), 3.0) == Warmup(0.0, 0)
    assert warmup(np.empty(0), np.empty(0), 3.0) == Warmup(0.0, 0)


def test_a_burst_later_on_moves_no_cut() -> None:
    """A rule that looks at the whole run prefers cuts that remove bursts, and with them the tail of
    a P99 (MSER-5 would cut this one)."""
    due = arrivals(1000)
    end = due + 5.0
    burst = end.copy()
    burst[300:350] += 200.0
    assert warmup(due, burst, 2e3) == warmup(due, end, 2e3)


def test_the_system_is_near_its_level_once_the_cut_is_over() -> None:
    levels = []
    for seed in range(30):
        due, _, end = many_servers(1500, 0.6, 60, np.random.default_rng(seed))
        cut = warmup(due, end, float(end.max())).cut_s
        levels.append(np.count_nonzero((due <= cut) & (end > cut)))
    # 0.6 times 60 servers are busy in the mean; exponential stays bring it to 94 % of that.
    assert np.mean(levels) == pytest.approx(0.94 * 36, rel=0.1)
