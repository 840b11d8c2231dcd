import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slaibench.measure.resample import (
    Clusters,
    block_length,
    draw_starts,
    influence,
    resampled,
    statistic,
)
from tests.measure.queues import normal_series


@pytest.mark.parametrize("correlation", [0.3, 0.5, 0.8])
def test_block_length_of_an_ar1_is_the_optimal_one(correlation: float) -> None:
    n = 10_000
    rng = np.random.default_rng(1)
    found = np.median([block_length(normal_series(n, correlation, rng)) for _ in range(9)])
    optimal = np.cbrt(6 * correlation**2 * n / (1 - correlation**2) ** 2)
    assert found == pytest.approx(optimal, rel=0.2)


def test_block_length_of_independent_values_is_short() -> None:
    rng = np.random.default_rng(2)
    assert np.median([block_length(rng.normal(size=2000)) for _ in range(9)]) <= 3


def test_block_length_edges() -> None:
    assert block_length(np.ones(100)) == 1
    assert block_length(np.arange(5.0)) == 1
    assert block_length(np.arange(900.0)) <= 3 * 30  # a trend: capped at 3 sqrt(n)


def slow_resample(sample: np.ndarray, starts: np.ndarray, block: int) -> np.ndarray:
    n = len(sample)
    return np.concatenate([sample[(start + np.arange(block)) % n] for start in starts])


@settings(deadline=None)
@given(st.integers(20, 80), st.integers(1, 9), st.floats(0.05, 0.95), st.integers(0, 2**31))
def test_resampled_statistics_equal_those_of_explicit_resamples(
    n: int, block: int, q: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    sample = rng.lognormal(size=n)
    starts = draw_starts(n, block, 7, rng)
    assert starts.shape == (7, n // block)
    explicit = [slow_resample(sample, row, block) for row in starts]
    np.testing.assert_allclose(resampled(sample, None, starts, block), [x.mean() for x in explicit])
    np.testing.assert_allclose(
        resampled(sample, q, starts, block), [np.quantile(x, q) for x in explicit]
    )


def clusters(seed: int, n: int = 300) -> Clusters:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, 60, n)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    level = np.repeat(np.exp(0.3 * normal_series(n, 0.7, rng)), sizes)
    return Clusters(level * rng.lognormal(-3, 0.5, offsets[-1]), offsets)


def test_cluster_mean_equals_that_of_explicit_resamples() -> None:
    sample = clusters(3)
    starts = draw_starts(len(sample), 11, 5, np.random.default_rng(0))
    for mean, values in zip(
        resampled(sample, None, starts, 11), explicit_clusters(sample, starts, 11), strict=True
    ):
        assert mean == pytest.approx(values.mean())


@pytest.mark.parametrize("q", [0.1, 0.5, 0.99])
def test_counting_ladder_agrees_with_sorting_every_resample(q: float) -> None:
    sample = clusters(5)
    starts = draw_starts(len(sample), 11, 200, np.random.default_rng(0))
    fast = resampled(sample, q, starts, 11)
    explicit = explicit_clusters(sample, starts, 11)
    slow = np.array([np.quantile(x, q, method="inverted_cdf") for x in explicit])
    # Never below, and above by at most a rung of the ladder: far less than the spread in question.
    ordered = np.sort(sample.values)
    ranks_off = np.searchsorted(ordered, fast) - np.searchsorted(ordered, slow)
    assert ranks_off.min() >= 0
    assert ranks_off.max() <= max(1, 0.1 * np.searchsorted(ordered, slow).std())
    assert fast.std() == pytest.approx(slow.std(), rel=0.02)


def explicit_clusters(sample: Clusters, starts: np.ndarray, block: int) -> list[np.ndarray]:
    n = len(sample)
    pieces = [
        sample.values[a:b] for a, b in zip(sample.offsets[:-1], sample.offsets[1:], strict=True)
    ]
    return [
        np.concatenate([pieces[(start + j) % n] for start in row for j in range(block)])
        for row in starts
    ]


def test_influence_adds_up_to_nothing() -> None:
    sample = clusters(7)
    assert influence(sample, None).sum() == pytest.approx(0, abs=1e-6)
    assert abs(influence(sample, 0.5).sum()) <= 1
    assert len(influence(sample, 0.5)) == len(sample)


def test_statistic_of_clusters_is_over_all_values() -> None:
    sample = clusters(8)
    assert statistic(sample, 0.9) == pytest.approx(np.quantile(sample.values, 0.9))
    assert statistic(sample, None) == pytest.approx(sample.values.mean())
