"""Capacity: the largest rate that passes, never one that fails, and what ends it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slaibench.measure.overload import SaturatedThroughput
from slaibench.spec import DEFAULT_SLO
from slaibench.studies.capacity import STEADY, CapacityResult, capacity_from, plan, ratio_of
from slaibench.studies.targets import FAILS, Targets
from tests.studies.studies import H100, find_capacity, loaded, study, sweep

SPEC: dict[str, Any] = {
    "schedulers": ("sarathi",),
    "num_requests": 400,
    "num_seeds": 3,
    "rates": (),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


def find(results: Path, **fields: Any) -> CapacityResult:
    return find_capacity(study(**{**SPEC, **fields}), results, jobs=1)[0]


def rate_of(found: CapacityResult) -> float:
    assert found.capacity.rate_rps is not None
    return found.capacity.rate_rps


def ends(found: CapacityResult) -> tuple[float, float]:
    assert found.capacity.ci95 is not None
    return found.capacity.ci95


def failing(found: CapacityResult) -> list[float]:
    """Rates at which some target does not hold over the replicates."""
    rates, curves = found.measured.rates_rps.tolist(), found.measured.curves
    return [
        rate
        for place, rate in enumerate(rates)
        if any(curve.levels[place].value > 0 for curve in curves)
    ]


@pytest.mark.parametrize("slo", [DEFAULT_SLO, "ttft_p50<0.06", "tbt_p99<15ms", "ttft_p99<0.2"])
def test_no_rate_that_fails_lies_at_or_below_the_capacity(results: Path, slo: str) -> None:
    found = find(results, slo=slo)
    rate, (low, high) = rate_of(found), found.capacity.bracket
    assert low is not None
    assert high is not None
    assert failing(found)
    assert rate < min(failing(found)) == high
    assert low <= rate
    assert high / low <= 1.051 or found.capacity.shape == "smooth"
    assert ends(found)[0] <= rate <= ends(found)[1]


def test_a_run_at_the_capacity_keeps_the_targets(results: Path, tmp_path: Path) -> None:
    found = find(results, slo="ttft_p50<0.06")
    assert found.capacity.shape == "smooth"
    assert found.capacity.binding == "ttft_p50<0.06"
    for factor, holds in ((0.97, True), (1.03, False)):
        spec = study(**{**SPEC, "rates": (rate_of(found) * factor,), "slo": "ttft_p50<0.06"})
        summaries = [cell.summary for cell in loaded(sweep(spec, tmp_path, jobs=1).cells)]
        assert (Targets.of(spec).levels(summaries)["ttft_p50<0.06", None].value <= 0) is holds


def test_a_smooth_boundary_has_an_interval_with_both_ends_about_its_bracket(
    results: Path,
) -> None:
    """Rates are added until one is sure to hold and one is sure to fail, near the bracket: that the
    scheduler grows at twice the rate says nothing of a median's bound."""
    found = find(results, slo="ttft_p50<0.06")
    low, high = ends(found)
    assert 0.85 * rate_of(found) < low < rate_of(found) < high < 1.15 * rate_of(found)
    assert found.capacity.note == ""
    levels = found.measured.curves[0].levels
    assert any(level.high <= 0 for level in levels)
    assert any(level.low > 0 for level in levels)


def test_longer_runs_make_it_shorter(results: Path) -> None:
    short = find(results, slo="ttft_p50<0.06")
    long = find(results, slo="ttft_p50<0.06", num_requests=None, num_seeds=2)
    assert (ends(long)[1] - ends(long)[0]) < 0.8 * (ends(short)[1] - ends(short)[0])
    assert ends(short)[0] <= ends(long)[1]
    assert ends(long)[0] <= ends(short)[1]


def test_what_saturates_first_is_named_so(results: Path) -> None:
    found = find(results, slo="tbt_p99<tier")
    assert found.capacity.binding == STEADY == "not saturated"
    assert found.capacity.shape == "cliff"
    high = found.capacity.bracket[1]
    at = [cell.summary for cell in found.cells if cell.cell.rate_rps == high]
    assert sum(summary.saturated for summary in at) >= 2
    assert found.untold is None


def test_the_paper_does_not_look_at_saturation(results: Path) -> None:
    # The tail of TBT holds however long the queue: nothing else ends this capacity.
    fields: dict[str, Any] = {"slo": "tbt_p99<tier", "num_seeds": 1, "rates": (20.0, 50.0)}
    found = find(results, **fields, convention="paper")
    assert failing(found) == []
    assert found.capacity.shape is None
    assert rate_of(found) > 500
    assert found.capacity.bracket[1] is None
    assert found.throughput is None


def test_a_target_nobody_keeps_has_no_capacity(results: Path) -> None:
    found = find(results, slo="ttft_p50<1ms", num_seeds=1)
    assert found.capacity.rate_rps is None
    assert found.capacity.binding == "ttft_p50<1ms"
    told = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert told["rate_rps"] is None
    assert told["ci95"] is None


def test_too_small_a_sample_widens_the_interval_and_is_no_broken_target(results: Path) -> None:
    """Three runs of 400 requests are too few for a P99's upper end: nothing is sure to hold."""
    found = find(results, slo="ttft_p99<0.2")
    assert 10 < rate_of(found) < 30
    assert ends(found)[0] == 0
    assert "no rate is sure to hold: ttft_p99<0.2 needs longer runs" in found.to_json()["note"]
    assert found.untold is None


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
    found = find(results, slo="ttft_p99<0.2", num_requests=None, num_seeds=1, rates=(15.0, 22.0))
    low, high = found.capacity.bracket
    assert low is not None
    assert high is not None
    assert high / low <= 1.051
    sizes = [one.cell.num_requests for one in loaded(found.cells) if one.cell.rate_rps == low]
    assert sizes[0] > found.spec.requests_at(low)


def test_no_capacity_lies_above_the_saturated_throughput(
    on_h100: dict[int, CapacityResult],
) -> None:
    """Shortest prompts first starve some at 7 requests/s, and every other target holds there."""
    for found in on_h100.values():
        assert found.throughput is not None
        assert rate_of(found) < found.throughput.high < 6.85
        assert ends(found)[1] <= found.throughput.high
        steady = next(curve for curve in found.measured.curves if curve.slo == STEADY)
        for rate, level in zip(found.measured.rates_rps, steady.levels, strict=True):
            if rate > found.throughput.high:
                assert level == FAILS
        told = found.to_json()["saturated_rps"]
        assert told["value"] == found.throughput.rate_rps
        assert told["ci95"] == [found.throughput.low, found.throughput.high]


def with_throughput(found: CapacityResult, low: float, high: float) -> CapacityResult:
    """The same cells had the scheduler's saturated throughput been another."""
    throughput = SaturatedThroughput((low + high) / 2, low, high)
    cells = tuple(
        one
        if one.cell.overload is None
        else replace(one, summary=replace(one.summary, throughput=throughput))
        for one in found.cells
    )
    return capacity_from(found.spec, found.targets, found.about, found.scheduler, cells)


def test_an_interval_is_cut_at_the_saturated_throughput(results: Path) -> None:
    found = find(results, slo="ttft_p50<0.06")
    (low, high), rate = ends(found), rate_of(found)
    cut = (rate + high) / 2
    answer = with_throughput(found, rate, cut).capacity
    assert answer.rate_rps is not None
    assert answer.rate_rps <= rate
    assert answer.ci95 is not None
    assert answer.ci95[1] <= cut < high
    assert answer.ci95[0] == pytest.approx(low, rel=0.05)


def test_a_rate_beyond_the_saturated_throughput_is_never_the_answer(results: Path) -> None:
    found = find(results, slo="ttft_p50<0.06")
    limited = with_throughput(found, 9.0, 10.0)
    assert rate_of(limited) <= 10
    assert ends(limited)[1] <= 10
    assert limited.capacity.binding == STEADY


def test_what_the_tail_costs_is_said_beside_the_capacity(results: Path) -> None:
    found = find(results, slo="ttft_p50<0.5,ttft_p99<0.2")
    assert found.without_tail is not None
    assert found.without_tail.rate_rps is not None
    assert found.without_tail.rate_rps > rate_of(found)
    assert found.tail_matters
    assert any("its TTFT's tail: 2" in note for note in found.notes)
    assert found.to_json()["without_ttft_tail"]["rate_rps"] == found.without_tail.rate_rps
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
    found = find(tmp_path, rates=(20.0, 40.0), num_seeds=1, slo="ttft_p50<0.5")
    assert {20.0, 40.0} <= set(found.measured.rates_rps.tolist())
    assert found.measured.rates_rps.min() >= 10
    assert all(len(found.to_json()[key]) == 2 for key in ("bracket", "ci95"))


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
    found = find(results, slo="ttft_p50<0.06")
    assert {curve.slo for curve in found.measured.curves} == {"ttft_p50<0.06", STEADY}
    for curve in found.measured.curves:
        assert len(curve.levels) == len(found.measured.rates_rps)
    by_rate = {one.cell.rate_rps for one in loaded(found.cells)}
    assert by_rate == set(found.measured.rates_rps.tolist())
