"""Capacity: the largest rate that passes, never one that fails, and what ends it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slaibench.measure.saturated import SaturatedThroughput
from slaibench.spec import DEFAULT_SLO
from slaibench.studies.capacity import STEADY, CapacityResult, capacity_from, plan, ratio_of
from slaibench.studies.targets import FAILS, Targets
from tests.studies.studies import H100, find_capacity, loaded, study, sweep

SPEC: dict[str, Any] = {
    "schedulers": ("sarathi",),
    "num_requests": 400,
    "num_seeds": 3,
    "rates": (),
    "profile": str(H100),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


def find(results: Path, **fields: Any) -> CapacityResult:
    return find_capacity(study(**{**SPEC, **fields}), results, jobs=1)[0]


def rate_of(result: CapacityResult) -> float:
    assert result.capacity.rate_rps is not None
    return result.capacity.rate_rps


def ends(result: CapacityResult) -> tuple[float, float]:
    assert result.capacity.ci95 is not None
    return result.capacity.ci95


def failing(result: CapacityResult) -> list[float]:
    """Rates at which some target does not hold over the replicates."""
    rates, curves = result.measured.rates_rps.tolist(), result.measured.curves
    return [
        rate
        for place, rate in enumerate(rates)
        if any(curve.levels[place].value > 0 for curve in curves)
    ]


@pytest.mark.parametrize("slo", [DEFAULT_SLO, "ttft_p50<0.06", "tbt_p99<15ms", "ttft_p99<0.2"])
def test_no_rate_that_fails_lies_at_or_below_the_capacity(results: Path, slo: str) -> None:
    result = find(results, slo=slo)
    rate, (low, high) = rate_of(result), result.capacity.bracket
    assert low is not None
    assert high is not None
    assert failing(result)
    assert rate < min(failing(result)) == high
    assert low <= rate
    assert high / low <= 1.051 or result.capacity.shape == "smooth"
    assert ends(result)[0] <= rate <= ends(result)[1]


def test_a_run_at_the_capacity_keeps_the_targets(results: Path, tmp_path: Path) -> None:
    result = find(results, slo="ttft_p50<0.06")
    assert result.capacity.shape == "smooth"
    assert result.capacity.binding == "ttft_p50<0.06"
    for factor, holds in ((0.97, True), (1.03, False)):
        spec = study(**{**SPEC, "rates": (rate_of(result) * factor,), "slo": "ttft_p50<0.06"})
        summaries = [cell.summary for cell in loaded(sweep(spec, tmp_path, jobs=1).cells)]
        assert (Targets.of(spec).levels(summaries)["ttft_p50<0.06", None].value <= 0) is holds


def test_a_smooth_boundary_has_an_interval_with_both_ends_about_its_bracket(
    results: Path,
) -> None:
    """Rates are added until one is sure to hold and one is sure to fail, near the bracket: that the
    scheduler grows at twice the rate says nothing of a median's bound."""
    result = find(results, slo="ttft_p50<0.06")
    low, high = ends(result)
    assert 0.85 * rate_of(result) < low < rate_of(result) < high < 1.15 * rate_of(result)
    assert result.capacity.note == ""
    levels = result.measured.curves[0].levels
    assert any(level.high <= 0 for level in levels)
    assert any(level.low > 0 for level in levels)


def test_longer_runs_make_it_shorter(results: Path) -> None:
    short = find(results, slo="ttft_p50<0.06")
    long = find(results, slo="ttft_p50<0.06", num_requests=None, num_seeds=2)
    assert (ends(long)[1] - ends(long)[0]) < 0.8 * (ends(short)[1] - ends(short)[0])
    assert ends(short)[0] <= ends(long)[1]
    assert ends(long)[0] <= ends(short)[1]


def test_what_saturates_first_is_named_so(results: Path) -> None:
    result = find(results, slo="tbt_p99<tier")
    assert result.capacity.binding == STEADY == "not saturated"
    assert result.capacity.shape == "cliff"
    high = result.capacity.bracket[1]
    at = [cell.summary for cell in result.cells if cell.cell.rate_rps == high]
    assert sum(summary.saturated for summary in at) >= 2
    assert result.untold is None


def test_the_paper_does_not_look_at_saturation(results: Path) -> None:
    # The tail of TBT holds however long the queue: nothing else ends this capacity.
    fields: dict[str, Any] = {"slo": "tbt_p99<tier", "num_seeds": 1, "rates": (20.0, 50.0)}
    result = find(results, **fields, convention="paper")
    assert failing(result) == []
    assert result.capacity.shape is None
    assert rate_of(result) > 500
    assert result.capacity.bracket[1] is None
    assert result.throughput is None


def test_a_target_nobody_keeps_has_no_capacity(results: Path) -> None:
    result = find(results, slo="ttft_p50<1ms", num_seeds=1)
    assert result.capacity.rate_rps is None
    assert result.capacity.binding == "ttft_p50<1ms"
    document = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert document["rate_rps"] is None
    assert document["ci95"] is None


def test_too_small_a_sample_widens_the_interval_and_is_no_broken_target(results: Path) -> None:
    """Three runs of 400 requests are too few for a P99's upper end: nothing is sure to hold."""
    result = find(results, slo="ttft_p99<0.2")
    assert 10 < rate_of(result) < 30
    assert ends(result)[0] == 0
    assert "no rate is sure to hold: ttft_p99<0.2 needs longer runs" in result.to_json()["note"]
    assert result.untold is None


@pytest.fixture(scope="module")
def on_h100(results: Path) -> dict[int, CapacityResult]:
    """SLAI on the H100 by the default targets, from short runs and from longer ones."""
    fields: dict[str, Any] = {"profile": str(H100), "workload": None, "schedulers": ("slai",)}
    return {
        size: find(results, **fields, rates=rates, num_requests=size, num_seeds=2)
        for size, rates in ((400, ()), (1500, (5.0, 6.5)))
    }


def test_a_short_run_widens_the_interval_and_does_not_move_it_by_half(
    on_h100: dict[int, CapacityResult],
) -> None:
    """Once it printed 3.7 [3.7, 3.8] where longer runs gave 7.2."""
    short, long = on_h100[400], on_h100[1500]
    assert rate_of(short) == pytest.approx(rate_of(long), rel=0.15)
    assert ends(short)[0] == 0
    assert ends(short)[1] >= rate_of(long)
    assert ends(short)[1] - ends(short)[0] >= ends(long)[1] - ends(long)[0]


def test_where_longer_runs_judge_otherwise_the_boundary_is_bracketed_anew(results: Path) -> None:
    """What held in a run of the first length may fail in the longer one that its interval asks for:
    the answer was then the next rate measured below, however far."""
    result = find(results, slo="ttft_p99<0.2", num_requests=None, num_seeds=1, rates=(15.0, 22.0))
    low, high = result.capacity.bracket
    assert low is not None
    assert high is not None
    assert high / low <= 1.051
    sizes = [run.cell.num_requests for run in loaded(result.cells) if run.cell.rate_rps == low]
    assert sizes[0] > result.spec.requests_at(low)


def test_no_capacity_lies_above_the_saturated_throughput(
    on_h100: dict[int, CapacityResult],
) -> None:
    """Shortest prompts first starve some at 7 requests/s, and every other target holds there."""
    for result in on_h100.values():
        assert result.throughput is not None
        assert rate_of(result) < result.throughput.high < 6.85
        assert ends(result)[1] <= result.throughput.high
        steady = next(curve for curve in result.measured.curves if curve.slo == STEADY)
        for rate, level in zip(result.measured.rates_rps, steady.levels, strict=True):
            if rate > result.throughput.high:
                assert level == FAILS
        saturated = result.to_json()["saturated_rps"]
        assert saturated["value"] == result.throughput.rate_rps
        assert saturated["ci95"] == [result.throughput.low, result.throughput.high]


def with_throughput(result: CapacityResult, low: float, high: float) -> CapacityResult:
    """The same cells had the scheduler's saturated throughput been another."""
    throughput = SaturatedThroughput((low + high) / 2, low, high)
    cells = tuple(
        run
        if run.cell.overload is None
        else replace(run, summary=replace(run.summary, throughput=throughput))
        for run in result.cells
    )
    return capacity_from(result.spec, result.targets, result.about, result.scheduler, cells)


def test_an_interval_is_cut_at_the_saturated_throughput(results: Path) -> None:
    result = find(results, slo="ttft_p50<0.06")
    (low, high), rate = ends(result), rate_of(result)
    cut = (rate + high) / 2
    answer = with_throughput(result, rate, cut).capacity
    assert answer.rate_rps is not None
    assert answer.rate_rps <= rate
    assert answer.ci95 is not None
    assert answer.ci95[1] <= cut < high
    assert answer.ci95[0] == pytest.approx(low, rel=0.05)


def test_a_rate_beyond_the_saturated_throughput_is_never_the_answer(results: Path) -> None:
    result = find(results, slo="ttft_p50<0.06")
    limited = with_throughput(result, 9.0, 10.0)
    assert rate_of(limited) <= 10
    assert ends(limited)[1] <= 10
    assert limited.capacity.binding == STEADY


def test_what_the_tail_costs_is_said_beside_the_capacity(results: Path) -> None:
    result = find(results, slo="ttft_p50<0.5,ttft_p99<0.2")
    assert result.without_tail is not None
    assert result.without_tail.rate_rps is not None
    assert result.without_tail.rate_rps > rate_of(result)
    assert result.tail_matters
    assert any("its TTFT's tail: 2" in note for note in result.notes)
    assert result.to_json()["without_ttft_tail"]["rate_rps"] == result.without_tail.rate_rps
    # Neither a median nor a tail alone has another capacity beside it.
    assert find(results, slo="ttft_p50<0.06").without_tail is None
    assert find(results, slo="ttft_p99<0.2").without_tail is None


def test_runs_that_cannot_tell_are_refused_before_they_run(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="60 requests are too few"):
        plan(study(num_requests=60, rates=()), tmp_path)
    with pytest.raises(ValueError, match=r"burst arrivals do not depend on a rate.*poisson"):
        plan(study(arrivals="burst", num_requests=400, rates=()), tmp_path)
    assert not list(tmp_path.rglob("run.json"))


def test_rates_that_are_given_are_measured_first(tmp_path: Path) -> None:
    result = find(tmp_path, rates=(20.0, 40.0), num_seeds=1, slo="ttft_p50<0.5")
    assert {20.0, 40.0} <= set(result.measured.rates_rps.tolist())
    assert result.measured.rates_rps.min() >= 10
    assert all(len(result.to_json()[key]) == 2 for key in ("bracket", "ci95"))


def test_the_same_search_ends_the_same_and_runs_nothing_again(results: Path) -> None:
    first, again = find(results, slo="ttft_p50<0.06"), find(results, slo="ttft_p50<0.06")
    assert again.to_json() == first.to_json()
    assert all(cell.reused for cell in again.cells)


def test_each_scheduler_has_its_own(results: Path) -> None:
    spec = study(
        **{**SPEC, "schedulers": ("sarathi", "sarathi:token_budget=128")}, slo="ttft_p50<0.5"
    )
    large, small = find_capacity(spec, results, jobs=1)
    assert large.scheduler == "sarathi"
    assert rate_of(small) < rate_of(large)
    assert large.throughput is not None
    assert small.throughput is not None
    assert small.throughput.high < large.throughput.low
    assert {cell.cell.scheduler for cell in small.cells} == {small.scheduler}
    ratio = ratio_of(small, large)
    assert ratio.value == pytest.approx(rate_of(large) / rate_of(small))


def test_a_rate_of_which_nothing_is_known_fails_in_no_target_that_others_have(
    results: Path,
) -> None:
    """Two cells were run to the end and one seed alone of the third rate: each has its levels."""
    result = find(results, slo="ttft_p50<0.06")
    assert {curve.slo for curve in result.measured.curves} == {"ttft_p50<0.06", STEADY}
    for curve in result.measured.curves:
        assert len(curve.levels) == len(result.measured.rates_rps)
    by_rate = {run.cell.rate_rps for run in loaded(result.cells)}
    assert by_rate == set(result.measured.rates_rps.tolist())
