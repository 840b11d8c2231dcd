"""Arrival processes: rates, spread of gaps, and common random numbers across rates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from slaibench.workloads.arrivals import ArrivalKind, ArrivalProcess, due_times, unit_gaps
from slaibench.workloads.errors import WorkloadError

RENEWAL = ["poisson", "gamma:cv=3.0", "gamma:cv=0.5", "constant", "poisson-truncated"]
NUM = 200_000


def times(text: str, rate_rps: float | None, num: int = NUM, seed: int = 0, **kwargs):
    return due_times(
        ArrivalProcess.parse(text), rate_rps, num, np.random.default_rng(seed), **kwargs
    )


def gaps(text: str) -> np.ndarray:
    return unit_gaps(ArrivalProcess.parse(text), NUM, np.random.default_rng(1))


@pytest.mark.parametrize("text", [*RENEWAL, "burst", "trace", "trace:scale=0.5"])
def test_text_form_reads_back(text):
    assert str(ArrivalProcess.parse(text)) == text


def test_poisson_gaps_are_exponential_and_not_cut():
    unit = gaps("poisson")
    assert stats.kstest(unit, "expon").pvalue > 0.01
    assert unit.max() > 8  # e^-8 * 200,000 = 67 such gaps are expected


@pytest.mark.parametrize("cv", [0.5, 1.0, 3.0])
def test_gamma_gaps_have_the_law_that_cv_names(cv):
    unit = gaps(f"gamma:cv={cv}")
    assert stats.kstest(unit, stats.gamma(a=1 / cv**2, scale=cv**2).cdf).pvalue > 0.01
    # Standard errors at this size: cv / sqrt(n) = 0.7 % of the mean at most.
    assert unit.mean() == pytest.approx(1, rel=0.03)
    assert unit.std() / unit.mean() == pytest.approx(cv, rel=0.05)


def test_truncated_poisson_runs_at_1_052_of_its_nominal_rate_with_a_cv_of_0_88():
    """Published conventions: E[min(X, 3)] = 1 - e^-3 and E[min(X, 3)^2] = 2 (1 - 4 e^-3)."""
    unit = gaps("poisson-truncated")
    mean = 1 - np.exp(-3)
    assert 1 / mean == pytest.approx(1.052, abs=5e-4)
    cv = np.sqrt(2 * (1 - 4 * np.exp(-3)) - mean**2) / mean
    assert cv == pytest.approx(0.88, abs=5e-4)
    assert unit.max() == 3.0
    due_s = times("poisson-truncated", 1.6)
    assert NUM / due_s[-1] / 1.6 == pytest.approx(1.052, abs=0.01)
    assert unit.std() / unit.mean() == pytest.approx(0.88, abs=0.005)


def test_constant_arrivals_are_one_gap_apart_and_begin_after_one():
    np.testing.assert_allclose(times("constant", 4.0, 5), [0.25, 0.5, 0.75, 1.0, 1.25])


@pytest.mark.parametrize("text", RENEWAL)
def test_first_request_is_due_one_gap_after_the_start(text):
    process = ArrivalProcess.parse(text)
    first_gap = unit_gaps(process, 1, np.random.default_rng(5))[0]
    assert times(text, 2.0, 3, seed=5)[0] == first_gap / 2.0 > 0


RATES = st.floats(0.01, 1000)
SEEDS = st.integers(0, 2**32)


@pytest.mark.parametrize("text", RENEWAL)
@given(RATES, RATES, st.integers(1, 200), SEEDS)
def test_another_rate_scales_the_same_gaps(text, rate_rps, other_rps, num, seed):
    due_s = times(text, rate_rps, num, seed)
    assert np.all(np.diff(due_s) >= 0)
    np.testing.assert_allclose(due_s * rate_rps, times(text, other_rps, num, seed) * other_rps)


@pytest.mark.parametrize("text", RENEWAL)
@given(st.integers(1, 200), st.integers(0, 100), SEEDS)
def test_asking_for_more_keeps_the_first(text, num, more, seed):
    longer = times(text, 2.0, num + more, seed)
    np.testing.assert_array_equal(longer[:num], times(text, 2.0, num, seed))


def test_burst_is_all_at_the_start_whatever_the_rate():
    assert times("burst", None, 3).tolist() == times("burst", 7.0, 3).tolist() == [0.0, 0.0, 0.0]


RECORDED = np.array([10.0, 11.0, 13.0, 20.0])


def test_trace_counts_from_its_first_arrival_as_recorded():
    assert times("trace", None, 4, recorded_s=RECORDED).tolist() == [0, 1, 3, 10]


def test_trace_scale_multiplies_times():
    assert times("trace:scale=0.5", None, 3, recorded_s=RECORDED).tolist() == [0, 0.5, 1.5]


def test_trace_at_a_rate_has_that_mean_rate_over_the_whole_recording():
    due_s = times("trace", 0.6, 4, recorded_s=RECORDED)
    assert 3 / due_s[-1] == pytest.approx(0.6)
    np.testing.assert_array_equal(times("trace", 0.6, 2, recorded_s=RECORDED), due_s[:2])
    np.testing.assert_allclose(times("trace", 1.2, 4, recorded_s=RECORDED), due_s / 2)


@pytest.mark.parametrize(
    ("text", "rate_rps", "num", "recorded_s", "message"),
    [
        ("poisson", None, 3, None, "poisson arrivals need a rate"),
        ("poisson", 0.0, 3, None, r"rate_rps must be above 0, not 0\.0"),
        ("poisson", float("inf"), 3, None, "not inf"),
        ("poisson", 1.0, 0, None, "num_requests must be at least 1, not 0"),
        ("trace", None, 3, None, "choose a workload that has them"),
        ("trace", None, 5, RECORDED, "has 4 arrivals, 5 were asked for"),
        ("trace:scale=2", 1.0, 3, RECORDED, "give one of them"),
        ("trace", 1.0, 3, RECORDED[::-1], "ascending"),
        ("trace", 1.0, 2, np.array([5.0, 5.0]), "span no time"),
    ],
)
def test_refuses_what_gives_no_due_times(text, rate_rps, num, recorded_s, message):
    with pytest.raises(WorkloadError, match=message):
        times(text, rate_rps, num, recorded_s=recorded_s)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("poison", "did you mean 'poisson'.*Known: burst, constant"),
        ("gamma", "need cv=VALUE"),
        ("gamma:cv=0", "cv must be a number above 0, not '0'"),
        ("gamma:cv=nan", "not 'nan'"),
        ("gamma:cvs=3", "unknown option of gamma 'cvs'; did you mean 'cv'"),
        ("gamma:3", "options are written cv=VALUE"),
        ("poisson:cv=1", "poisson takes no option 'cv'"),
        ("trace:scale=-1", "scale must be a number above 0"),
    ],
)
def test_refuses_malformed_text(text, message):
    with pytest.raises(WorkloadError, match=message):
        ArrivalProcess.parse(text)


def test_refuses_parameters_of_another_kind():
    with pytest.raises(WorkloadError, match=r"cv=2\.0 belongs to gamma"):
        ArrivalProcess(ArrivalKind.POISSON, cv=2.0)
    with pytest.raises(WorkloadError, match="for equal gaps use 'constant'"):
        ArrivalProcess(ArrivalKind.GAMMA, cv=0.0)


def test_only_burst_and_scaled_traces_need_no_rate():
    no_rate = {
        t
        for t in (*RENEWAL, "burst", "trace", "trace:scale=2")
        if not ArrivalProcess.parse(t).takes_rate
    }
    assert no_rate == {"burst", "trace:scale=2"}
