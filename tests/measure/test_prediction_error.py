"""Errors of a simulation: bias apart from spread, requests apart from distributions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slaibench.measure.prediction_error import Errors, errors
from slaibench.recording.record import FloatArray


def errors_of(reference: FloatArray, other: FloatArray) -> Errors:
    result = errors(reference, other)
    assert result is not None
    return result


SAMPLES = np.random.default_rng(1).lognormal(0.0, 0.7, 2000)


def test_the_same_samples_have_no_error() -> None:
    same = errors_of(SAMPLES, SAMPLES)
    assert all(error.change == 0 for error in same.statistics.values())
    assert (same.bias, same.spread, same.typical, same.ks, same.wasserstein) == (0, 0, 0, 0, 0)


@given(st.floats(0.1, 10))
def test_a_factor_is_all_bias_and_no_spread(factor: float) -> None:
    scaled = errors_of(SAMPLES, SAMPLES * factor)
    for error in scaled.statistics.values():
        assert error.change == pytest.approx(factor - 1, abs=1e-9)
    assert scaled.bias == pytest.approx(factor - 1, abs=1e-9)
    assert scaled.spread == pytest.approx(0, abs=1e-9)
    # All probability moves by the same share of where it was.
    assert scaled.wasserstein == pytest.approx(abs(factor - 1), abs=1e-9)


def test_exchanged_requests_are_spread_and_no_error_of_the_distribution() -> None:
    """What a run does that does not repeat itself: other requests wait, as many as before."""
    exchanged = errors_of(SAMPLES, SAMPLES[::-1].copy())
    assert all(error.change == pytest.approx(0) for error in exchanged.statistics.values())
    assert exchanged.ks == exchanged.wasserstein == 0
    assert exchanged.spread > 0.5


def test_percentiles_are_numpys_and_say_whether_the_samples_suffice() -> None:
    reference, other = SAMPLES[:300], SAMPLES[300:600]
    result = errors_of(reference, other)
    assert result.n == 300
    assert list(result.statistics) == ["mean", "p50", "p90", "p95", "p99"]
    for name, q in (("p50", 50), ("p90", 90), ("p95", 95), ("p99", 99)):
        assert result.statistics[name].reference == pytest.approx(np.percentile(reference, q))
        assert result.statistics[name].other == pytest.approx(np.percentile(other, q))
    # Ten samples beyond the percentile: 200 for P95, 1,000 for P99.
    assert [name for name, s in result.statistics.items() if not s.enough_samples] == ["p99"]
    assert all(
        s.enough_samples for s in errors_of(SAMPLES[:1000], SAMPLES[1000:]).statistics.values()
    )


def test_one_wild_request_moves_the_bias_and_not_its_median() -> None:
    other = SAMPLES.copy()
    other[0] *= 1e6
    wild = errors_of(SAMPLES, other)
    assert wild.bias > 100
    assert wild.median_bias == 0


def test_without_a_pair_there_is_no_error() -> None:
    assert errors(np.array([]), np.array([])) is None


@pytest.mark.parametrize(
    ("reference", "other", "message"),
    [
        ([1.0, 2.0], [1.0], "2 reference values cannot be paired with 1"),
        ([1.0, np.nan], [1.0, 1.0], "finite"),
        ([1.0, 1.0], [1.0, np.inf], "finite"),
        ([0.0, 1.0], [1.0, 1.0], "positive reference"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    reference: list[float], other: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        errors(np.array(reference), np.array(other))
