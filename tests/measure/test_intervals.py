import math

import numpy as np
import pytest

from slaibench.measure.intervals import t_interval, t_quantile


def test_t_interval_of_a_textbook_sample() -> None:
    # Mean 3, standard deviation sqrt(2.5), t(4) = 2.776: 3 +- 2.776 * sqrt(2.5 / 5).
    interval = t_interval([1, 2, 3, 4, 5])
    assert interval.estimate == 3
    assert interval.low == pytest.approx(3 - 2.7764 * math.sqrt(0.5), abs=1e-4)
    assert interval.high == pytest.approx(3 + 2.7764 * math.sqrt(0.5), abs=1e-4)
    assert (interval.n, interval.method) == (5, "t")


def test_log_interval_is_the_interval_of_the_logarithms() -> None:
    values = [0.5, 0.7, 0.6, 0.9]
    plain, log = t_interval(np.log(values).tolist()), t_interval(values, log=True)
    assert log.estimate == pytest.approx(math.exp(plain.estimate))
    assert log.low == pytest.approx(math.exp(plain.low))
    assert log.as_change().high == pytest.approx(math.exp(plain.high) - 1)


def test_one_replicate_has_no_interval() -> None:
    interval = t_interval([2.0])
    assert (interval.estimate, interval.low, interval.method) == (2.0, None, "none")


def test_replicate_without_finite_value_has_no_interval() -> None:
    interval = t_interval([1.0, math.inf, 2.0], log=True)
    assert (interval.estimate, interval.low, interval.high) == (2.0, None, None)


def test_log_of_nothing_positive_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        t_interval([1.0, 0.0], log=True)
    with pytest.raises(ValueError, match="at least one"):
        t_interval([])


def test_t_quantiles_are_those_of_the_tables() -> None:
    assert t_quantile(2, 0.95) == pytest.approx(4.303, abs=1e-3)
    assert t_quantile(30, 0.95) == pytest.approx(2.042, abs=1e-3)


@pytest.mark.parametrize(("n", "log"), [(3, False), (3, True), (8, False)])
def test_the_interval_of_independent_replicates_covers_as_often_as_it_says(
    n: int, log: bool
) -> None:
    rng = np.random.default_rng(11)
    hits = 0
    for _ in range(2000):
        values = rng.normal(1.0, 0.5, n)
        interval = t_interval((np.exp(values) if log else values).tolist(), log=log)
        assert interval.low is not None
        assert interval.high is not None
        hits += interval.low <= (math.e if log else 1.0) <= interval.high
    assert hits / 2000 == pytest.approx(0.95, abs=0.015)
