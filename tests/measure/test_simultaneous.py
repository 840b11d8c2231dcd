"""All verdicts of a command hold together as often as it says, and it finds what it says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from slaibench.measure.regression import POWER, Change, ChangeVerdict, Judgement, paired_change
from slaibench.measure.simultaneous import ERROR, judge_together
from tests.measure.test_regression import at_least, at_most, pairs

MARGIN = 0.05
ROOM = math.log1p(MARGIN)
METRICS, PAIRS, COMMANDS = 21, 8, 200


def changes_of(rng: np.random.Generator, effects: np.ndarray, sd: float) -> list[Change]:
    """Metrics of the same pairs, half of whose spread they have in common, as metrics of a run
    have."""
    common = rng.normal(0.0, sd / math.sqrt(2), PAIRS)
    own = rng.normal(0.0, sd / math.sqrt(2), (len(effects), PAIRS))
    return [
        paired_change([1.0] * PAIRS, np.exp(effect + common + of_metric).tolist())
        for effect, of_metric in zip(effects, own, strict=True)
    ]


def together(changes: list[Change], *, harm: int = 1, comparisons: int = 0) -> list[Judgement]:
    planned = comparisons or len(changes)
    return judge_together([(change, harm) for change in changes], MARGIN, comparisons=planned)


def is_false(verdict: ChangeVerdict, effect: float) -> bool:
    """Whether a verdict contradicts the truth, on latencies."""
    return {
        ChangeVerdict.WORSE: effect <= ROOM,
        ChangeVerdict.BETTER: effect >= -ROOM,
        ChangeVerdict.SAME: abs(effect) >= ROOM,
    }.get(verdict, False)


@pytest.mark.parametrize(
    "effects",
    [
        np.zeros(METRICS),
        np.full(METRICS, ROOM),  # at the limit: same, worse and better are all false
        np.tile([ROOM, -ROOM, 0.3], METRICS // 3),
    ],
    ids=["nothing differs", "all at the limit", "mixed"],
)
def test_a_command_with_any_false_verdict_is_as_rare_as_stated(effects: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    commands = [together(changes_of(rng, effects, 0.05)) for _ in range(COMMANDS)]
    wrong = sum(
        any(is_false(it.verdict, effect) for it, effect in zip(one, effects, strict=True))
        for one in commands
    )
    assert at_most(wrong, COMMANDS, ERROR)


def test_intervals_hold_together_and_by_themselves_would_not() -> None:
    rng = np.random.default_rng(2)
    missed = alone = 0
    for _ in range(COMMANDS):
        changes = changes_of(rng, np.zeros(METRICS), 0.05)
        missed += any(it.low > 0 or it.high < 0 for it in together(changes))
        alone += any(it.low > 0 or it.high < 0 for change in changes for it in together([change]))
    assert at_most(missed, COMMANDS, ERROR)
    assert alone > COMMANDS / 4


def test_an_interval_is_students_at_its_share_of_the_error() -> None:
    before, after = [1.0, 2.0, 1.5, 1.2], [1.2, 2.3, 1.6, 1.5]
    (judged,) = together([paired_change(before, after)], comparisons=10)
    moved = np.log(after) - np.log(before)
    ends = stats.ttest_1samp(moved, 0.0).confidence_interval(1 - ERROR / 10)
    assert (judged.low, judged.high) == pytest.approx((ends.low, ends.high))


@pytest.mark.parametrize(
    ("effect", "latency", "throughput"),
    [
        (0.5, ChangeVerdict.WORSE, ChangeVerdict.BETTER),
        (-0.5, ChangeVerdict.BETTER, ChangeVerdict.WORSE),
        (0.001, ChangeVerdict.SAME, ChangeVerdict.SAME),
        (ROOM, ChangeVerdict.UNKNOWN, ChangeVerdict.UNKNOWN),
    ],
)
def test_a_verdict_is_what_its_interval_says(
    effect: float, latency: ChangeVerdict, throughput: ChangeVerdict
) -> None:
    change = pairs(np.random.default_rng(3), effect, 0.005, PAIRS)
    assert together([change])[0].verdict is latency
    assert together([change], harm=-1)[0].verdict is throughput


def test_the_minimum_detectable_effect_is_found_with_its_power() -> None:
    rng = np.random.default_rng(4)
    sd, runs = 0.05, 300
    exact = Change(0.0, sd, PAIRS, sd / math.sqrt(PAIRS), PAIRS - 1, paired=True)
    (planned,) = together([exact], comparisons=METRICS)
    found = sum(
        together([pairs(rng, planned.mde, sd, PAIRS)], comparisons=METRICS)[0].verdict
        is ChangeVerdict.WORSE
        for _ in range(runs)
    )
    assert at_least(found, runs, POWER)
    assert at_most(found, runs, POWER)


def test_a_pair_without_any_spread_has_a_verdict() -> None:
    same, doubled = paired_change([1.0, 2.0], [1.0, 2.0]), paired_change([1.0, 2.0], [2.0, 4.0])
    verdicts = [judged.verdict for judged in together([same, doubled])]
    assert verdicts == [ChangeVerdict.SAME, ChangeVerdict.WORSE]


def test_what_was_not_planned_is_refused() -> None:
    change = paired_change([1.0, 2.0], [1.1, 2.1])
    with pytest.raises(ValueError, match="2 comparisons were made, and 1 planned"):
        together([change, change], comparisons=1)
    with pytest.raises(ValueError, match="the margin must be positive, not 0"):
        judge_together([(change, 1)], 0.0, comparisons=1)
