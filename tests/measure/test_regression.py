"""Verdicts are wrong as seldom as they say, and find what they say they would."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from slaibench.measure.regression import (
    FAMILY_ERROR,
    MIN_FLIP,
    POWER,
    Change,
    ChangeVerdict,
    detectable,
    flip,
    holm,
    judge,
    paired_change,
    replicates_needed,
    unpaired_change,
)

MARGIN = 0.05
ROOM = math.log1p(MARGIN)


def pairs(rng: np.random.Generator, effect: float, sd: float, n: int) -> Change:
    """Pairs whose logarithms move by ``effect`` on average, with a large spread between seeds."""
    before = rng.normal(0.0, 1.0, n)
    after = before + rng.normal(effect, sd, n)
    return paired_change(np.exp(before).tolist(), np.exp(after).tolist())


def at_most(count: int, of: int, probability: float) -> bool:
    """Whether a count is no more than a binomial with that probability gives in 999 of 1,000."""
    return count <= int(stats.binom.ppf(0.999, of, probability))


def at_least(count: int, of: int, probability: float) -> bool:
    return at_most(of - count, of, 1 - probability)


def test_paired_tests_are_those_of_scipy() -> None:
    before, after = [1.0, 2.0, 1.5, 1.2], [1.2, 2.3, 1.6, 1.5]
    moved = np.log(after) - np.log(before)
    (judgement,) = judge([(paired_change(before, after), +1)], MARGIN)
    above = stats.ttest_1samp(moved, ROOM, alternative="greater")
    below = stats.ttest_1samp(moved, -ROOM, alternative="less")
    assert judgement.p_worse == pytest.approx(above.pvalue)
    assert judgement.p_better == pytest.approx(below.pvalue)
    interval = stats.ttest_1samp(moved, 0.0).confidence_interval(0.9)
    assert (judgement.low, judgement.high) == pytest.approx((interval.low, interval.high))


def test_unpaired_tests_are_welchs() -> None:
    before, after = [1.0, 1.1, 0.9, 1.05], [1.3, 1.6, 1.2, 1.9, 1.4]
    (judgement,) = judge([(unpaired_change(before, after), +1)], MARGIN)
    theirs = stats.ttest_ind(
        np.log(after) - ROOM, np.log(before), equal_var=False, alternative="greater"
    )
    assert judgement.p_worse == pytest.approx(theirs.pvalue)


def test_less_throughput_is_worse_and_less_latency_is_better() -> None:
    fell = paired_change([1.0, 2.0, 1.5, 1.1], [0.8, 1.61, 1.2, 0.88])
    throughput, latency = judge([(fell, -1), (fell, +1)], MARGIN)
    assert (throughput.verdict, latency.verdict) == (ChangeVerdict.WORSE, ChangeVerdict.BETTER)
    assert throughput.mde < 0 < latency.mde


def test_holm_rejects_step_by_step() -> None:
    # 0.005 <= 0.05 / 4 and 0.01 <= 0.05 / 3, but 0.03 > 0.05 / 2: the rest stands.
    assert holm([0.01, 0.04, 0.03, 0.005], 0.05) == [True, False, False, True]
    assert holm([0.05], 0.05) == [True]
    assert holm([], 0.05) == []


def test_jobs_at_the_margin_give_false_alarms_as_seldom_as_promised() -> None:
    """The hardest case: every metric has moved by all that does not matter."""
    rng = np.random.default_rng(1)
    jobs, metrics, alarms, uncorrected = 150, 12, 0, 0
    for _ in range(jobs):
        judgements = judge([(pairs(rng, ROOM, 0.1, 6), +1) for _ in range(metrics)], MARGIN)
        alarms += any(judgement.verdict is ChangeVerdict.WORSE for judgement in judgements)
        uncorrected += any(judgement.p_worse < FAMILY_ERROR for judgement in judgements)
    assert at_most(alarms, jobs, FAMILY_ERROR)
    assert uncorrected > jobs / 4  # without Holm nearly every second job would


@pytest.mark.parametrize("effect", [ROOM, -ROOM])
def test_a_change_as_large_as_the_margin_is_seldom_called_none(effect: float) -> None:
    rng = np.random.default_rng(2)
    judgements = [judge([(pairs(rng, effect, 0.02, 6), +1)], MARGIN)[0] for _ in range(300)]
    called = sum(judgement.verdict is ChangeVerdict.SAME for judgement in judgements)
    assert at_most(called, 300, FAMILY_ERROR)
    assert called > 0  # the test is not made so strict that nothing passes


def test_nothing_changed_is_said_where_the_noise_allows() -> None:
    rng = np.random.default_rng(3)
    quiet = [judge([(pairs(rng, 0.0, 0.02, 8), +1)], MARGIN)[0].verdict for _ in range(100)]
    assert quiet.count(ChangeVerdict.SAME) >= 95
    loud = [judge([(pairs(rng, 0.0, 0.5, 8), +1)], MARGIN)[0].verdict for _ in range(100)]
    assert at_most(100 - loud.count(ChangeVerdict.UNKNOWN), 100, 2 * FAMILY_ERROR)


def test_intervals_cover_the_truth() -> None:
    rng = np.random.default_rng(4)
    for _paired, make in (
        (True, lambda: pairs(rng, 0.1, 0.2, 5)),
        (
            False,
            lambda: unpaired_change(
                np.exp(rng.normal(0.0, 0.3, 6)).tolist(), np.exp(rng.normal(0.1, 0.1, 4)).tolist()
            ),
        ),
    ):
        judgements = [judge([(make(), +1)], MARGIN)[0] for _ in range(400)]
        inside = sum(judgement.low <= 0.1 <= judgement.high for judgement in judgements)
        assert at_least(inside, 400, 0.9)
        assert at_most(inside, 400, 0.9)


@pytest.mark.parametrize(("n", "metrics"), [(3, 1), (8, 1), (8, 20)])
def test_the_detectable_effect_is_found_as_often_as_promised(n: int, metrics: int) -> None:
    """Noncentral t: the threshold is in standard errors seen, the effect in true ones."""
    rng = np.random.default_rng(n)
    sd, level = 0.1, FAMILY_ERROR / metrics
    effect = ROOM + detectable(n - 1, level) * sd / math.sqrt(n)
    moved = rng.normal(effect, sd, (4000, n))
    p = stats.ttest_1samp(moved, ROOM, axis=1, alternative="greater").pvalue
    assert np.mean(p <= level) == pytest.approx(POWER, abs=0.03)


@pytest.mark.parametrize("paired", [True, False])
def test_the_replicates_needed_find_twice_the_margin_and_one_less_does_not(paired: bool) -> None:
    change = Change(0.0, 0.15, 4, 0.075, 3, paired)
    n = replicates_needed(change, ROOM, 0.005)
    assert n is not None

    def power(count: int) -> float:
        degrees = count - 1 if paired else 2 * (count - 1)
        shift = ROOM / (change.sd / math.sqrt(count))
        return float(stats.nct.sf(stats.t.ppf(0.995, degrees), degrees, shift))

    assert power(n) >= POWER > power(n - 1)


def test_noise_beyond_any_number_of_replicates_is_said() -> None:
    assert replicates_needed(Change(0.0, 50.0, 4, 25.0, 3, True), ROOM, 0.05) is None


def test_repeated_runs_that_are_apart_widen_what_a_few_pairs_say_by_luck() -> None:
    before, after = [1.0, 1.0, 1.0], [1.2, 1.2001, 1.1999]
    (lucky,) = judge([(paired_change(before, after), +1)], MARGIN)
    (steadier,) = judge([(paired_change(before, after, least_sd=0.3), +1)], MARGIN)
    assert lucky.verdict is ChangeVerdict.WORSE
    assert steadier.verdict is ChangeVerdict.UNKNOWN
    assert steadier.high - steadier.low > 0.5


def test_equal_changes_of_every_pair_are_decided_without_a_spread() -> None:
    same, more = ([2.0, 2.0], [2.0, 2.0]), ([1.0, 1.0], [1.25, 1.25])
    judgements = judge([(paired_change(*same), +1), (paired_change(*more), +1)], MARGIN)
    assert [judgement.verdict for judgement in judgements] == [
        ChangeVerdict.SAME,
        ChangeVerdict.WORSE,
    ]
    (apart,) = judge([(unpaired_change(*more), +1)], MARGIN)
    assert apart.verdict is ChangeVerdict.WORSE


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ("...", "...", ChangeVerdict.SAME),
        ("xxx", "xxx", ChangeVerdict.SAME),
        ("...", "xxx", ChangeVerdict.WORSE),
        ("xxx", "...", ChangeVerdict.BETTER),
        ("...", "xx.", ChangeVerdict.UNKNOWN),
        ("x..", "xxx", ChangeVerdict.UNKNOWN),
        ("..", "xx", ChangeVerdict.UNKNOWN),
    ],
)
def test_all_or_none_is_an_answer_and_anything_between_is_not(
    before: str, after: str, verdict: ChangeVerdict
) -> None:
    assert flip([c == "x" for c in before], [c == "x" for c in after]) is verdict


def test_a_place_that_saturates_half_the_time_seldom_flips_by_luck() -> None:
    rng = np.random.default_rng(5)
    draws = rng.random((3000, 2, MIN_FLIP)) < 0.5
    alarms = sum(flip(*draw.tolist()) is ChangeVerdict.WORSE for draw in draws)
    assert at_most(alarms, 3000, 1 / 64)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ([1.0], [1.0], "two replicates at least, not 1"),
        ([1.0, 0.0], [1.0, 1.0], "positive, finite"),
        ([1.0, math.inf], [1.0, 1.0], "positive, finite"),
        ([1.0, 1.0], [1.0, 1.0, 1.0], "as many values before as after: 2, 3"),
    ],
)
def test_values_that_have_no_change_are_refused(
    before: list[float], after: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        paired_change(before, after)


def test_a_margin_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="margin must be positive, not 0"):
        judge([], 0.0)
