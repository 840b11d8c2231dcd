import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slaibench.measure.dependence import acceptance
from slaibench.measure.quantile_interval import (
    LEAST_SIZE,
    MEDIAN_BURSTS,
    GapTail,
    gap_tail,
    quantile,
    quantile_interval,
    quantile_size,
    residuals,
    sound_size,
    tail_of,
)
from slaibench.recording.record import FloatArray
from tests.measure.queues import normal_series, shortest_first, single_server

P99 = math.exp(2.3263)


def lognormal(n: int, correlation: float, rng: np.random.Generator) -> FloatArray:
    """Latencies with median 1 whose bursts are those of an AR(1)."""
    return np.exp(normal_series(n, correlation, rng))


def gaps_of(rng: np.random.Generator, num_requests: int) -> tuple[FloatArray, np.ndarray]:
    """Gaps request by request, with paces of their own; some requests have none."""
    num_gaps = rng.integers(0, 60, num_requests)
    pace = np.repeat(0.4 * normal_series(num_requests, 0.5, rng), num_gaps)
    return np.exp(pace + 0.3 * rng.normal(size=num_gaps.sum())), num_gaps


@settings(deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([0.1, 0.5, 0.9, 0.99]))
def test_the_quantile_is_that_of_all_runs_values_together(seed: int, q: float) -> None:
    rng = np.random.default_rng(seed)
    runs = [rng.exponential(size=rng.integers(1, 300)) for _ in range(3)]
    assert quantile(runs, q) == pytest.approx(np.quantile(np.concatenate(runs), q))


def test_no_value_has_no_quantile() -> None:
    assert quantile([np.empty(0), np.empty(0)], 0.5) is None
    none = gap_tail(np.empty(0), np.zeros(3, dtype=np.int64), 0.99)
    assert quantile([none], 0.5) is None
    for runs in ([np.empty(0)], [none]):
        interval = quantile_interval(runs, 0.5)
        assert math.isnan(interval.estimate)
        assert (interval.low, interval.method, interval.note) == (None, "none", "no values")


def test_waiting_to_the_end_is_longer_than_anything() -> None:
    values = np.concatenate([np.arange(95.0), np.full(5, math.inf)])
    assert quantile([values], 0.5) == pytest.approx(49.5)
    assert quantile([values], 0.99) == math.inf


@pytest.mark.parametrize("num_runs", [1, 3])
def test_a_tail_of_gaps_tells_what_all_gaps_tell(num_runs: int) -> None:
    """The largest gaps are all that is kept of a run; the slow twin keeps every one."""
    rng = np.random.default_rng(num_runs)
    runs = [gaps_of(rng, 2000) for _ in range(num_runs)]
    tails = [gap_tail(values, num_gaps, 0.99) for values, num_gaps in runs]
    slow = [
        GapTail(values, np.repeat(np.arange(2000), num_gaps), num_gaps, -math.inf)
        for values, num_gaps in runs
    ]
    assert sum(len(tail.values) for tail in tails) < 0.07 * sum(len(x.values) for x in slow)
    pooled = np.concatenate([values for values, _ in runs])
    for q in (0.99, 0.995, 0.999):
        assert quantile(tails, q) == quantile(slow, q) == pytest.approx(np.quantile(pooled, q))
        threshold = float(np.quantile(pooled, q))
        for tail, every in zip(tails, slow, strict=True):
            np.testing.assert_array_equal(
                residuals(tail, threshold, q), residuals(every, threshold, q)
            )
    # Where both have the wider tails at hand, which the bursts are judged by, so are the intervals.
    wide = [gap_tail(values, num_gaps, 0.9) for values, num_gaps in runs]
    assert quantile_interval(wide, 0.99) == quantile_interval(slow, 0.99)


def test_residuals_of_gaps_by_hand() -> None:
    sample = GapTail(
        np.array([0.5, 0.9, 0.7]), np.array([0, 0, 3]), np.array([10, 4, 0, 5]), threshold_s=0.4
    )
    assert len(sample) == 3
    # Above 0.6: one of the first's ten, none of the second's four, one of the last's five; the
    # third has no gaps and carries nothing.
    np.testing.assert_allclose(residuals(sample, 0.6, 0.8), [1 - 2.0, 0 - 0.8, 1 - 1.0], atol=1e-12)
    np.testing.assert_allclose(residuals(np.array([0.5, 0.7]), 0.6, 0.9), [-0.1, 0.9])


def test_below_a_tails_threshold_nothing_is_reported() -> None:
    values, num_gaps = gaps_of(np.random.default_rng(2), 1000)
    tail = gap_tail(values, num_gaps, 0.99)
    assert quantile([tail], 0.9) is None
    assert quantile([tail], 0.96) == pytest.approx(np.quantile(values, 0.96))
    # Another run's threshold may be higher: what one of two does not know, both do not.
    slower = gap_tail(3 * values, num_gaps, 0.99)
    assert quantile([tail, slower], 0.96) is None


def test_the_ends_are_the_quantiles_whose_shares_so_many_draws_may_have() -> None:
    values = np.random.default_rng(3).permutation(np.arange(1.0, 10_001.0))
    interval = quantile_interval([values], 0.99)
    size = quantile_size([values], 0.99)
    assert interval.method == "exceedances"
    assert interval.note == f"shares of exceedances of {size:.0f} independent requests"
    assert (interval.n, interval.level) == (10_000, 0.95)
    least, most = acceptance(size, 0.01, 0.95)
    assert least is not None
    assert most is not None
    assert interval.estimate == pytest.approx(np.quantile(values, 0.99))
    assert interval.high == pytest.approx(np.quantile(values, 1 - least))
    assert interval.low == pytest.approx(np.quantile(values, 1 - most))


@pytest.mark.parametrize(
    ("q", "truth", "n", "correlation", "widest"),
    [
        (0.5, 1.0, 1250, 0.0, 0.1),
        (0.5, 1.0, 1250, 0.8, 0.3),
        (0.99, P99, 4000, 0.0, 0.25),
        (0.99, P99, 6000, 0.8, 0.5),
    ],
)
def test_three_runs_interval_covers_the_truth(
    q: float, truth: float, n: int, correlation: float, widest: float
) -> None:
    """As often as it says for a median; rather too often for a tail, whose bursts are known from
    those nearer to the median."""
    rng = np.random.default_rng(11)
    hits = printed = 0
    widths = []
    for _ in range(300):
        runs = [lognormal(n, correlation, rng) for _ in range(3)]
        interval = quantile_interval(runs, q)
        if interval.low is None or interval.high is None:
            continue
        printed += 1
        assert interval.low <= interval.estimate <= interval.high
        hits += interval.low <= truth <= interval.high
        widths.append((interval.high - interval.low) / truth)
    assert printed >= 0.95 * 300
    assert hits / printed >= 0.93
    assert q > 0.5 or hits / printed <= 0.99
    assert np.mean(widths) <= widest


def test_without_the_order_of_requests_it_would_not_cover() -> None:
    """What the long-run variance is for: shuffled requests look independent."""
    rng = np.random.default_rng(12)
    hits = 0
    for _ in range(150):
        interval = quantile_interval([lognormal(3000, 0.95, rng)[rng.permutation(3000)]], 0.5)
        assert interval.low is not None
        assert interval.high is not None
        hits += interval.low <= 1.0 <= interval.high
    assert hits / 150 < 0.75


def test_runs_that_differ_as_wholes_are_worth_less_than_their_requests() -> None:
    """Even with the order lost within each, differences between runs count."""
    rng = np.random.default_rng(12)
    moved = [shift * rng.permutation(lognormal(1250, 0.0, rng)) for shift in (0.5, 1.0, 2.0)]
    assert quantile_size(moved, 0.5) < 100


def test_intervals_of_gaps_cover_with_requests_as_carriers() -> None:
    rng = np.random.default_rng(13)
    truth = math.exp(2.3263 * 0.5)  # of exp(N(0, 0.4² + 0.3²))
    hits = 0
    for _ in range(150):
        runs = [gap_tail(*gaps_of(rng, 1500), 0.99) for _ in range(3)]
        interval = quantile_interval(runs, 0.99)
        assert interval.low is not None
        assert interval.high is not None
        assert interval.n == sum(len(run) for run in runs) < 4500
        hits += interval.low <= truth <= interval.high
    assert hits / 150 >= 0.92


def test_a_run_too_short_has_no_interval() -> None:
    rng = np.random.default_rng(14)
    few = quantile_interval([lognormal(50, 0.0, rng)], 0.5)
    assert (few.low, few.high, few.method) == (None, None, "none")
    assert f"independent requests, {LEAST_SIZE} needed: run longer" in few.note
    assert math.isfinite(few.estimate)
    bursty = quantile_interval([lognormal(1250, 0.995, rng)], 0.5)
    assert bursty.method == "none"


def test_a_tail_seen_too_seldom_has_no_upper_end() -> None:
    rng = np.random.default_rng(15)
    short = quantile_interval([rng.exponential(size=700)], 0.99)
    assert short.low is not None
    assert short.high is None
    long = quantile_interval([rng.exponential(size=5000)], 0.99)
    assert long.high is not None
    assert quantile_size([rng.exponential(size=5000)], 0.99) > sound_size(0.99)
    assert sound_size(0.99) == pytest.approx(1.23 * 368)


def test_an_end_among_requests_that_waited_to_the_end_is_infinite() -> None:
    values = np.random.default_rng(16).exponential(size=3000)
    values[::40] = math.inf
    interval = quantile_interval([values], 0.97)
    assert math.isfinite(interval.estimate)
    assert interval.high == math.inf


def test_a_tail_is_worth_no_more_than_the_bursts_about_it_allow() -> None:
    """Few exceedances show no correlation by luck: those of a wider tail and of the median, whose
    bursts are shorter, count as well."""
    rng = np.random.default_rng(17)
    independent = [rng.exponential(size=6000) for _ in range(3)]
    assert quantile_size(independent, 0.99) <= 18_000 / MEDIAN_BURSTS
    assert quantile_size(independent, 0.5) == pytest.approx(18_000, rel=0.15)
    bursty = [lognormal(6000, 0.9, rng) for _ in range(3)]
    assert quantile_size(bursty, 0.99) < 0.3 * quantile_size(independent, 0.99)


def test_gaps_are_worth_at_most_one_a_request() -> None:
    rng = np.random.default_rng(18)
    num_gaps = np.full(3000, 40)
    sample = gap_tail(rng.exponential(size=120_000), num_gaps, 0.99)
    assert quantile_size([sample], 0.99) <= 3000
    alike = gap_tail(np.repeat(rng.exponential(size=3000), 40), num_gaps, 0.99)
    assert quantile_size([alike], 0.99) <= 3000


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_a_first_come_queue_has_the_same_tail_at_any_load(load: float) -> None:
    # Times in an M/M/1 are exponential: log 100 / log 2.
    rng = np.random.default_rng(1)
    queues = [single_server(20_000, load, rng) for _ in range(3)]
    tail = tail_of([queue.end_s - queue.due_s for queue in queues])
    assert tail is not None
    assert tail.ratio == pytest.approx(6.64, rel=0.15)
    assert tail.growth == pytest.approx(1.0, abs=0.3)


def test_who_starves_has_an_extreme_tail() -> None:
    rng = np.random.default_rng(2)
    queues = [shortest_first(5000, 0.92, rng) for _ in range(3)]
    tail = tail_of([queue.end_s - queue.due_s for queue in queues])
    assert tail is not None
    assert tail.ratio > 50


def test_a_tail_that_waits_longer_and_longer_grows() -> None:
    number = np.arange(4000)
    waits = np.random.default_rng(3).exponential(size=4000)
    tail = tail_of([np.where(number % 50 == 0, 10 + 0.02 * number, waits)])
    assert tail is not None
    # The 99th of a half lies in the middle of its long waits: at 3,000, against at 1,000.
    assert tail.growth == pytest.approx(70 / 30, rel=0.02)


def test_the_tail_by_hand_is_of_all_runs_together() -> None:
    runs = [np.arange(1.0, 1001.0), np.full(1000, 500.0)]
    tail = tail_of(runs)
    assert tail is not None
    pooled = np.concatenate(runs)
    assert tail.ratio == pytest.approx(np.quantile(pooled, 0.99) / np.median(pooled))
    halves = [
        np.concatenate([run[part] for run in runs]) for part in (slice(500), slice(500, None))
    ]
    first, second = (np.quantile(half, 0.99) for half in halves)
    assert tail.growth == pytest.approx(second / first)


def test_too_few_requests_have_no_tail() -> None:
    assert tail_of([np.ones(500), np.ones(499)]) is None
    assert tail_of([np.ones(500), np.ones(500)]) is not None
    assert tail_of([]) is None


def test_infinite_waits() -> None:
    starved = np.where(np.arange(2000) % 50 == 0, math.inf, 1.0)
    tail = tail_of([starved])
    assert tail is not None
    assert tail.ratio == math.inf
    assert tail.growth == 1.0  # both halves wait for ever: nothing that grows
    mostly = np.where(np.arange(2000) % 3 == 0, 1.0, math.inf)
    assert tail_of([mostly]) is None
    assert tail_of([np.zeros(2000)]) is None
