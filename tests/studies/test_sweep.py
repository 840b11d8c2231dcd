"""Sweeps: saturated cells end early and say so; conventions differ; nothing runs twice."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slaibench.measure.steady import Steadiness
from slaibench.recording import store
from slaibench.spec import MIN_REQUESTS
from slaibench.studies.executors import CellResult
from slaibench.studies.prepared import prepare
from slaibench.studies.sweep import SweepResult, plan, sweep_result
from slaibench.studies.targets import STEADY, State, Targets
from slaibench.studies.trust import EXTREME_TAIL, tail_warnings
from tests.studies.studies import H100, loaded, study, sweep

RATES = (10.0, 60.0)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def swept(results: Path) -> SweepResult:
    """A rate that is carried, and one at more than twice the capacity."""
    return sweep(study(rates=RATES, num_requests=1000, num_seeds=2), results, jobs=1)


def test_points_come_by_scheduler_then_rate_with_every_seed(swept: SweepResult) -> None:
    assert [(p.scheduler, p.rate_rps) for p in swept.points] == [
        (name, rate) for name in ("sarathi", "slai") for rate in RATES
    ]
    assert [point.num_seeds for point in swept.points] == [2, 1, 2, 2]
    assert [point.rate_rps for point in swept.of("slai")] == list(RATES)
    # And a saturated throughput of each scheduler.
    assert len(swept.folders()) == len(set(swept.folders())) == 7 + 2


def test_a_saturated_cell_is_stopped_early_and_says_so(swept: SweepResult) -> None:
    calm, flooded = swept.of("sarathi")
    assert (calm.saturated, calm.stopped_early) == (False, 0)
    assert (flooded.saturated, flooded.stopped_early) == (True, 1)
    assert flooded.reason.startswith("saturated, stopped at ")
    assert flooded.counts.due < calm.counts.due == 2000
    for cell in loaded(swept.cells):
        if cell.cell.scheduler == "sarathi":
            stopped = store.read_run(cell.folder)["stopped_early"] is not None
            assert stopped is (cell.cell.rate_rps == 60)


def test_what_is_certain_to_grow_has_no_replicates(swept: SweepResult, tmp_path: Path) -> None:
    """A run is stopped only once another would be as well; one that is not stopped proves less."""
    flooded = [cell for cell in loaded(swept.cells) if cell.cell.rate_rps == 60]
    for cell in flooded:
        alone = [run for run in flooded if run.cell.scheduler == cell.cell.scheduler]
        assert (len(alone) == 1) is (alone[0].summary.stopped_early is not None)
    assert [cell.cell.seed for cell in flooded if cell.cell.scheduler == "sarathi"] == [0]
    spec = study(rates=(60.0,), num_requests=1000, num_seeds=2, early_stop=False)
    whole = sweep(spec.model_copy(update={"schedulers": ("sarathi",)}), tmp_path, jobs=1)
    assert [cell.cell.seed for cell in loaded(whole.cells)] == [0, 1]
    assert whole.points[0].states == {Steadiness.GROWING: 2}


def test_every_due_request_is_in_one_bucket(swept: SweepResult) -> None:
    for point in swept.points:
        c = point.counts
        assert c.due == c.finished + c.failed + c.timed_out + c.unfinished
    assert swept.of("sarathi")[0].counts.unfinished == 0
    assert swept.of("sarathi")[1].counts.unfinished > 0


def test_a_sweep_may_be_told_not_to_stop(tmp_path: Path) -> None:
    spec = study(rates=(60.0,), num_requests=1000, schedulers=("sarathi",), early_stop=False)
    (point,) = sweep(spec, tmp_path, jobs=1).points
    assert point.saturated
    assert point.stopped_early == 0
    assert point.counts.finished == 1000


def test_the_second_time_nothing_runs_and_the_numbers_are_the_same(
    swept: SweepResult, results: Path
) -> None:
    reports: list[tuple[bool, int, int]] = []

    def on_cell(cell: CellResult, done: int, total: int) -> None:
        reports.append((cell.reused, done, total))

    again = sweep(swept.spec, results, jobs=1, on_cell=on_cell)
    # Saturated throughputs, the first seed of every rate, and the others where they are needed.
    assert reports == [(True, done, num) for num in (2, 4, 3) for done in range(1, num + 1)]
    assert again.num_reused == 9
    assert swept.num_reused == 0
    assert again.to_json() == swept.to_json()


def test_json_is_strict_and_the_frame_has_its_numbers(swept: SweepResult) -> None:
    document = json.loads(json.dumps(swept.to_json(), allow_nan=False))
    frame = swept.frame()
    assert len(frame) == len(document["points"]) == 4
    medians = [None if math.isnan(value) else value for value in frame["ttft_p50_s"]]
    assert medians == [point["ttft_p50_s"] for point in document["points"]]
    assert None in medians  # among requests that were still waiting when the run was stopped
    assert frame["due"].tolist() == [cell["outcomes"]["due"] for cell in document["points"]]


def test_every_point_is_judged_by_the_targets(swept: SweepResult) -> None:
    for name in ("sarathi", "slai"):
        calm, flooded = (swept.verdict(point) for point in swept.of(name))
        assert flooded.state is State.NOT_MET
        assert (STEADY, None) in flooded.targets
        assert "it is saturated" in flooded.why
        assert calm.state is not State.NOT_MET
        assert swept.by_targets[name].capacity.bracket == RATES
    document = swept.to_json()
    states = [point["verdict"]["state"] for point in document["points"]]
    assert states == [swept.verdict(point).state.value for point in swept.points]
    assert [capacity["scheduler"] for capacity in document["capacities"]] == ["sarathi", "slai"]


def test_one_rate_is_judged_and_gives_no_capacity(swept: SweepResult) -> None:
    spec = swept.spec.model_copy(update={"rates": RATES[:1], "slo": "ttft_p50<100"})
    cells = [cell for cell in swept.cells if cell.cell.rate_rps != RATES[1]]
    one = sweep_result(spec, Targets.of(spec), swept.about, swept.workload_note, cells)
    assert one.to_json()["capacities"] == []
    assert {one.verdict(point).state for point in one.points} <= {State.MET, State.CANNOT_TELL}


def test_a_run_too_short_to_tell_is_neither_saturated_nor_steady(tmp_path: Path) -> None:
    (point,) = sweep(study(schedulers=("slai",)), tmp_path, jobs=1).points
    assert (point.saturated, point.undecided) == (False, True)
    assert point.states == {Steadiness.CANNOT_TELL: 1}
    assert point.to_json()["saturated"] is None


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> SweepResult:
    """A default study: its cells are as long as their numbers need."""
    fields: dict[str, Any] = {"schedulers": ("sarathi",), "num_requests": None}
    spec = study(**fields, rates=(5.0, 20.0, 60.0), profile=str(H100))
    return sweep(spec, tmp_path_factory.mktemp("results"), jobs=1)


def test_a_default_cell_grows_until_its_percentiles_have_intervals(extended: SweepResult) -> None:
    calm, busy, flooded = loaded(extended.cells)
    assert calm.cell.num_requests == MIN_REQUESTS
    assert busy.cell.num_requests >= 2 * extended.spec.requests_at(20.0)
    assert busy.cell.num_requests % extended.spec.requests_at(20.0) == 0
    assert flooded.cell.num_requests == extended.spec.requests_at(60.0)  # growing: it would not do
    for point in extended.points[:2]:
        assert point.ttft_s["p50"].ci95 is not None
        assert point.ttft_s["p99"].ci95 is not None


def test_a_longer_runs_first_requests_are_those_of_the_shorter_one(
    extended: SweepResult,
) -> None:
    """So schedulers whose runs are of other lengths are compared over the requests they share."""
    prepared = prepare(extended.spec)
    busy = loaded(extended.cells)[1].cell
    first = extended.spec.requests_at(20.0)
    short = prepared.requests(busy.model_copy(update={"num_requests": first}))
    assert prepared.requests(busy)[:first] == short
    tables = [
        store.read(folder).requests
        for folder in store.find_runs(loaded(extended.cells)[1].folder.parent)
        if store.read_run(folder)["spec"]["rate_rps"] == 20
    ]
    assert len({len(table) for table in tables}) == len(tables) >= 2
    for name in ("due_s", "prompt_tokens", "output_tokens", "tier"):
        for table in tables:
            whole = getattr(max(tables, key=len), name)
            assert (getattr(table, name) == whole[: len(table)]).all()
    # Until the short run's last request is due nothing is different either.
    short, long = sorted(tables, key=len)[:2]
    early = short.first_token_s < short.due_s[-1]
    assert early.sum() > 0.9 * first
    assert (short.first_token_s[early] == long.first_token_s[: len(short)][early]).all()


@pytest.mark.parametrize("fields", [{"num_requests": 300}, {"duration_s": 15.0}])
def test_a_length_that_was_asked_for_is_kept(tmp_path: Path, fields: dict[str, Any]) -> None:
    spec = study(**{"num_requests": None, "schedulers": ("sarathi",), "rates": (20.0,), **fields})
    swept = sweep(spec, tmp_path, jobs=1)
    assert [cell.cell.num_requests for cell in loaded(swept.cells)] == [spec.requests_at(20.0)]


def starving(swept: SweepResult, rate_rps: float) -> list[CellResult]:
    """A sweep's cells at one rate as if every fiftieth request waited, longer and longer."""
    number = np.arange(3000)
    waits = np.random.default_rng(5).exponential(size=3000)
    samples = {("ttft", None): np.where(number % 50 == 0, 20.0 + 0.05 * number, waits)}
    return [
        replace(cell, summary=replace(cell.summary, samples=samples))
        for cell in loaded(swept.cells)
        if cell.cell.rate_rps == rate_rps
    ]


def test_a_tail_out_of_all_proportion_is_said_once_a_scheduler(swept: SweepResult) -> None:
    assert tail_warnings(swept.cells) == ()
    (first, second) = tail_warnings(starving(swept, 10.0))
    assert first.startswith("sarathi at 10 requests/s: the P99 of TTFT is ")
    assert second.startswith("slai at 10 requests/s: the P99 of TTFT is ")
    assert float(first.split(" is ")[1].split()[0]) > EXTREME_TAIL
    assert "times as long in the runs' second halves: some requests starve" in first
    calmer = [
        replace(
            run,
            summary=replace(
                run.summary, samples={("ttft", None): run.summary.samples["ttft", None][::-1]}
            ),
        )
        for run in starving(swept, 10.0)
    ]
    assert all("halves" not in warning for warning in tail_warnings(calmer))
    higher = [
        replace(cell, cell=cell.cell.model_copy(update={"rate_rps": 12.0}))
        for cell in starving(swept, 10.0)
    ]
    both = [*starving(swept, 10.0), *higher]
    assert tail_warnings(both) == (first, second)  # the lowest such rate alone


def test_a_growing_run_is_marked_and_needs_no_warning_of_its_tail(swept: SweepResult) -> None:
    flooded = [run for run in starving(swept, 60.0) if run.cell.scheduler == "sarathi"]
    assert flooded[0].summary.state is Steadiness.GROWING
    assert tail_warnings(flooded) == ()


def test_conventions_move_arrivals_horizon_and_stop(tmp_path: Path) -> None:
    fields: dict[str, Any] = {"schedulers": ("sarathi",), "rates": (0.2,), "num_requests": None}
    spec = study(**fields, convention="paper")
    (cell,) = sweep(spec, tmp_path, jobs=1).cells  # and no saturated throughput
    run = store.read(cell.folder)
    assert run.run["spec"]["arrivals"] == "poisson-truncated"
    assert run.run["spec"]["horizon_s"] == 2100
    assert run.run["end_s"] <= 2100
    assert not run.run["spec"]["early_stop"]
    due = run.requests.due_s
    assert due[-1] <= 2100
    assert (due[1:] - due[:-1]).max() <= 3 / 0.2 + 1e-9
    assert prepare(study(**fields)).cells()[0].arrivals == "poisson"


def test_a_sweep_without_rates_needs_arrivals_that_take_one(tmp_path: Path) -> None:
    assert plan(study(rates=()), tmp_path, jobs=1).spec.rates == ()
    with pytest.raises(ValueError, match="nothing to choose: give one, as --rates 1"):
        plan(study(rates=(), arrivals="burst"), tmp_path, jobs=1)


@pytest.mark.parametrize(
    ("slo", "message"),
    [
        (
            "ttft<1",
            r"is not an SLO: ttft of which statistic\? Accepted: METRIC_STAT\[@WHOSE\]<BOUND",
        ),
        ("ttft_p50@gold<1", "no tier 'gold'; there are paying, free"),
    ],
)
def test_targets_are_refused_before_anything_runs(tmp_path: Path, slo: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan(study(slo=slo), tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_lengths_that_cannot_be_had_are_refused_before_anything_runs(tmp_path: Path) -> None:
    for rates in ((), (5.0,)):
        with pytest.raises(ValueError, match="no recorded arrival times"):
            plan(study(arrivals="trace", rates=rates), tmp_path)
        with pytest.raises(ValueError, match="max_total_tokens=5"):
            plan(study(max_total_tokens=5, rates=rates), tmp_path)


def test_a_file_in_the_way_of_the_results_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r").write_text("")
    with pytest.raises(store.RecordingError, match=r"cannot be written .*--results"):
        plan(study(), tmp_path / "r" / "here")
