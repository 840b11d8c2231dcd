import math

import numpy as np
import pytest

from slaibench.measure.intervals import block_bootstrap, expanded_tail, t_interval, t_quantile
from slaibench.measure.clusters import Clusters
from tests.measure.queues import normal_series


def test_t_interval_of_a_textbook_sample() -> None:
    # Mean 3, standard deviation sqrt(2.5), t(4) = 2.776: 3 +- 2.776 * sqrt(2.5 / 5).
    found = t_interval([1, 2, 3, 4, 5])
    assert found.estimate == 3
    assert found.low == pytest.approx(3 - 2.7764 * math.sqrt(0.5), abs=1e-4)
    assert found.high == pytest.approx(3 + 2.7764 * math.sqrt(0.5), abs=1e-4)
    assert (found.n, found.method) == (5, "t")


def test_log_interval_is_the_interval_of_the_logarithms() -> None:
    values = [0.5, 0.7, 0.6, 0.9]
    plain, log = t_interval(np.log(values).tolist()), t_interval(values, log=True)
    assert log.estimate == pytest.approx(math.exp(plain.estimate))
    assert log.low == pytest.approx(math.exp(plain.low))
    assert log.as_change().high == pytest.approx(math.exp(plain.high) - 1)


def test_one_replicate_has_no_interval() -> None:
    found = t_interval([2.0])
    assert (found.estimate, found.low, found.method) == (2.0, None, "none")


def test_replicate_without_finite_value_has_no_interval() -> None:
    found = t_interval([1.0, math.inf, 2.0], log=True)
    assert (found.estimate, found.low, found.high) == (2.0, None, None)


def test_log_of_nothing_positive_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        t_interval([1.0, 0.0], log=True)
    with pytest.raises(ValueError, match="at least one"):
        t_interval([])


def test_t_quantiles_are_those_of_the_tables() -> None:
    assert t_quantile(2, 0.95) == pytest.approx(4.303, abs=1e-3)
    assert t_quantile(30, 0.95) == pytest.approx(2.042, abs=1e-3)


def test_tail_is_cut_further_out_for_few_blocks_and_plain_for_many() -> None:
    assert expanded_tail(10, 0.95) < expanded_tail(50, 0.95) < 0.025
    assert expanded_tail(100_000, 0.95) == pytest.approx(0.025, rel=1e-3)


@pytest.mark.parametrize(
    ("q", "truth"), [(0.5, 1.0), (0.9, math.exp(1.28155)), (None, math.exp(0.5))]
)
def test_block_bootstrap_covers_the_truth_of_a_correlated_run(
    q: float | None, truth: float
) -> None:
    rng = np.random.default_rng(11)
    runs = 300
    hits = 0
    for _ in range(runs):
        found = block_bootstrap(np.exp(normal_series(1000, 0.7, rng)), rng, q=q, resamples=200)
        hits += found.low <= truth <= found.high
    assert 0.90 <= hits / runs <= 0.99


def test_blocks_of_one_would_not_cover() -> None:
    # What the blocks are for: the same intervals, taken as if requests were independent.
    rng = np.random.default_rng(12)
    hits = 0
    for _ in range(150):
        series = np.exp(normal_series(1000, 0.9, rng))
        found = block_bootstrap(series, rng, q=0.5, resamples=200, block=1)
        hits += found.low <= 1.0 <= found.high
    assert hits / 150 < 0.75


def test_same_generator_state_same_interval() -> None:
    series = np.exp(normal_series(500, 0.5, np.random.default_rng(1)))
    one = block_bootstrap(series, np.random.default_rng(9))
    assert one == block_bootstrap(series, np.random.default_rng(9))
    assert one != block_bootstrap(series, np.random.default_rng(10))
    assert "block" in one.note


def test_no_interval_from_a_tail_of_a_few_correlated_requests() -> None:
    series = np.exp(normal_series(1000, 0.97, np.random.default_rng(3)))
    assert block_bootstrap(series, np.random.default_rng(0), q=0.5).low is not None
    tail = block_bootstrap(series, np.random.default_rng(0), q=0.99)
    assert (tail.low, tail.method) == (None, "none")
    assert "replicate" in tail.note


def test_few_or_unbounded_requests_have_no_interval() -> None:
    rng = np.random.default_rng(0)
    assert block_bootstrap(np.ones(19), rng).low is None
    assert block_bootstrap(np.arange(20.0), rng).low is not None
    waiting = np.where(np.arange(100) % 2, 1.0, math.inf)
    assert block_bootstrap(waiting, rng, q=None).low is None
    assert block_bootstrap(waiting, rng, q=0.9).low is None


def test_interval_of_token_gaps_resamples_requests_not_gaps() -> None:
    # Gaps of a request are alike: treating 40,000 of them as independent claims far too much.
    rng = np.random.default_rng(5)
    truth = 0.05 * math.exp(0.5 * 0.25)
    hits = narrow = 0
    for _ in range(100):
        level = np.exp(0.5 * normal_series(400, 0.5, rng))
        sample = Clusters(np.repeat(0.05 * level, 100), np.arange(0, 40_001, 100))
        found = block_bootstrap(sample, rng, q=None, resamples=200)
        hits += found.low <= truth <= found.high
        naive = 1.96 * sample.values.std() / math.sqrt(len(sample.values))
        narrow += abs(sample.values.mean() - truth) > naive
    assert hits >= 88
    assert narrow > 50
