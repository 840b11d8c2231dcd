import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from slaibench.measure.capacity import (
    Capacity,
    Cells,
    SloCurve,
    SloLevel,
    capacity,
    capacity_ratio,
)
from slaibench.recording.record import FloatArray

RATES = np.array([0.8, 1.0, 1.1, 1.2, 1.3, 1.4])
TRUTH = 1.17


def level(value: float, half: float = 0.0) -> SloLevel:
    return SloLevel(value, value - half, value + half)


def curve(values: FloatArray | list[float], half: float = 0.0, number: int = 0) -> SloCurve:
    levels = tuple(level(float(value), half) for value in values)
    return SloCurve(f"slo{number}", f"tier{number}", levels)


def cells(*curves: FloatArray | list[float], half: float = 0.0, rates: FloatArray = RATES) -> Cells:
    made = tuple(curve(values, half, number) for number, values in enumerate(curves))
    return Cells(rates, made, 3)


def of_levels(*levels: SloLevel, rates: FloatArray = RATES) -> Cells:
    return Cells(rates, (SloCurve("slo0", None, levels),), 3)


def rate_of(answer: Capacity) -> float:
    assert answer.rate_rps is not None
    return answer.rate_rps


def ends(answer: Capacity) -> tuple[float, float]:
    assert answer.ci95 is not None
    return answer.ci95


def test_boundary_of_a_line_is_its_root() -> None:
    answer = capacity(cells((RATES - TRUTH) * 3))
    assert answer.rate_rps == pytest.approx(TRUTH)
    assert answer.bracket == (1.1, 1.2)
    assert (answer.shape, answer.binding, answer.binding_tier) == ("smooth", "slo0", "tier0")
    assert ends(answer) == pytest.approx((TRUTH, TRUTH))  # levels without an error
    assert (answer.note, answer.replicates) == ("", 3)


def test_the_interval_ends_where_the_ends_of_the_levels_cross_the_bound() -> None:
    answer = capacity(cells((RATES - TRUTH) * 3, half=0.15))
    assert answer.rate_rps == pytest.approx(TRUTH)
    assert ends(answer) == pytest.approx((TRUTH - 0.05, TRUTH + 0.05))


def test_least_over_slos_binds_and_any_of_them_ends_the_interval() -> None:
    answer = capacity(cells((RATES - 1.33) * 3, (RATES - TRUTH) * 3, RATES - 9))
    assert (answer.rate_rps, answer.binding) == (pytest.approx(TRUTH), "slo1")
    sure = curve((RATES - TRUTH) * 3, half=0.03)
    vague = curve((RATES - 1.3) * 3, half=0.75, number=1)
    both = capacity(Cells(RATES, (sure, vague), 3))
    assert both.rate_rps == pytest.approx(TRUTH)
    assert ends(both) == pytest.approx((1.3 - 0.25, TRUTH + 0.01))


def test_lowest_rate_fails_no_answer() -> None:
    answer = capacity(cells((RATES - 0.5) * 3, half=0.1))
    assert (answer.rate_rps, answer.ci95, answer.shape) == (None, None, None)
    assert answer.bracket == (None, 0.8)
    assert answer.binding == "slo0"
    assert answer.note == "the lowest rate measured, 0.8, already fails"


def test_no_rate_fails_a_lower_bound() -> None:
    answer = capacity(cells((RATES - 9) * 3))
    assert (answer.rate_rps, answer.ci95, answer.shape, answer.binding) == (1.4, None, None, None)
    assert answer.bracket == (1.4, None)
    assert "at least" in answer.note


FAILS = SloLevel(math.inf, 1.0, math.inf)


def test_saturation_on_the_failing_side_is_a_cliff_whose_bracket_is_no_interval() -> None:
    levels = [level(value, 0.1) for value in (-2, -1.5, -1.2)] + [FAILS] * 3
    answer = capacity(of_levels(*levels))
    assert (answer.rate_rps, answer.shape, answer.bracket) == (1.1, "cliff", (1.1, 1.2))
    assert "cliff" in answer.note
    assert ends(answer) == (1.1, 1.2)
    # A rate that may hold for all that is known: the interval goes on beyond the bracket.
    unsure = SloLevel(math.inf, -math.inf, math.inf)
    wide = capacity(of_levels(*levels[:3], unsure, FAILS, FAILS))
    assert (wide.rate_rps, wide.bracket) == (1.1, (1.1, 1.2))
    assert ends(wide)[1] > 1.2


@pytest.mark.parametrize(
    ("after", "shape"), [(-0.2 + math.log(3.9), "smooth"), (-0.2 + math.log(4.1), "cliff")]
)
def test_more_than_fourfold_across_the_bracket_is_a_cliff(after: float, shape: str) -> None:
    answer = capacity(cells([-2, -1, -0.2, after, 3, 4]))
    assert answer.shape == shape
    assert (answer.rate_rps == 1.1) is (shape == "cliff")


def test_saturated_lowest_rate_has_no_answer_even_if_a_higher_one_passes() -> None:
    answer = capacity(of_levels(FAILS, *[level(-1.0)] * 5))
    assert answer.rate_rps is None


def test_noise_is_pooled_not_believed() -> None:
    answer = capacity(cells([-1.0, 0.2, -0.6, 0.5, 1.0, 1.5]))
    assert 1.1 < rate_of(answer) < 1.2  # 0.2 and -0.6 pool to -0.2
    pessimist = capacity(cells([-1.0, 0.6, -0.2, 0.5, 1.0, 1.5]))
    assert 0.8 < rate_of(pessimist) < 1.0  # 0.6 and -0.2 pool to 0.2


UNKNOWN = SloLevel(-1.0, -1.0, math.inf)
"""Nothing speaks against it and nothing excludes that it fails, as of a run too short to tell."""


def test_what_one_rate_cannot_tell_widens_the_interval_and_moves_no_estimate() -> None:
    certain = [level(value, 0.1) for value in ((RATES - TRUTH) * 3).tolist()]
    blind = [SloLevel(point.value, point.low, math.inf) for point in certain]
    sure = capacity(of_levels(*certain))
    for num_blind in range(1, 4):
        levels = [*certain[: 3 - num_blind], *blind[3 - num_blind : 3], *certain[3:]]
        answer = capacity(of_levels(*levels))
        assert answer.rate_rps == sure.rate_rps
        assert ends(answer)[1] == ends(sure)[1]
        assert ends(answer)[0] < ends(sure)[0]


def test_the_interval_begins_at_zero_where_no_rate_is_sure_to_hold() -> None:
    steady = SloCurve("not saturated", None, (*[UNKNOWN] * 4, FAILS, FAILS))
    answer = capacity(Cells(RATES, (curve((RATES - TRUTH) * 3, half=0.1), steady), 2))
    assert answer.rate_rps == pytest.approx(TRUTH)
    assert ends(answer)[0] == 0
    assert ends(answer)[1] == pytest.approx(TRUTH + 0.1 / 3)
    assert "no rate is sure to hold: not saturated needs longer runs" in answer.note


def test_the_interval_goes_up_to_the_highest_rate_where_none_is_sure_to_fail() -> None:
    levels = [
        *[level(value) for value in (-2.0, -1.0, -0.5)],
        *[SloLevel(value, -math.inf, math.inf) for value in (0.2, 0.4, 0.6)],
    ]
    answer = capacity(of_levels(*levels))
    assert 1.1 < rate_of(answer) < 1.2
    assert ends(answer)[1] == 1.4
    assert "no rate is sure to fail: measure higher rates" in answer.note


@settings(deadline=None)
@given(st.lists(st.floats(-3, 3) | st.just(math.inf), min_size=6, max_size=6))
@example([0.0, 0.0, 2.2250738585e-313, math.inf, math.inf, 0.0])  # overflowed in PCHIP
def test_a_failing_rate_is_never_the_answer(values: list[float]) -> None:
    answer = capacity(cells(values, half=0.2))
    if answer.rate_rps is None:
        return
    measured = dict(zip(RATES.tolist(), values, strict=True))
    low, high = answer.bracket
    assert low is not None
    assert measured[low] <= 0
    assert measured.get(answer.rate_rps, 0.0) <= 1e-9
    if high is not None:
        assert measured[high] > 0
        assert low <= answer.rate_rps < high
        assert ends(answer)[0] <= answer.rate_rps <= ends(answer)[1]


@settings(deadline=None)
@given(st.lists(st.floats(-3, 3), min_size=6, max_size=6), st.floats(0.0, 2.0))
def test_tighter_bounds_never_raise_the_capacity(values: list[float], tighter: float) -> None:
    before = capacity(cells(values)).rate_rps or 0.0
    after = capacity(cells([value + tighter for value in values])).rate_rps or 0.0
    assert after <= before + 1e-9


@settings(deadline=None)
@given(st.lists(st.floats(-3, 3), min_size=6, max_size=6), st.floats(0.0, 0.5), st.floats(0.0, 1.0))
def test_surer_levels_never_widen_the_interval(
    values: list[float], half: float, more: float
) -> None:
    narrow, wide = (capacity(cells(values, half=h)) for h in (half, half + more))
    assert narrow.rate_rps == wide.rate_rps
    if narrow.ci95 is not None:
        assert ends(wide)[0] <= ends(narrow)[0] + 1e-9
        assert ends(narrow)[1] <= ends(wide)[1] + 1e-9


@pytest.mark.parametrize("seeds", [3, 5])
def test_interval_covers_the_truth(seeds: int) -> None:
    """log(metric / bound) rises steeply with the rate; every rate has seeds of its own, and its
    level is their mean with Student's t."""
    rng = np.random.default_rng(41)
    hits = 0
    for _ in range(400):
        noise = rng.normal(0, 0.25, (len(RATES), seeds))
        values = 6 * (RATES - TRUTH)[:, None] + noise
        halves = stats.t.ppf(0.975, seeds - 1) * values.std(axis=1, ddof=1) / math.sqrt(seeds)
        answer = capacity(
            of_levels(*[level(m, h) for m, h in zip(values.mean(axis=1), halves, strict=True)])
        )
        if answer.ci95 is None:  # beyond the rates that were measured, and said so
            hits += 1
            continue
        assert ends(answer)[0] <= rate_of(answer) <= ends(answer)[1]
        hits += ends(answer)[0] <= TRUTH <= ends(answer)[1]
    assert hits / 400 >= 0.93


def test_without_an_slo_the_others_remain() -> None:
    both = cells((RATES - 1.05) * 3, (RATES - TRUTH) * 3)
    assert both.without(["slo0"]).curves == both.curves[1:]
    assert capacity(both.without(["slo0"])).rate_rps == pytest.approx(TRUTH)
    assert both.without(["another"]) == both


def answered(rate: float | None, ci95: tuple[float, float] | None, seeds: int = 3) -> Capacity:
    return Capacity(rate, ci95, (rate, None), None, None, None, seeds, "")


def test_the_distances_of_a_ratio_from_its_ends_add_up_in_squares() -> None:
    a, b = answered(1.0, (0.8, 1.1)), answered(2.0, (1.9, 2.6), seeds=2)
    ratio = capacity_ratio(a, b)
    assert (ratio.estimate, ratio.n, ratio.method) == (2.0, 2, "mover")
    assert ratio.low is not None
    assert ratio.high is not None
    assert math.log(2 / ratio.low) == pytest.approx(
        math.hypot(math.log(2.0 / 1.9), math.log(1.1 / 1.0))
    )
    assert math.log(ratio.high / 2) == pytest.approx(
        math.hypot(math.log(2.6 / 2.0), math.log(1.0 / 0.8))
    )


def test_swapping_the_sides_inverts_the_ratio() -> None:
    a, b = answered(1.0, (0.8, 1.1)), answered(2.0, (1.9, 2.6))
    forward, backward = capacity_ratio(a, b), capacity_ratio(b, a)
    assert backward.high is not None
    assert forward.estimate == pytest.approx(1 / backward.estimate)
    assert forward.low == pytest.approx(1 / backward.high)


def test_a_ratio_to_something_without_error_has_the_others_interval() -> None:
    ratio = capacity_ratio(answered(1.0, (1.0, 1.0)), answered(2.0, (1.9, 2.6)))
    assert (ratio.low, ratio.high) == (pytest.approx(1.9), pytest.approx(2.6))


@pytest.mark.parametrize(
    ("a", "b", "estimate", "note"),
    [
        (answered(None, None), answered(2.0, (1.9, 2.6)), math.nan, "no capacity among the rates"),
        (answered(1.0, (0.8, 1.1)), answered(1.4, None), 1.4, "only a lower bound"),
        (answered(1.0, (0.0, 1.1)), answered(2.0, (1.9, 2.6)), 2.0, "no rate of a scheduler"),
        (answered(1.0, (0.8, 1.1)), answered(2.0, (0.0, 2.6)), 2.0, "no rate of a scheduler"),
    ],
)
def test_ratio_of_the_unknown_is_unknown(
    a: Capacity, b: Capacity, estimate: float, note: str
) -> None:
    ratio = capacity_ratio(a, b)
    assert ratio.estimate == pytest.approx(estimate, nan_ok=True)
    assert (ratio.low, ratio.high, ratio.method) == (None, None, "none")
    assert note in ratio.note


@pytest.mark.parametrize(
    ("rates", "num_levels", "complaint"),
    [
        ([1.0, 0.9], 2, "ascending"),
        ([0.0, 0.9], 2, "positive"),
        ([], 0, "at least one rate"),
        ([1.0, 2.0], 3, "SLO 'slo' has 3 levels for 2 rates"),
    ],
)
def test_what_does_not_fit_is_refused(rates: list[float], num_levels: int, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Cells(np.array(rates), (SloCurve("slo", None, (level(0.0),) * num_levels),), 1)
    with pytest.raises(ValueError, match="one SLO"):
        Cells(np.array([1.0]), (), 1)
