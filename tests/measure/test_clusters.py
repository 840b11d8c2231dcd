"""How many independent values gaps are worth."""

import numpy as np
import pytest

from slaibench.measure.clusters import Clusters, independent_values, statistic

Q = 0.99


def gaps(rng: np.random.Generator, num_requests: int, size: int, sluggish: float) -> Clusters:
    """Gaps of requests with paces of their own: lognormal with this deviation, within it 0.3."""
    pace = np.repeat(rng.normal(0, sluggish, num_requests), size)
    values = np.exp(pace + rng.normal(0, 0.3, num_requests * size))
    return Clusters(values, np.arange(0, num_requests * size + 1, size))


def test_gaps_without_anything_in_common_are_worth_themselves() -> None:
    rng = np.random.default_rng(1)
    worth = [independent_values(gaps(rng, 300, 50, 0.0), Q) for _ in range(20)]
    assert np.mean(worth) == pytest.approx(300 * 50, rel=0.1)


def test_gaps_that_are_all_alike_within_a_request_are_worth_one_each() -> None:
    values = np.repeat(np.random.default_rng(2).exponential(1.0, 2000), 40)
    worth = independent_values(Clusters(values, np.arange(0, len(values) + 1, 40)), Q)
    assert worth == pytest.approx(2000, rel=0.1)


def test_the_more_requests_differ_the_less_their_gaps_are_worth() -> None:
    rng = np.random.default_rng(3)
    worth = [independent_values(gaps(rng, 200, 100, spread), Q) for spread in (0.0, 0.2, 1.0)]
    assert worth[0] > 2 * worth[1] > 4 * worth[2]


def test_edges() -> None:
    lonely = Clusters(np.arange(500.0), np.array([0, 500]))
    assert independent_values(lonely, Q) == 0.0
    none = Clusters(np.empty(0), np.array([0, 0, 0]))
    assert independent_values(none, Q) == 0.0
    equal = Clusters(np.ones(4000), np.arange(0, 4001, 10))
    assert independent_values(equal, Q) == pytest.approx(4000, rel=0.01)
    silent = Clusters(np.ones(4000), np.insert(np.arange(0, 4001, 10), 5, 40))
    assert independent_values(silent, Q) == independent_values(equal, Q)


@pytest.mark.parametrize("sluggish", [0.0, 0.2, 0.6])
def test_the_share_beyond_the_true_percentile_varies_as_that_of_so_many_draws(
    sluggish: float,
) -> None:
    rng = np.random.default_rng(4)
    bound = np.exp(2.3263 * np.hypot(sluggish, 0.3))
    samples = [gaps(rng, 150, 60, sluggish) for _ in range(300)]
    shares = [float(np.mean(sample.values > bound)) for sample in samples]
    variances = [Q * (1 - Q) / independent_values(sample, Q) for sample in samples]
    assert np.mean(variances) == pytest.approx(np.var(shares), rel=0.25)


def test_a_statistic_is_the_quantile_of_all_values_whoever_has_them() -> None:
    sample = gaps(np.random.default_rng(5), 20, 30, 0.5)
    assert statistic(sample, Q) == pytest.approx(np.quantile(sample.values, Q))
    assert statistic(sample.values, Q) == statistic(sample, Q)
