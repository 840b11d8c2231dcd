import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from slaibench.measure.steady import (
    early_verdict,
    left_s,
    mann_kendall,
    mean_in_system,
    mser5,
    num_in_system,
    recording_saturation,
    saturation,
    time_to_fill,
    warmup,
)
from slaibench.recording.record import FloatArray
from tests.measure.queues import many_servers, single_server
from tests.measure.recordings import Row, recording

Run = tuple[FloatArray, FloatArray]


def share_saturated(simulate: Callable[[], Run], runs: int) -> float:
    return sum(saturation(*simulate()).saturated is True for _ in range(runs)) / runs


def test_number_in_system_by_hand() -> None:
    due, end = np.array([0.0, 1.0, 2.0]), np.array([1.5, math.nan, 3.0])
    times = np.array([0.0, 1.0, 1.5, 2.5, 9.0])
    assert num_in_system(due, end, times).tolist() == [1, 2, 1, 2, 1]
    # [0, 2]: one for 1.5 s, another for 1 s; [2, 4]: one for all of it, another for 1 s.
    assert mean_in_system(due, end, np.array([0.0, 2.0, 4.0])).tolist() == [1.25, 1.5]


def test_time_average_equals_fine_sampling() -> None:
    due, end = single_server(500, 0.8, np.random.default_rng(0))
    edges = np.linspace(0, due[-1], 6)
    fine = np.linspace(0, due[-1], 500_001)[:-1]
    sampled = num_in_system(due, end, fine).reshape(5, -1).mean(axis=1)
    np.testing.assert_allclose(mean_in_system(due, end, edges), sampled, rtol=1e-3)


def test_little_law() -> None:
    due, end = single_server(2000, 0.7, np.random.default_rng(1))
    whole = mean_in_system(due, end, np.array([0.0, end.max()]))[0]
    assert whole * end.max() == pytest.approx((end - due).sum())


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


def slow_mser5(series: FloatArray) -> int:
    means = series[: len(series) // 5 * 5].reshape(-1, 5).mean(axis=1)
    m = len(means)
    scores = [np.var(means[d:]) / (m - d) for d in range(m // 2 + 1)]
    return 5 * int(np.argmin(scores))


@pytest.mark.parametrize("seed", range(5))
def test_mser5_equals_its_definition_and_finds_the_transient(seed: int) -> None:
    rng = np.random.default_rng(seed)
    series = rng.normal(size=600)
    series[:60] += 6
    assert mser5(series) == slow_mser5(series)
    assert 60 <= mser5(series) <= 75


def test_mser5_cuts_at_most_half_and_nothing_from_a_handful() -> None:
    assert mser5(np.arange(100.0)) == 50
    assert mser5(np.arange(9.0)) == 0
    assert mser5(np.ones(100)) == 0


def test_warmup_is_at_least_the_time_to_fill() -> None:
    rng = np.random.default_rng(2)
    due = np.cumsum(rng.exponential(1.0, 2000))
    end = due + 30.0
    found = warmup(due, end, np.full(2000, 0.2), due[-1] + 30)
    assert found.fill_s == time_to_fill(due, end, due[-1]) == pytest.approx(60.0)
    assert found.cut_s >= 60.0
    assert found.cut_s == max(found.fill_s, found.mser_ttft_s, found.mser_in_system_s)
    assert found.num_dropped == np.count_nonzero(due < found.cut_s)


def test_warmup_of_next_to_nothing() -> None:
    assert warmup(np.array([1.0]), np.array([2.0]), np.array([0.5]), 3.0).cut_s == 0


@pytest.mark.parametrize(("n", "most"), [(1000, 0.07), (3000, 0.02)])
def test_stable_queue_is_seldom_called_saturated(n: int, most: float) -> None:
    rng = np.random.default_rng(31)
    assert share_saturated(lambda: single_server(n, 0.9, rng), 300) <= most
    assert share_saturated(lambda: single_server(n, 0.7, rng), 100) == 0


@pytest.mark.parametrize(
    ("n", "load", "least"), [(1000, 1.1, 0.8), (3000, 1.05, 0.8), (1000, 1.3, 1)]
)
def test_overloaded_queue_is_found(n: int, load: float, least: float) -> None:
    rng = np.random.default_rng(32)
    assert share_saturated(lambda: single_server(n, load, rng), 100) >= least


def test_bursty_stable_arrivals_are_not_overload() -> None:
    rng = np.random.default_rng(33)
    assert share_saturated(lambda: single_server(3000, 0.7, rng, gap_cv=2.0), 100) <= 0.01


def test_ramp_of_a_large_batch_is_not_overload() -> None:
    # Stays of 100 s in a run of 1,250 s: a third of it is spent filling.
    rng = np.random.default_rng(34)
    assert share_saturated(lambda: many_servers(1000, 0.6, 100, rng), 50) <= 0.02
    assert share_saturated(lambda: many_servers(1000, 1.3, 100, rng), 20) >= 0.95


def test_drain_after_the_last_arrival_does_not_count() -> None:
    due, end = single_server(1500, 1.3, np.random.default_rng(35))
    assert end.max() > 1.2 * due[-1]
    drained = saturation(due, end, stop_s=float(end.max()))
    cut = saturation(due, np.where(end <= due[-1], end, np.nan), stop_s=float(due[-1]))
    assert drained.saturated
    assert drained.drift_rps == cut.drift_rps
    assert drained.window_s[1] == due[-1]
    assert 0.2 < drained.drift_rps / drained.service_rps < 0.4
    assert "grows" in drained.reason


def test_trend_or_drift_alone_is_not_saturation() -> None:
    # A tiny but perfectly steady growth: the trend is certain, the drift is nothing.
    due = np.arange(1.0, 4001.0)
    slow = saturation(due, due + 10 + 0.005 * due)
    assert slow.mk_p < 1e-6
    assert slow.saturated is False
    # Service stops for a tenth of the run in the middle, then catches up: drift without trend.
    end = due + 10
    held = (end > 2000) & (end < 2200)
    assert saturation(due, np.where(held, 2200.0, end)).saturated is False


def test_too_little_to_tell() -> None:
    due = np.arange(1.0, 60.0)
    assert saturation(due, due + 1).saturated is None
    assert saturation(np.zeros(500), np.arange(500.0)).saturated is None  # a burst has no window
    assert saturation(np.empty(0), np.empty(0)).saturated is None
    long = np.arange(1.0, 301.0)
    short_run = saturation(long, long + 140)  # sound, but the run is over before it has filled
    assert short_run.saturated is None
    assert "too short" in short_run.reason


def test_extreme_overload_is_told_although_the_first_requests_stay_for_long() -> None:
    due, end = single_server(1000, 20.0, np.random.default_rng(36))
    assert saturation(due, end, stop_s=float(due[-1])).saturated
    assert saturation(due, np.full(1000, np.nan)).saturated  # nothing was ever served


def first_alarm(run: Run) -> float | None:
    due, end = run
    for share in np.arange(0.05, 1.01, 0.05):
        if early_verdict(due, end, share * due[-1]).saturated:
            return float(share)
    return None


def test_early_verdict_never_stops_a_run_at_95_percent_load() -> None:
    rng = np.random.default_rng(37)
    alarms = [first_alarm(single_server(3000, 0.95, rng)) for _ in range(120)]
    assert sum(alarm is not None for alarm in alarms) == 0


@pytest.mark.parametrize("servers", [1, 30])
def test_early_verdict_stops_a_run_at_120_percent_load_well_before_its_end(servers: int) -> None:
    rng = np.random.default_rng(38)
    alarms = [first_alarm(many_servers(3000, 1.2, servers, rng)) for _ in range(20)]
    assert sum(alarm is not None for alarm in alarms) >= 19
    assert np.median([alarm for alarm in alarms if alarm is not None]) <= 0.4


def test_early_verdict_knows_nothing_of_the_future() -> None:
    due, end = single_server(3000, 1.5, np.random.default_rng(39))
    now = 0.3 * due[-1]
    so_far = due <= now
    known = early_verdict(due[so_far], np.where(end <= now, end, np.nan)[so_far], now)
    assert early_verdict(due, end, now) == known
    assert early_verdict(due, end, 0.05 * due[-1]).saturated is None


def test_who_leaves_when() -> None:
    run = recording(
        [
            Row(0.0, [1.0, 2.0]),
            Row(1.0, [], "failed"),
            Row(2.0, [3.0], "failed"),
            Row(3.0, [4.0], "timed_out"),
            Row(4.0, [], "unfinished"),
        ],
        end_s=9.0,
    )
    np.testing.assert_array_equal(left_s(run.requests), [2.0, 1.0, 3.0, np.nan, np.nan])


def test_timeouts_do_not_hide_overload() -> None:
    due, end = single_server(1500, 1.5, np.random.default_rng(40))
    rows = [
        Row(d, [e] if e - d < 50 else [], "finished" if e - d < 50 else "timed_out")
        for d, e in zip(due.tolist(), end.tolist(), strict=True)
    ]
    assert recording_saturation(recording(rows, float(due[-1]))).saturated
