import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slaibench.measure.percentiles import (
    censored_percentiles,
    needed_samples,
    paper_summary,
    paper_token_summary,
    percentile,
    percentiles,
    sorted_quantiles,
)

SAMPLES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200)


@pytest.mark.parametrize(
    ("q", "needed"),
    [(0.5, 20), (0.9, 100), (0.95, 200), (0.99, 1000), (0.999, 10000), (0.01, 1000)],
)
def test_ten_samples_must_lie_beyond_a_percentile(q: float, needed: int) -> None:
    assert needed_samples(q) == needed
    assert percentile(np.arange(needed - 1), q).value is None
    assert percentile(np.arange(needed), q).value is not None
    assert percentile(np.arange(needed - 1), q).n == needed - 1


@pytest.mark.parametrize("q", [0.0, 1.0, 99, -0.5])
def test_level_outside_the_open_interval_is_refused(q: float) -> None:
    with pytest.raises(ValueError, match=r"0 < q < 1"):
        needed_samples(q)


@settings(deadline=None)
@given(SAMPLES, st.lists(st.floats(0.01, 0.99), min_size=1, max_size=5))
def test_equals_numpy_linear(samples: list[float], qs: list[float]) -> None:
    ours = sorted_quantiles(np.sort(samples), qs)
    np.testing.assert_allclose(ours, np.quantile(samples, qs), rtol=1e-9, atol=1e-9)


def test_infinite_samples_give_infinite_percentiles_and_never_nan() -> None:
    samples = np.concatenate([np.ones(30), np.full(30, math.inf)])
    low, middle, high = (p.value for p in percentiles(samples, [0.4, 0.5, 0.6]))
    assert (low, middle, high) == (1.0, math.inf, math.inf)


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        percentile([1.0, math.nan] * 20, 0.5)


def test_no_samples() -> None:
    assert percentile([], 0.5).value is None


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e3), min_size=20, max_size=60))
def test_without_waiting_requests_censoring_changes_nothing(samples: list[float]) -> None:
    observed = np.array(samples)
    assert censored_percentiles(observed, np.empty(0), [0.5]) == percentiles(observed, [0.5])


def test_waiting_beyond_all_others_equals_an_infinite_sample() -> None:
    observed, waits = np.arange(80.0), np.full(20, 1000.0)
    censored = censored_percentiles(observed, waits, [0.5, 0.7, 0.9])
    infinite = percentiles(np.concatenate([observed, np.full(20, math.inf)]), [0.5, 0.7, 0.9])
    assert [p.value for p in censored] == pytest.approx([p.value for p in infinite])
    assert censored[2].value == math.inf


def test_having_waited_for_no_time_carries_no_information() -> None:
    observed = np.sort(np.random.default_rng(0).exponential(size=400))
    plain = percentiles(observed, [0.5, 0.9])
    censored = censored_percentiles(observed, np.zeros(100), [0.5, 0.9])
    for exact, other in zip(plain, censored, strict=True):
        assert exact.value == pytest.approx(other.value, rel=0.02)


def test_kaplan_meier_published_example() -> None:
    # Remission times of 21 leukemia patients under 6-MP (Freireich et al. 1963), the standard
    # worked example: survival 0.753, 0.690, 0.627, 0.538, 0.448 after weeks 10, 13, 16, 22, 23.
    # Ten copies of each patient leave the curve as it is and are enough to print a percentile.
    observed = np.repeat([6, 6, 6, 7, 10, 13, 16, 22, 23.0], 10)
    waiting = np.repeat([6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35.0], 10)
    expected = {0.30: 13, 0.36: 16, 0.45: 22, 0.54: 23, 0.56: math.inf}
    estimates = censored_percentiles(observed, waiting, list(expected))
    assert {p.q: p.value for p in estimates} == expected


def test_censoring_recovers_the_truth_that_dropping_misses() -> None:
    rng = np.random.default_rng(4)
    waits, limit = rng.exponential(1.0, 20_000), rng.uniform(0, 3, 20_000)
    observed = waits[waits <= limit]
    median = censored_percentiles(observed, limit[waits > limit], [0.5])[0].value
    assert median == pytest.approx(math.log(2), rel=0.03)
    assert np.median(observed) < 0.8 * math.log(2)


def test_paper_reads_request_percentiles_off_ranks() -> None:
    mean, (p50, p99) = paper_summary(np.arange(1.0, 11.0), [0.5, 0.99])
    assert (p50.value, p99.value) == (5.0, 10.0)  # first value with rank / n >= q; no least n
    assert mean == pytest.approx(np.trapezoid(np.arange(1, 11), np.arange(1, 11) / 10))


def test_paper_reads_token_percentiles_off_a_grid() -> None:
    samples = np.arange(0.0, 200.0)
    mean, (p99, between) = paper_token_summary(samples, [0.99, 0.98765], 20)
    assert (p99.value, p99.n) == (math.floor(0.99 * 199), 20)
    assert between.value == math.floor(0.988 * 199)
    assert mean == pytest.approx(99.5, abs=1.0)


def test_paper_without_samples() -> None:
    assert paper_summary(np.empty(0), [0.5])[1][0].value is None
    assert paper_token_summary(np.empty(0), [0.5], 0)[1][0].value is None
