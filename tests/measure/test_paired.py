import math

import numpy as np
import pytest

from slaibench.measure.paired import paired_ratio
from slaibench.recording.record import FloatArray
from tests.measure.queues import normal_series

RATIO = math.exp(-0.5)


def pair(rng: np.random.Generator, n: int = 1000) -> tuple[FloatArray, FloatArray]:
    """Two schedulers' TTFT under the same requests: shared correlated part, own noise; medians 1
    and exp(-0.5)."""
    shared = normal_series(n, 0.8, rng)
    a = np.exp(shared + 0.3 * rng.normal(size=n))
    return a, np.exp(0.8 * shared + 0.3 * rng.normal(size=n) - 0.5)


@pytest.mark.parametrize("seeds", [1, 3])
def test_ratio_interval_covers_the_truth(seeds: int) -> None:
    rng = np.random.default_rng(21)
    hits = 0
    for _ in range(400):
        pairs = [pair(rng) for _ in range(seeds)]
        ratio = paired_ratio([a for a, _ in pairs], [b for _, b in pairs])
        assert (ratio.method, ratio.n) == ("influence", 1000 * seeds)
        assert ratio.low is not None
        assert ratio.high is not None
        hits += ratio.low <= RATIO <= ratio.high
    assert 0.91 <= hits / 400 <= 0.99


def test_intervals_as_if_requests_were_independent_would_not_cover() -> None:
    # What the long-run variance is for: the same pairs in an order without correlation.
    rng = np.random.default_rng(22)
    hits = 0
    for _ in range(200):
        shared = normal_series(1000, 0.95, rng)
        a, b = np.exp(shared), np.exp(0.5 * shared - 0.5)
        shuffled = rng.permutation(1000)
        ratio = paired_ratio([a[shuffled]], [b[shuffled]])
        assert ratio.low is not None
        assert ratio.high is not None
        hits += ratio.low <= RATIO <= ratio.high
    assert hits / 200 < 0.75


def test_pairing_is_worth_it() -> None:
    rng = np.random.default_rng(3)
    a, b = pair(rng)
    paired = paired_ratio([a], [b])
    unpaired = paired_ratio([a], [pair(rng)[1]])
    assert paired.high is not None
    assert paired.low is not None
    assert unpaired.high is not None
    assert unpaired.low is not None
    assert math.log(paired.high / paired.low) < 0.75 * math.log(unpaired.high / unpaired.low)


def test_the_ratio_is_that_of_the_quantiles_over_all_seeds() -> None:
    rng = np.random.default_rng(4)
    pairs = [pair(rng, n) for n in (300, 900)]
    ratio = paired_ratio([a for a, _ in pairs], [b for _, b in pairs], q=0.9)
    a, b = (np.concatenate([pair[side] for pair in pairs]) for side in (0, 1))
    assert ratio.estimate == pytest.approx(np.quantile(b, 0.9) / np.quantile(a, 0.9))
    assert ratio.as_change().estimate == pytest.approx(ratio.estimate - 1)
    assert ratio.n == 1200


def test_independent_lognormals_have_the_textbook_error() -> None:
    """Median of n draws of logarithms with density f there: error 1 / (2 f sqrt(n)); of two
    independent ones the squares add up."""
    rng = np.random.default_rng(5)
    widths = []
    for _ in range(50):
        a, b = np.exp(rng.normal(size=(2, 2000)))
        ratio = paired_ratio([a], [b])
        assert ratio.low is not None
        assert ratio.high is not None
        widths.append(math.log(ratio.high / ratio.low))
    error = math.sqrt(2 * math.pi / 4 / 2000 * 2)
    assert np.mean(widths) == pytest.approx(2 * 1.96 * error, rel=0.08)


@pytest.mark.parametrize("seeds", [1, 3])
def test_identical_schedulers_differ_by_exactly_nothing(seeds: int) -> None:
    a, _ = pair(np.random.default_rng(3))
    change = paired_ratio([a] * seeds, [a] * seeds, q=0.9).as_change()
    assert (change.estimate, change.low, change.high) == (0, 0, 0)


def test_swapping_the_sides_inverts_the_ratio() -> None:
    a, b = pair(np.random.default_rng(3))
    forward, backward = paired_ratio([a], [b]), paired_ratio([b], [a])
    assert backward.high is not None
    assert forward.estimate == pytest.approx(1 / backward.estimate)
    assert forward.low == pytest.approx(1 / backward.high, rel=1e-9)


def test_requests_without_a_value_on_one_side_are_left_out() -> None:
    a, b = pair(np.random.default_rng(3))
    holes = b.copy()
    holes[::10] = math.nan
    ratio = paired_ratio([a], [holes])
    assert ratio.n == 900
    kept = ~np.isnan(holes)
    assert ratio.estimate == pytest.approx(np.median(b[kept]) / np.median(a[kept]))


def test_still_waiting_counts_as_longer_than_anything() -> None:
    a, b = pair(np.random.default_rng(3))
    starving = np.where(np.arange(1000) % 5 == 0, math.inf, b)
    finite = paired_ratio([a], [starving])
    assert finite.estimate > paired_ratio([a], [b]).estimate
    assert finite.high is not None
    beyond = paired_ratio([a], [starving], q=0.9)
    assert math.isnan(beyond.estimate)
    assert (beyond.low, beyond.high, beyond.method) == (None, None, "none")
    assert "waiting at the end" in beyond.note


def test_a_quantile_next_to_infinite_ones_has_no_interval() -> None:
    a, b = pair(np.random.default_rng(3))
    starving = np.where(np.arange(1000) % 5 == 0, math.inf, b)
    ratio = paired_ratio([a], [starving], q=0.75)
    assert math.isfinite(ratio.estimate)
    assert (ratio.low, ratio.method) == (None, "none")


def test_few_independent_pairs_have_no_interval() -> None:
    """The correlation is that of either side: what two slow schedulers share cancels in their
    ratio, and says nothing of how little was seen."""
    rng = np.random.default_rng(6)
    slow = np.exp(np.repeat(rng.normal(size=20), 50))
    ratio = paired_ratio([slow], [slow * np.exp(0.1 * rng.normal(size=1000))])
    assert (ratio.low, ratio.method) == (None, "none")
    assert "independent pairs, 60 needed: run longer" in ratio.note


def test_equal_values_about_the_quantile_have_a_density_that_is_not_known() -> None:
    a, b = pair(np.random.default_rng(3))
    zeros = np.where(a < 1.3, 0.0, a)
    with pytest.raises(ValueError, match="positive quantiles, not 0"):
        paired_ratio([zeros], [b])
    mixed = np.where(a < 0.9, 0.0, a)
    assert paired_ratio([mixed], [b]).note == "too many equal values about the quantile"


def test_what_cannot_be_paired_is_refused() -> None:
    with pytest.raises(ValueError, match="same seeds"):
        paired_ratio([np.ones(30)], [np.ones(30)] * 2)
    with pytest.raises(ValueError, match="same requests"):
        paired_ratio([np.ones(30)], [np.ones(31)])
    with pytest.raises(ValueError, match="positive"):
        paired_ratio([np.zeros(30)], [np.ones(30)])
    with pytest.raises(ValueError, match="no request"):
        paired_ratio([np.full(30, math.nan)], [np.ones(30)])
