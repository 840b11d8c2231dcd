"""How many independent values gaps are worth, and what that decides."""

import math

import numpy as np
import pytest

from slaibench.measure.clusters import CONFIDENCE, independent_values, is_within
from slaibench.measure.clusters import Clusters

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
    one = Clusters(np.arange(500.0), np.array([0, 500]))
    assert independent_values(one, Q) == 0.0
    none = Clusters(np.empty(0), np.array([0, 0, 0]))
    assert independent_values(none, Q) == 0.0
    equal = Clusters(np.ones(4000), np.arange(0, 4001, 10))
    assert independent_values(equal, Q) == pytest.approx(4000, rel=0.01)
    silent = Clusters(np.ones(4000), np.insert(np.arange(0, 4001, 10), 5, 40))
    assert independent_values(silent, Q) == independent_values(equal, Q)


@pytest.mark.parametrize("q", [0.9, 0.99, 0.999])
def test_without_a_late_value_it_takes_as_many_as_would_hardly_all_be_in_time(q: float) -> None:
    enough = math.log(1 - CONFIDENCE) / math.log(q)
    assert is_within(0.0, enough + 0.01, q) is True
    assert is_within(0.0, enough - 0.01, q) is None
    assert is_within(1.0, 2.0, q) is False


def test_a_share_near_the_allowed_one_decides_nothing() -> None:
    assert is_within(0.010, 2000.0, Q) is None
    assert is_within(0.002, 2000.0, Q) is True
    assert is_within(0.020, 2000.0, Q) is False


@pytest.mark.parametrize("sluggish", [0.0, 0.2, 0.6])
def test_a_bound_at_the_true_percentile_is_seldom_called_kept_or_broken(sluggish: float) -> None:
    rng = np.random.default_rng(4)
    bound = math.exp(2.3263 * math.hypot(sluggish, 0.3))
    answers = []
    for _ in range(300):
        sample = gaps(rng, 150, 60, sluggish)
        share = float(np.mean(sample.values > bound))
        answers.append(is_within(share, independent_values(sample, Q), Q))
    # 5 % on either side by the rule; few requests carry the tail of the most uneven ones.
    assert answers.count(True) / 300 <= 0.1
    assert answers.count(False) / 300 <= 0.1
