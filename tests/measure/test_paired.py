import math

import numpy as np
import pytest

from slaibench.measure.paired import paired_difference, paired_ratio
from slaibench.measure.clusters import Clusters
from slaibench.recording.record import FloatArray
from tests.measure.queues import normal_series

RATIO = math.exp(-0.5)


def pair(rng: np.random.Generator, n: int = 1000) -> tuple[FloatArray, FloatArray]:
    """Two schedulers' TTFT under the same requests: shared correlated part, own noise; medians 1
    and exp(-0.5)."""
    shared = normal_series(n, 0.8, rng)
    a = np.exp(shared + 0.3 * rng.normal(size=n))
    return a, np.exp(0.8 * shared + 0.3 * rng.normal(size=n) - 0.5)


@pytest.mark.parametrize(
    ("seeds", "method"), [(1, "block-bootstrap"), (2, "hierarchical-bootstrap"), (3, "t-log")]
)
def test_ratio_interval_covers_the_truth(seeds: int, method: str) -> None:
    rng = np.random.default_rng(21)
    runs, hits = 100, 0
    for _ in range(runs):
        pairs = [pair(rng) for _ in range(seeds)]
        found = paired_ratio([a for a, _ in pairs], [b for _, b in pairs], rng, resamples=200)
        assert found.method == method
        hits += found.low <= RATIO <= found.high
    assert hits / runs >= 0.90


def test_pairing_is_worth_it() -> None:
    rng = np.random.default_rng(3)
    a, b = pair(rng)
    paired = paired_ratio([a], [b], rng)
    unpaired = paired_ratio([a], [pair(rng)[1]], rng)
    assert paired.high / paired.low < 0.75 * unpaired.high / unpaired.low


def test_one_seed_says_what_it_does_not_know() -> None:
    a, b = pair(np.random.default_rng(3))
    assert "between runs" in paired_ratio([a], [b], np.random.default_rng(0)).note


def test_three_seeds_are_the_t_interval_of_log_ratios() -> None:
    rng = np.random.default_rng(0)
    a = [np.full(50, x) for x in (1.0, 2.0, 4.0)]
    b = [np.full(50, x) for x in (0.5, 1.1, 2.2)]
    found = paired_ratio(a, b, rng)
    logs = np.log([0.5, 0.55, 0.55])
    half = 4.30265 * logs.std(ddof=1) / math.sqrt(3)
    assert found.estimate == pytest.approx(math.exp(logs.mean()))
    assert found.low == pytest.approx(math.exp(logs.mean() - half), rel=1e-4)
    assert found.as_change().estimate == pytest.approx(math.exp(logs.mean()) - 1)


def test_identical_schedulers_differ_by_exactly_nothing() -> None:
    a, _ = pair(np.random.default_rng(3))
    for seeds in (1, 2, 3):
        found = paired_difference([a] * seeds, [a] * seeds, np.random.default_rng(0), q=0.9)
        assert (found.estimate, found.low, found.high) == (0, 0, 0)


def test_swapping_the_sides_inverts_the_ratio() -> None:
    a, b = pair(np.random.default_rng(3))
    one = paired_ratio([a], [b], np.random.default_rng(7))
    other = paired_ratio([b], [a], np.random.default_rng(7))
    assert one.estimate == pytest.approx(1 / other.estimate)
    assert one.low == pytest.approx(1 / other.high, rel=1e-9)


def test_requests_without_a_value_on_one_side_are_left_out() -> None:
    a, b = pair(np.random.default_rng(3))
    holes = b.copy()
    holes[::10] = math.nan
    found = paired_ratio([a], [holes], np.random.default_rng(0))
    assert found.n == 900
    kept = ~np.isnan(holes)
    assert found.estimate == pytest.approx(np.median(b[kept]) / np.median(a[kept]))


def test_still_waiting_counts_as_longer_than_anything() -> None:
    a, b = pair(np.random.default_rng(3))
    starving = np.where(np.arange(1000) % 5 == 0, math.inf, b)
    finite = paired_ratio([a], [starving], np.random.default_rng(0))
    assert finite.estimate > paired_ratio([a], [b], np.random.default_rng(0)).estimate
    assert finite.high is not None
    beyond = paired_ratio([a], [starving], np.random.default_rng(0), q=0.9)
    assert (beyond.estimate, beyond.low, beyond.method) == (math.inf, None, "none")


def test_token_gaps_are_paired_by_request() -> None:
    rng = np.random.default_rng(5)
    level = np.repeat(np.exp(0.3 * normal_series(400, 0.5, rng)), 30)
    offsets = np.arange(0, 12_001, 30)
    a = Clusters(level * rng.lognormal(-3, 0.2, 12_000), offsets)
    b = Clusters(1.2 * level * rng.lognormal(-3, 0.2, 12_000), offsets)
    found = paired_ratio([a], [b], rng, q=0.9)
    assert found.low <= 1.2 <= found.high
    assert found.high / found.low < 1.1


def test_what_cannot_be_paired_is_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="same seeds"):
        paired_ratio([np.ones(30)], [np.ones(30)] * 2, rng)
    with pytest.raises(ValueError, match="same requests"):
        paired_ratio([np.ones(30)], [np.ones(31)], rng)
    with pytest.raises(ValueError, match="positive"):
        paired_ratio([np.zeros(30)], [np.ones(30)], rng)
    with pytest.raises(ValueError, match="no request"):
        paired_ratio([np.full(30, math.nan)], [np.ones(30)], rng)
