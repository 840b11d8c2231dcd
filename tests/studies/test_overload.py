"""Saturated throughputs: measured by one run a scheduler, and no steady state lies beyond them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slaibench.measure.saturated import SaturatedThroughput
from slaibench.measure.steady import Steadiness
from slaibench.recording import store
from slaibench.studies.bound import limits
from slaibench.studies.operating_point import make_point
from slaibench.studies.overload import (
    LOAD,
    NUM_REQUESTS,
    overload_cells,
    throughput_of,
    under_load,
)
from slaibench.studies.prepared import prepare
from slaibench.studies.sweep import SweepResult, summaries_of
from tests.studies.studies import H100, loaded, study, sweep

PAPER_LENGTHS: dict[str, Any] = {"profile": str(H100), "workload": None}
"""The paper's workload on a profile whose saturated throughputs are on record."""


@pytest.fixture(scope="module")
def overloaded(tmp_path_factory: pytest.TempPathFactory) -> SweepResult:
    """SLAI at rates that it cannot carry, in runs of the default length that go on to their end."""
    spec = study(
        **PAPER_LENGTHS,
        schedulers=("slai",),
        rates=(7.0, 7.5),
        num_requests=1250,
        num_seeds=4,
        early_stop=False,
    )
    results = tmp_path_factory.mktemp("results")
    to_their_end = sweep(spec, results, jobs=1)
    ended_early = sweep(
        spec.model_copy(update={"early_stop": None, "rates": (7.5,), "num_seeds": 1}),
        results,
        jobs=1,
    )
    own = tuple(cell for cell in ended_early.cells if cell.cell.overload is not None)
    cells = (*own, *to_their_end.cells)
    names = to_their_end.targets.tier_names
    points = tuple(
        make_point("slai", rate, summaries_of(cells, "slai", rate), names) for rate in spec.rates
    )
    return replace(to_their_end, cells=cells, points=points)


def throughput(swept: SweepResult, scheduler: str) -> SaturatedThroughput:
    measured = throughput_of(swept.cells, scheduler)
    assert measured is not None
    return measured


def test_one_run_a_scheduler_with_more_than_any_serves() -> None:
    prepared = prepare(study(schedulers=("sarathi", "slai"), rates=(1.0, 2.0), num_seeds=3))
    cells = overload_cells(prepared)
    assert [cell.scheduler for cell in cells] == ["sarathi", "slai"]
    (load,) = {cell.rate_rps for cell in cells}
    for cell in cells:
        assert cell.overload is not None
        assert load == pytest.approx(LOAD * cell.overload["bound_rps"], rel=1e-3)
        assert (cell.num_requests, cell.seed, cell.early_stop) == (NUM_REQUESTS, 0, False)


@pytest.mark.parametrize(
    "fields",
    [{"arrivals": "gamma:cv=4"}, {"arrivals": "constant"}, {"duration_s": 5.0}, {}],
)
def test_it_is_the_same_run_whatever_the_studys_arrivals_and_length(
    fields: dict[str, Any],
) -> None:
    """A burst lets an order by length serve requests sorted, which is another mix; a run that ends
    after five seconds never fills."""
    prepared = prepare(study(**{"num_requests": None, **fields}))
    (cell, _) = overload_cells(prepared)
    assert cell == overload_cells(prepare(study()))[0]
    assert (cell.arrivals, cell.horizon_s) == ("poisson", None)
    assert len(prepared.requests(cell)) == NUM_REQUESTS


@pytest.mark.parametrize("fields", [{"convention": "paper"}, {"arrivals": "burst"}])
def test_there_is_none_where_nothing_asks_for_it(fields: dict[str, Any], tmp_path: Path) -> None:
    assert overload_cells(prepare(study(**fields))) == []
    swept = sweep(study(**fields, num_requests=None, duration_s=20.0), tmp_path, jobs=1)
    assert loaded(swept.cells) == list(swept.cells)
    assert throughput_of(swept.cells, "slai") is None


def test_a_recorded_trace_need_not_be_long_enough(tmp_path: Path) -> None:
    """It is no longer than it is, nor are its cells made longer; the overload draws from it."""
    rows = [f"{0.5 * row},{200 + row},{20 + row % 7}" for row in range(130)]
    trace = tmp_path / "trace.csv"
    trace.write_text("\n".join(["arrival_s,prompt_tokens,output_tokens", *rows]) + "\n")
    spec = study(workload=str(trace), arrivals="trace", num_requests=None, schedulers=("slai",))
    swept = sweep(spec, tmp_path / "r", jobs=1)
    (cell,) = loaded(swept.cells)
    assert cell.cell.num_requests == 130
    assert throughput(swept, "slai").rate_rps > 5


def test_slai_on_the_h100_saturates_at_what_its_bound_run_says(overloaded: SweepResult) -> None:
    # `slaibench bound` measured 6.69 to 6.76 requests/s.
    result = throughput(overloaded, "slai")
    assert result.low < result.rate_rps < result.high
    assert result.low > 6.6
    assert result.high < 6.85


def test_a_rate_beyond_the_saturated_throughput_is_never_steady(overloaded: SweepResult) -> None:
    """Under shortest prompt first a few per cent starve, and the rest looks like a steady run."""
    beyond = [run.summary.state for run in under_load(overloaded.cells)]
    assert len(beyond) == 8
    assert Steadiness.STEADY not in beyond
    at = {point.rate_rps: point for point in overloaded.points}
    assert at[7.5].num_growing >= 3
    assert at[7.5].saturated
    assert Steadiness.STEADY not in at[7.0].states


def test_a_lucky_run_is_reported(overloaded: SweepResult) -> None:
    run = next(cell for cell in loaded(overloaded.cells) if cell.cell.rate_rps == 7.0)
    calm = replace(run.summary.steadiness, state=Steadiness.STEADY, reason="waiting does not grow")
    lucky = replace(run, summary=replace(run.summary, steadiness=calm, stopped_early=None))
    others = [cell for cell in overloaded.cells if cell.cell.overload is not None]
    (seen,) = under_load([*others, lucky])
    assert seen.summary.state is Steadiness.CANNOT_TELL
    assert seen.summary.steadiness.reason.startswith(
        "7 requests/s are no less than its saturated throughput of 6.6"
    )
    (alone,) = under_load([lucky])
    assert alone.summary.state is Steadiness.STEADY
    low = replace(lucky, cell=lucky.cell.model_copy(update={"rate_rps": 6.0}))
    (below,) = under_load([*others, low])
    assert below.summary.state is Steadiness.STEADY


def test_the_overload_run_is_no_point_and_is_on_disk_once(
    overloaded: SweepResult, tmp_path: Path
) -> None:
    assert {point.rate_rps for point in overloaded.points} == {7.0, 7.5}
    (own,) = [cell for cell in overloaded.cells if cell.cell.overload is not None]
    assert store.read_run(own.folder)["stopped_early"] is None
    results = own.folder.parents[2]
    update = {"rates": (7.5,), "num_seeds": 1, "early_stop": None}
    again = sweep(overloaded.spec.model_copy(update=update), results, jobs=1)
    assert all(cell.reused for cell in again.cells)


def test_who_still_fills_well_below_the_saturated_throughput_is_steady(
    overloaded: SweepResult,
) -> None:
    run = next(cell for cell in loaded(overloaded.cells) if cell.cell.rate_rps == 7.0)
    others = [cell for cell in overloaded.cells if cell.cell.overload is not None]

    def state(rate_rps: float, *, filling: bool) -> Steadiness:
        verdict = replace(
            run.summary.steadiness, state=Steadiness.CANNOT_TELL, reason="", filling=filling
        )
        summary = replace(run.summary, steadiness=verdict, stopped_early=None)
        cell = run.cell.model_copy(update={"rate_rps": rate_rps})
        (seen,) = under_load([*others, replace(run, cell=cell, summary=summary)])
        return Steadiness(seen.summary.state)

    assert state(6.0, filling=True) is Steadiness.STEADY
    assert state(6.0, filling=False) is Steadiness.CANNOT_TELL
    assert state(6.6, filling=True) is Steadiness.CANNOT_TELL


def test_the_parts_of_a_study_share_one_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    computed = []
    compute = limits.BoundMaker.compute

    def counted(maker: limits.BoundMaker, *limits_of: Any) -> Any:
        computed.append(maker.total_blocks)
        return compute(maker, *limits_of)

    monkeypatch.setattr(limits.BoundMaker, "compute", counted)
    limits._bound.cache_clear()
    spec = study(schedulers=("sarathi", "slai"), kv_blocks=2000)
    cells = overload_cells(prepare(spec))
    assert overload_cells(prepare(spec), ("slai",)) == cells[1:]
    assert computed == [2000]
    overload_cells(prepare(study(schedulers=("sarathi",), kv_blocks=2100)))
    assert computed == [2000, 2100]
