"""Verdicts follow from stated rules: both sides of each threshold."""

from __future__ import annotations

import math

import pytest

from slaibench.reproductions.bari2025.published import CHANGE, PublishedValue
from slaibench.reproductions.bari2025.verdict import (
    AGREES_WITHIN,
    CLOSE_WITHIN,
    WIDEST,
    ClaimVerdict,
    above,
    all_below,
    apart,
    deviation,
    grows,
    of_number,
    rises,
    rises_falls_rises,
)
from slaibench.reproductions.bari2025.verdict import between as lies_between
from slaibench.studies.estimate import Estimate

AGREES, CLOSE, DISAGREES, UNDECIDED = ClaimVerdict


def published(value: float, unit: str = "s", rounding: float = 0.001) -> PublishedValue:
    return PublishedValue("x", value, unit, rounding, "a test")


def between(low: float, high: float, value: float | None = None) -> Estimate:
    return Estimate((low + high) / 2 if value is None else value, low, high, 3)


def sharp(value: float) -> Estimate:
    return between(value * 0.9999, value * 1.0001, value)


@pytest.mark.parametrize(
    ("ours", "verdict"),
    [
        (1 + AGREES_WITHIN - 0.001, AGREES),
        (1 + AGREES_WITHIN + 0.001, CLOSE),
        (1 - AGREES_WITHIN + 0.001, AGREES),
        (1 - AGREES_WITHIN - 0.001, CLOSE),
        (1 + CLOSE_WITHIN - 0.001, CLOSE),
        (1 + CLOSE_WITHIN + 0.001, DISAGREES),
        (1 - CLOSE_WITHIN - 0.001, DISAGREES),
    ],
)
def test_a_number_without_doubt_is_judged_by_how_far_it_is(
    ours: float, verdict: ClaimVerdict
) -> None:
    assert of_number(published(1.0), sharp(ours)) is verdict
    assert of_number(published(1.0), Estimate(ours, None, None, 1), exact=True) is verdict


@pytest.mark.parametrize(("low", "verdict"), [(0.999, AGREES), (1.001, CLOSE)])
def test_a_published_value_inside_the_interval_agrees(low: float, verdict: ClaimVerdict) -> None:
    assert of_number(published(1.0), between(low, 1.16, 1.08)) is verdict


@pytest.mark.parametrize(
    ("half", "verdict"), [(WIDEST - 0.001, AGREES), (WIDEST + 0.001, UNDECIDED)]
)
def test_an_interval_that_would_agree_with_anything_says_nothing(
    half: float, verdict: ClaimVerdict
) -> None:
    assert of_number(published(1.0), between(1 - half, 1 + half)) is verdict


@pytest.mark.parametrize(("rounding", "verdict"), [(0.05, AGREES), (0.0399, CLOSE)])
def test_rounding_of_what_is_printed_is_allowed(rounding: float, verdict: ClaimVerdict) -> None:
    assert of_number(published(1.0, rounding=rounding), sharp(1.0401)) is verdict


@pytest.mark.parametrize(
    "ours",
    [
        Estimate(None, None, None, 3),
        Estimate(math.inf, None, None, 3),
        Estimate(1.0, None, None, 1),
        between(0.0, 0.0),
    ],
)
def test_nothing_is_said_of_what_is_not_known(ours: Estimate) -> None:
    assert of_number(published(1.0), ours) is UNDECIDED


@pytest.mark.parametrize(
    ("change", "verdict"), [(-0.53, AGREES), (-0.517, AGREES), (-0.49, CLOSE), (-0.47, DISAGREES)]
)
def test_changes_are_compared_as_ratios(change: float, verdict: ClaimVerdict) -> None:
    ours = Estimate(change, change - 1e-4, change + 1e-4, 3)
    assert of_number(published(-0.53, CHANGE), ours) is verdict
    assert deviation(published(-0.53, CHANGE), ours) == pytest.approx((1 + change) / 0.47 - 1)


def test_a_deviation_needs_a_value() -> None:
    assert deviation(published(1.0), Estimate(None, None, None, 0)) is None
    assert deviation(published(1.0), Estimate(math.inf, None, None, 3)) is None


def test_an_order_holds_only_where_every_interval_says_so() -> None:
    assert all_below([between(-0.4, -0.1), between(-0.2, -0.01)]) is AGREES
    assert all_below([between(-0.4, -0.1), between(-0.2, 0.01)]) is UNDECIDED
    assert all_below([between(-0.4, -0.1), between(0.01, 0.2)]) is DISAGREES
    assert all_below([between(-0.4, -0.1), Estimate(-0.2, None, None, 1)]) is UNDECIDED
    assert all_below([]) is UNDECIDED


def test_above_a_bound_by_the_interval() -> None:
    assert above(between(0.51, 0.9), 0.5) is AGREES
    assert above(between(0.49, 0.9), 0.5) is UNDECIDED
    assert above(between(0.1, 0.49), 0.5) is DISAGREES
    assert above(Estimate(0.9, None, None, 1), 0.5) is UNDECIDED


@pytest.mark.parametrize(
    ("lower", "higher", "verdict"),
    [
        ((0.4, 0.5), (0.6, 0.7), AGREES),
        ((0.4, 0.61), (0.6, 0.7), UNDECIDED),
        ((0.71, 0.8), (0.6, 0.7), DISAGREES),
        ((None, 0.5), (0.6, None), AGREES),
        ((0.4, None), (0.6, None), UNDECIDED),
        ((None, None), (None, None), UNDECIDED),
    ],
)
def test_one_range_below_another(
    lower: tuple[float | None, float | None],
    higher: tuple[float | None, float | None],
    verdict: ClaimVerdict,
) -> None:
    assert apart(lower, higher) is verdict


@pytest.mark.parametrize(
    ("estimate", "verdict"),
    [
        (between(-0.09, -0.01), AGREES),
        (between(-0.11, -0.01), UNDECIDED),
        (between(-0.3, -0.11), DISAGREES),
        (between(0.01, 0.02), DISAGREES),
        (Estimate(-0.05, None, None, 1), UNDECIDED),
    ],
)
def test_between_two_bounds_by_the_interval(estimate: Estimate, verdict: ClaimVerdict) -> None:
    assert lies_between(estimate, -0.1, 0.0) is verdict


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ((1.0, 2.0, 3.0), AGREES),
        ((1.0, 2.0, 2.0, 2.0), AGREES),
        ((1.0, 2.0, 1.95, 3.0), AGREES),  # within 3 %: no fall
        ((1.0, 2.0, 1.9, 3.0), DISAGREES),
        ((1.0, 1.02), UNDECIDED),
        ((3.0, 1.0), DISAGREES),
        ((1.0,), UNDECIDED),
        ((), UNDECIDED),
    ],
)
def test_a_rise_may_pause_and_not_fall(values: tuple[float, ...], verdict: ClaimVerdict) -> None:
    assert rises([sharp(value) for value in values]) is verdict


def test_a_rise_needs_intervals_of_both_ends() -> None:
    unknown = Estimate(None, None, None, 0)
    assert rises([unknown, sharp(1.0), sharp(2.0)]) is UNDECIDED
    assert rises([sharp(1.0), unknown, sharp(2.0)]) is AGREES
    assert rises([unknown, sharp(2.0), sharp(1.0)]) is DISAGREES
    assert rises([sharp(1.0), between(0.5, 9.0)]) is UNDECIDED


def test_a_rise_a_fall_and_a_rise_need_all_three() -> None:
    up_down_up = [sharp(value) for value in (1.0, 4.0, 3.0, 5.0)]
    assert rises_falls_rises(up_down_up) is AGREES
    assert rises_falls_rises([sharp(value) for value in (1.0, 2.0, 4.0, 3.0, 2.0)]) is DISAGREES
    assert rises_falls_rises([sharp(value) for value in (4.0, 3.0, 2.0, 5.0)]) is DISAGREES
    wide = [*up_down_up[:2], between(2.0, 4.5, 3.0), up_down_up[3]]
    assert rises_falls_rises(wide) is UNDECIDED


def test_a_series_with_gaps_or_too_short_is_not_judged() -> None:
    gap = [sharp(1.0), sharp(2.0), Estimate(None, None, None, 0), sharp(3.0), sharp(4.0)]
    assert rises_falls_rises(gap) is UNDECIDED
    assert rises_falls_rises([sharp(1.0), sharp(2.0), sharp(1.0)]) is UNDECIDED


def test_growth_is_from_each_value_to_the_next() -> None:
    assert grows([1.0, 2.0, 3.0]) is AGREES
    assert grows([1.0, 2.0, 2.0]) is DISAGREES
    assert grows([1.0]) is UNDECIDED
