import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from slaibench.measure.capacity import Capacity, Cells, SloCurve, capacity, capacity_ratio, level
from slaibench.recording.record import FloatArray

RATES = np.array([0.8, 1.0, 1.1, 1.2, 1.3, 1.4])
TRUTH = 1.17


def cells(*log_ratios: FloatArray | list[float], rates: FloatArray = RATES) -> Cells:
    curves = []
    for number, values in enumerate(log_ratios):
        table = np.asarray(values, dtype=float)
        table = table[:, None] if table.ndim == 1 else table
        curves.append(SloCurve(f"slo{number}", f"tier{number}", table))
    return Cells(rates, tuple(range(curves[0].log_ratio.shape[1])), tuple(curves))


def found(measured: Cells) -> Capacity:
    return capacity(measured, np.random.default_rng(0), resamples=200)


def simulated(rng: np.random.Generator, seeds: int, truth: float = TRUTH) -> Cells:
    """log(metric / bound) rises steeply with the rate, shifted by each seed's luck."""
    luck, noise = rng.normal(0, 0.25, seeds), rng.normal(0, 0.1, (len(RATES), seeds))
    return cells(6 * (RATES - truth)[:, None] + luck + noise)


def test_boundary_of_a_line_is_its_root() -> None:
    answer = found(cells((RATES - TRUTH) * 3))
    assert answer.rate_rps == pytest.approx(TRUTH)
    assert answer.bracket == (1.1, 1.2)
    assert (answer.shape, answer.binding, answer.binding_tier) == ("smooth", "slo0", "tier0")
    assert answer.ci95 is None  # one seed
    assert "one seed" in answer.note


def test_least_over_slos_binds() -> None:
    answer = found(cells((RATES - 1.33) * 3, (RATES - TRUTH) * 3, RATES - 9))
    assert (answer.rate_rps, answer.binding) == (pytest.approx(TRUTH), "slo1")


def test_lowest_rate_fails_no_answer() -> None:
    answer = found(cells((RATES - 0.5) * 3))
    assert (answer.rate_rps, answer.ci95, answer.shape) == (None, None, None)
    assert answer.bracket == (None, 0.8)
    assert answer.binding == "slo0"
    assert "already fails" in answer.note


def test_no_rate_fails_a_lower_bound() -> None:
    answer = found(cells((RATES - 9) * 3))
    assert (answer.rate_rps, answer.ci95, answer.shape, answer.binding) == (1.4, None, None, None)
    assert answer.bracket == (1.4, None)
    assert "at least" in answer.note


def test_saturation_on_the_failing_side_is_a_cliff() -> None:
    answer = found(cells([-2, -1.5, -1.2, math.inf, math.inf, math.inf]))
    assert (answer.rate_rps, answer.shape) == (1.1, "cliff")
    assert answer.ci95 == answer.bracket == (1.1, 1.2)


@pytest.mark.parametrize(
    ("after", "shape"), [(-0.2 + math.log(3.9), "smooth"), (-0.2 + math.log(4.1), "cliff")]
)
def test_more_than_fourfold_across_the_bracket_is_a_cliff(after: float, shape: str) -> None:
    answer = found(cells([-2, -1, -0.2, after, 3, 4]))
    assert answer.shape == shape
    assert (answer.rate_rps == 1.1) is (shape == "cliff")


def test_saturated_lowest_rate_has_no_answer_even_if_a_higher_one_passes() -> None:
    assert found(cells([math.inf, -1, -1, -1, -1, -1])).rate_rps is None


def test_noise_is_pooled_not_believed() -> None:
    answer = found(cells([-1.0, 0.2, -0.6, 0.5, 1.0, 1.5]))
    assert 1.1 < answer.rate_rps < 1.2  # 0.2 and -0.6 pool to -0.2
    pessimist = found(cells([-1.0, 0.6, -0.2, 0.5, 1.0, 1.5]))
    assert 0.8 < pessimist.rate_rps < 1.0  # 0.6 and -0.2 pool to 0.2


@settings(deadline=None)
@given(st.lists(st.floats(-3, 3) | st.just(math.inf), min_size=6, max_size=6))
@example([0.0, 0.0, 2.2250738585e-313, math.inf, math.inf, 0.0])  # overflowed in PCHIP
def test_a_failing_rate_is_never_the_answer(values: list[float]) -> None:
    answer = found(cells(values))
    if answer.rate_rps is None:
        return
    measured = dict(zip(RATES.tolist(), values, strict=True))
    assert measured[answer.bracket[0]] <= 0
    assert measured.get(answer.rate_rps, 0.0) <= 1e-9
    if answer.bracket[1] is not None:
        assert measured[answer.bracket[1]] > 0
        assert answer.bracket[0] <= answer.rate_rps < answer.bracket[1]


@settings(deadline=None)
@given(st.lists(st.floats(-3, 3), min_size=6, max_size=6), st.floats(0.0, 2.0))
def test_tighter_bounds_never_raise_the_capacity(values: list[float], tighter: float) -> None:
    before = found(cells(values)).rate_rps or 0.0
    after = found(cells([value + tighter for value in values])).rate_rps or 0.0
    assert after <= before + 1e-9


@pytest.mark.parametrize(
    ("replicates", "expected"),
    [
        ([-1.0, 0.5], -0.25),
        ([-1.0, -0.5, math.inf], -0.5),
        ([-1.0, math.inf], math.inf),
        ([-1.0, math.inf, math.inf], math.inf),
        ([-math.inf, 2.0], -24.0),
    ],
)
def test_half_of_the_replicates_must_be_saturated_to_fail_a_rate(
    replicates: list[float], expected: float
) -> None:
    assert level(np.array(replicates)) == expected


@pytest.mark.parametrize("seeds", [3, 5])
def test_interval_covers_the_truth(seeds: int) -> None:
    rng = np.random.default_rng(41)
    answers = [capacity(simulated(rng, seeds), rng, resamples=100) for _ in range(80)]
    hits = sum(a.ci95 is not None and a.ci95[0] <= TRUTH <= a.ci95[1] for a in answers)
    assert hits / 80 >= 0.90
    assert all(a.ci95[0] <= a.rate_rps <= a.ci95[1] for a in answers if a.ci95 is not None)


def test_interval_shrinks_with_seeds() -> None:
    rng = np.random.default_rng(42)
    few, many = (found(simulated(rng, seeds)).ci95 for seeds in (4, 16))
    assert many[1] - many[0] < 0.6 * (few[1] - few[0])


def test_rates_with_fewer_seeds_are_not_lost_in_a_draw() -> None:
    rng = np.random.default_rng(43)
    full = simulated(rng, 5)
    sparse = full.curves[0].log_ratio.copy()
    sparse[[0, 1, 4, 5], 1:] = math.nan  # the search measured these once, the boundary five times
    answer = found(Cells(RATES, full.seeds, (SloCurve("slo0", None, sparse),)))
    assert answer.shape == "smooth"
    assert answer.bracket == (1.1, 1.2)
    assert 1.0 < answer.ci95[0] < answer.rate_rps < answer.ci95[1] < 1.35


def test_same_generator_state_same_answer() -> None:
    measured = simulated(np.random.default_rng(1), 4)
    assert found(measured) == found(measured)


def test_ratio_cancels_what_seeds_do_to_both() -> None:
    rng = np.random.default_rng(44)
    luck = rng.normal(0, 0.25, 5)
    slow, fast = (cells(6 * np.log(RATES / truth)[:, None] + luck) for truth in (1.08, 1.22))
    ratio = capacity_ratio(slow, fast, rng, resamples=200)
    assert ratio.estimate == pytest.approx(1.22 / 1.08, rel=0.01)
    each = [found(measured).ci95 for measured in (slow, fast)]
    assert ratio.high - ratio.low < 0.3 * (each[0][1] - each[0][0] + each[1][1] - each[1][0])


def test_ratio_is_over_common_seeds() -> None:
    rng = np.random.default_rng(45)
    a, b = simulated(rng, 5), simulated(rng, 5, truth=1.25)
    shifted = Cells(b.rates_rps, (2, 3, 4, 5, 6), b.curves)
    assert capacity_ratio(a, shifted, rng).n == 3
    with pytest.raises(ValueError, match="no common seed"):
        capacity_ratio(a, Cells(b.rates_rps, (10, 11, 12, 13, 14), b.curves), rng)


def test_ratio_with_a_cliff_is_that_of_the_brackets() -> None:
    rng = np.random.default_rng(46)
    cliff = cells([-2, -1.5, -1.2, math.inf, math.inf, math.inf])
    smooth = cells((RATES - 1.25) * 3)
    ratio = capacity_ratio(cliff, smooth, rng)
    assert ratio.method == "bracket"
    assert ratio.low == pytest.approx(1.25 / 1.2)
    assert ratio.high == pytest.approx(1.3 / 1.1)
    assert ratio.low <= ratio.estimate <= ratio.high


def test_ratio_of_the_unknown_is_unknown() -> None:
    rng = np.random.default_rng(47)
    fails, holds = cells((RATES - 0.5) * 3), cells((RATES - 9) * 3)
    boundary = cells((RATES - TRUTH) * 3)
    assert math.isnan(capacity_ratio(fails, boundary, rng).estimate)
    bound = capacity_ratio(boundary, holds, rng)
    assert (bound.low, bound.method) == (None, "none")
    assert "lower bound" in bound.note


@pytest.mark.parametrize(
    ("rates", "shape", "complaint"),
    [
        ([1.0, 0.9], (2, 1), "ascending"),
        ([0.0, 0.9], (2, 1), "positive"),
        ([], (0, 1), "at least one rate"),
        ([1.0, 2.0], (3, 1), r"not \(rates, seeds\) = \(2, 1\)"),
    ],
)
def test_what_does_not_fit_is_refused(
    rates: list[float], shape: tuple[int, int], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        Cells(np.array(rates), (0,), (SloCurve("slo", None, np.zeros(shape)),))
