"""Tests of a run's gaps against the process that was declared, all under one error rate.

As declared means: gaps are independent draws from the declared distribution F at the declared rate.
Then -log(1 - F(gap)) are independent unit exponentials, that is, the gaps of a Poisson process on
another clock (time rescaling; Brown et al., Neural Computation 14, 2002), and one set of tests
serves every process. Of Poisson arrivals they are the gaps themselves, in mean gaps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from slaibench.recording.record import FloatArray
from slaibench.workloads.arrivals import TRUNCATION_MEANS

FAMILY_ERROR = 0.005
"""How often the tests of one run, all together, find something in arrivals that are as declared.
Every rate and scheduler of a study has the same gaps (common random numbers), so that one false
finding is on all of its lines: rarer than the 1 % that would do for a single run."""
NUM_STATISTICS = 5
LAG1 = "lag-1 rank correlation of gaps"
WINDOWS = (5, 20, 80)
"""Arrivals in a window whose counts are compared: what is bunched shows in windows of about the
length of its bunches."""
MIN_WINDOWS = 6
MIN_GAPS = 20
"""Below this nothing is tested: the correlation's normal approximation is too rough."""
ROUNDING = 1e-6
"""How far a gap at the cut may be from it, after having been scaled to a rate."""


@dataclass(frozen=True, slots=True)
class GapTest:
    """One statistic of the gaps against what the declared process makes of it.

    Args:
        statistic: its name, with its unit.
        value: as measured.
        expected: its mean or median under the declared process.
        p: two-sided, of this test alone.
        share: of the family's error rate that is this test's.
    """

    statistic: str
    value: float
    expected: float
    p: float
    share: float = 1 / NUM_STATISTICS

    @property
    def joint_p(self) -> float:
        """p as one of the family (Bonferroni): a finding below ``FAMILY_ERROR``."""
        return min(1.0, self.p / self.share)

    @property
    def words(self) -> str:
        """As a finding, for a reader; without the run's rate, so that all rates say the same."""
        return f"{self.statistic} {self.value:.3g}, expected {self.expected:.3g} (p {self.p:.1g})"


def gap_moments(process: str, cv: float) -> tuple[float, float]:
    """Mean (in declared mean gaps) and coefficient of variation of a declared process's gaps."""
    if process == "poisson-truncated":
        # min(E, c), E a unit exponential: E[X] = 1 - exp(-c), E[X^2] = 2 (1 - (1 + c) exp(-c))
        c = TRUNCATION_MEANS
        mean = 1 - math.exp(-c)
        return mean, math.sqrt(2 * (1 - (1 + c) * math.exp(-c)) - mean**2) / mean
    return 1.0, {"poisson": 1.0, "gamma": cv, "constant": 0.0}[process]


def gap_tests(gaps: FloatArray, process: str, cv: float = 1.0) -> tuple[GapTest, ...]:
    """Shape, longest gap, rate, dispersion of counts and lag-1 correlation of gaps.

    Each has an equal share of ``FAMILY_ERROR``, dispersion one that its windows divide.

    Args:
        gaps: in declared mean gaps (where gaps are cut: of the process before the cut), in order.
        process: ``poisson``, ``gamma`` or ``poisson-truncated``.
        cv: coefficient of variation, of gamma gaps; 1 of others.

    Returns:
        Nothing for fewer than ``MIN_GAPS`` gaps.
    """
    if len(gaps) < MIN_GAPS:
        return ()
    rescaled = _rescaled(gaps, process, cv)
    return (
        _shape(rescaled),
        _at_the_cut(gaps) if process == "poisson-truncated" else _longest(gaps, rescaled, cv),
        _rate(gaps, process, cv),
        *_dispersions(rescaled),
        _lag1(gaps),
    )


def findings(tests: tuple[GapTest, ...]) -> tuple[GapTest, ...]:
    """Those that arrivals as declared would hardly show; the least likely first."""
    return tuple(
        test for test in sorted(tests, key=lambda test: test.joint_p) if test.joint_p < FAMILY_ERROR
    )


def _rescaled(gaps: FloatArray, process: str, cv: float) -> FloatArray:
    """Gaps on the clock on which the declared process is a Poisson process of rate 1.

    What a gap does not show is drawn: how long one at the cut would have been, and how short one is
    that differences of due times do not resolve (many, of gamma gaps with a large ``cv``).
    """
    from scipy import special  # noqa: PLC0415

    if process == "poisson":
        return gaps
    rng = np.random.default_rng(len(gaps))  # the same arrivals are always judged alike
    if process == "poisson-truncated":
        beyond = TRUNCATION_MEANS + rng.standard_exponential(len(gaps))
        return np.where(gaps >= TRUNCATION_MEANS * (1 - ROUNDING), beyond, gaps)
    resolution = 4 * float(np.spacing(gaps.sum()))
    shape, scale = cv**-2, cv**2
    hidden = rng.random(len(gaps)) * special.gammainc(shape, resolution / scale)
    seen = -np.log(np.maximum(special.gammaincc(shape, gaps / scale), np.finfo(float).tiny))
    return np.where(gaps < resolution, -np.log1p(-hidden), seen)


def _shape(rescaled: FloatArray) -> GapTest:
    """Kolmogorov-Smirnov, exact; the median distance is the asymptotic one."""
    from scipy import special, stats  # noqa: PLC0415

    result = stats.ks_1samp(rescaled, stats.expon.cdf)
    median = float(special.kolmogi(0.5)) / math.sqrt(len(rescaled))
    return GapTest("KS distance of gaps", float(result.statistic), median, float(result.pvalue))


def _longest(gaps: FloatArray, rescaled: FloatArray, cv: float) -> GapTest:
    """P(longest <= x) = (1 - e^-x)^n on the rescaled clock, exact.

    Too short where long gaps are cut or drawn again, too long where part of the run is silent.
    """
    from scipy import special  # noqa: PLC0415

    n = len(rescaled)
    longest = float(rescaled.max())
    # log of (1 - e^-x)^n; both tails keep their digits.
    log_below = n * math.log(-math.expm1(-longest)) if longest > 0 else -math.inf
    p = _two_sided(math.exp(log_below), -math.expm1(log_below))
    median = float(special.gammainccinv(cv**-2, -math.expm1(math.log(0.5) / n))) * cv**2
    return GapTest("longest gap in mean gaps", float(gaps.max()), median, p)


def _at_the_cut(gaps: FloatArray) -> GapTest:
    """Instead of the longest gap, where gaps are cut: how many are, exact (binomial)."""
    from scipy import stats  # noqa: PLC0415

    longest = float(gaps.max())
    if longest > TRUNCATION_MEANS * (1 + ROUNDING):
        return GapTest("longest gap in mean gaps", longest, TRUNCATION_MEANS, 0.0)
    at_cut = int(np.count_nonzero(gaps >= TRUNCATION_MEANS * (1 - ROUNDING)))
    expected = math.exp(-TRUNCATION_MEANS)
    p = float(stats.binomtest(at_cut, len(gaps), expected).pvalue)
    return GapTest("share of gaps at the cut", at_cut / len(gaps), expected, p)


def _rate(gaps: FloatArray, process: str, cv: float) -> GapTest:
    """The mean gap has a gamma distribution: exact of Poisson and gamma gaps; of cut ones, that
    with their mean and variance."""
    from scipy import special  # noqa: PLC0415

    mean, variation = gap_moments(process, cv)
    shape = len(gaps) / variation**2
    place = shape * float(gaps.mean()) / mean
    p = _two_sided(float(special.gammainc(shape, place)), float(special.gammaincc(shape, place)))
    measured = float(gaps.mean())
    rate = 1 / measured if measured > 0 else math.inf
    return GapTest("rate over the declared one", rate, 1 / mean, p)


def _dispersions(rescaled: FloatArray) -> list[GapTest]:
    """Variance over mean of counts in equal windows: chi-square over its degrees of freedom.

    Given the last arrival, those before it are uniform, and the counts multinomial (Cox and Lewis,
    1966, section 6.3); chi-square is its approximation.
    """
    from scipy import special  # noqa: PLC0415

    times = np.cumsum(rescaled)
    inside = len(times) - 1
    sizes = [size for size in WINDOWS if inside // size >= MIN_WINDOWS]
    tests = []
    for size in sizes if times[-1] > 0 else ():
        num = inside // size
        place = (times[:-1] * (num / times[-1])).astype(np.int64)
        counts = np.bincount(np.minimum(place, num - 1), minlength=num)
        dispersion = float(counts.var(ddof=1) / counts.mean())
        half = (num - 1) / 2
        tests.append(
            GapTest(
                f"dispersion of counts in windows of {size} arrivals",
                dispersion,
                1.0,
                _two_sided(
                    float(special.gammainc(half, dispersion * half)),
                    float(special.gammaincc(half, dispersion * half)),
                ),
                1 / NUM_STATISTICS / len(sizes),
            )
        )
    return tests


def _lag1(gaps: FloatArray) -> GapTest:
    """Correlation of the ranks of successive gaps, against all orders of the same gaps.

    Its mean and variance over these are exact, ties included (Wald and Wolfowitz, Ann. Math. Stat.
    14, 1943, here without the pair that closes the circle); p is normal.
    """
    from scipy import stats  # noqa: PLC0415

    x = stats.rankdata(gaps)
    x -= x.mean()
    n = len(x)
    squares, fourths = float((x**2).sum()), float((x**4).sum())
    if squares == 0:
        return GapTest(LAG1, 1.0, -1 / n, 0.0)  # all gaps are equal
    # Means of x_a^2 x_b^2, x_a x_b^2 x_c and x_a x_b x_c x_d over distinct places; x adds up to 0.
    two = (squares**2 - fourths) / (n * (n - 1))
    three = (2 * fourths - squares**2) / (n * (n - 1) * (n - 2))
    four = (3 * squares**2 - 6 * fourths) / (n * (n - 1) * (n - 2) * (n - 3))
    pairs = n - 1
    second = pairs * two + 2 * (pairs - 1) * three + (pairs - 1) * (pairs - 2) * four
    deviation = math.sqrt(second - (squares / n) ** 2)
    score = float((x[:-1] * x[1:]).sum())
    p = math.erfc(abs(score + squares / n) / deviation / math.sqrt(2))
    return GapTest(LAG1, score / squares, -1 / n, p)


def _two_sided(below: float, above: float) -> float:
    return min(1.0, 2 * min(below, above))
