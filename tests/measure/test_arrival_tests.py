"""The tests of the gaps: their error rate, their null distributions, and what each is there for."""

import math

import numpy as np
import pytest
from scipy import stats

from benchmarks import audit_power
from slaibench.measure.arrival_tests import (
    FAMILY_ERROR,
    LAG1,
    MIN_GAPS,
    GapTest,
    findings,
    gap_moments,
    gap_tests,
)
from slaibench.workloads.arrivals import ArrivalProcess

SOUND = {case.name: case for case in audit_power.CASES if case.sound}
FAULTS = {case.name: case for case in audit_power.CASES if not case.sound}


def by_name(tests: tuple[GapTest, ...]) -> dict[str, GapTest]:
    return {test.statistic: test for test in tests}


def test_the_shares_of_all_tests_are_one_family() -> None:
    rng = np.random.default_rng(1)
    for process in ("poisson", "gamma", "poisson-truncated"):
        for n in (MIN_GAPS, 40, 300, 1000):
            gaps = np.minimum(rng.exponential(1.0, n), 3.0)
            total = sum(test.share for test in gap_tests(gaps, process))
            assert total == pytest.approx(1.0) or (n < 31 and total == pytest.approx(0.8))


def test_joint_p_is_bonferronis() -> None:
    assert GapTest("x", 1.0, 0.0, 0.01, 0.2).joint_p == pytest.approx(0.05)
    assert GapTest("x", 1.0, 0.0, 0.5, 0.2).joint_p == 1.0
    likely, unlikely, least = (GapTest("x", 1.0, 0.0, p, 0.2) for p in (0.0011, 0.0009, 1e-9))
    assert findings((likely, unlikely, least)) == (least, unlikely)


@pytest.mark.parametrize("name", SOUND)
def test_processes_as_declared_are_hardly_ever_found(name: str) -> None:
    count, _ = audit_power.share_found(SOUND[name], 400, 400, seed=7)
    # At the stated 0.5 % more than 8 of 400 come once in 4,000 such tests.
    assert count <= 8


@pytest.mark.parametrize(
    ("name", "num_requests", "least"),
    [
        ("cut at three means", 500, 0.95),
        ("cut, rescaled", 500, 0.95),
        ("cut, redrawn", 500, 0.95),
        ("cut, redrawn, rescaled", 500, 0.95),
        ("sorted in blocks", 500, 0.95),
        ("bunched", 500, 0.95),
        ("AR(1) 0.8", 500, 0.9),
        ("rate +15 %", 1200, 0.8),
        ("10 % silent, one piece", 500, 0.95),
        ("not cut, declared cut", 500, 0.95),
        ("gamma, declared Poisson", 500, 0.95),
    ],
)
def test_faults_are_found(name: str, num_requests: int, least: float) -> None:
    count, _ = audit_power.share_found(FAULTS[name], num_requests, 60, seed=8)
    assert count / 60 >= least


def test_the_rate_is_judged_on_its_exact_distribution() -> None:
    for process, cv in (("poisson", 1.0), ("gamma", 2.0)):
        gaps = np.full(200, 1.2)
        rate = by_name(gap_tests(gaps, process, cv))["rate over the declared one"]
        sums = stats.gamma(200 / cv**2, scale=cv**2)
        assert rate.value == pytest.approx(1 / 1.2)
        assert rate.p == pytest.approx(2 * sums.sf(240.0))


def test_cut_gaps_have_the_mean_and_variation_of_the_paper() -> None:
    mean, variation = gap_moments("poisson-truncated", 1.0)
    assert mean == pytest.approx(1 - math.exp(-3))
    assert variation == pytest.approx(0.88, abs=0.005)


def test_the_longest_gap_is_judged_on_both_sides() -> None:
    gaps = np.random.default_rng(3).exponential(1.0, 500)
    name = "longest gap in mean gaps"
    for longest, unlikely in ((3.0, True), (6.6, False), (20.0, True)):
        changed = np.append(np.minimum(gaps, min(longest, 2.9)), longest)
        test = by_name(gap_tests(changed, "poisson"))[name]
        assert (test.joint_p < FAMILY_ERROR) is unlikely
        assert test.expected == pytest.approx(-math.log(1 - 0.5 ** (1 / 501)))


def test_all_orders_of_some_gaps_are_what_the_correlation_is_compared_with() -> None:
    rng = np.random.default_rng(4)
    gaps = np.round(rng.exponential(1.0, 60), 1)  # with ties
    scores, p = [], []
    for _ in range(4000):
        test = by_name(gap_tests(rng.permutation(gaps), "poisson"))[LAG1]
        scores.append(test.value)
        p.append(test.p)
    assert np.mean(scores) == pytest.approx(-1 / 60, abs=0.006)
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.012)


def test_bursts_of_any_length_show_in_some_window() -> None:
    rng = np.random.default_rng(5)
    for block in (4, 16, 64):
        pace = np.repeat(rng.permutation(np.tile([0.5, 1.5], 600 // block)), block)
        gaps = rng.exponential(1.0, len(pace)) * pace
        unexpected = findings(gap_tests(gaps, "poisson"))
        assert any("dispersion" in test.statistic for test in unexpected)


def test_equal_gaps_are_too_even() -> None:
    unexpected = by_name(findings(gap_tests(np.ones(400), "poisson")))
    assert unexpected["dispersion of counts in windows of 5 arrivals"].value < 0.01
    assert LAG1 in unexpected


def test_all_at_once_is_found_without_a_division_by_zero() -> None:
    assert findings(gap_tests(np.zeros(400), "poisson"))


@pytest.mark.parametrize("cv", [4.0, 6.0])
def test_gamma_gaps_too_short_for_the_clock_are_no_finding(cv: float) -> None:
    # A third of the gaps is below what differences of due times resolve.
    rng = np.random.default_rng(6)
    count = 0
    for _ in range(60):
        due = np.cumsum(rng.standard_gamma(cv**-2, 1000) * cv**2)
        count += bool(findings(gap_tests(np.diff(due), "gamma", cv)))
    assert count <= 2


def test_too_few_gaps_are_not_tested() -> None:
    assert gap_tests(np.ones(MIN_GAPS - 1), "poisson") == ()


def test_benchmark_draws_what_it_says() -> None:
    rng = np.random.default_rng(9)
    for name, mean in (("cut, rescaled", 1.0), ("cut, redrawn, rescaled", 1.0), ("bunched", 1.0)):
        assert FAULTS[name].gaps(rng, 100_000).mean() == pytest.approx(mean, abs=0.02)
    assert stats.kstest(FAULTS["AR(1) 0.8"].gaps(rng, 2000)[::40], "expon").pvalue > 1e-3
    due = np.cumsum(FAULTS["10 % silent, one piece"].gaps(rng, 2000))
    assert np.diff(due).max() == pytest.approx(0.1 * due[-1], rel=0.1)
    assert ArrivalProcess.parse(FAULTS["not cut, declared cut"].declared)
