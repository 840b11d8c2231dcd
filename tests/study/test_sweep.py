"""Sweeps: saturated cells end early and say so; conventions differ; nothing runs twice."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from slaibench.recording import store
from slaibench.study.bench import prepare
from slaibench.study.pool import CellResult
from slaibench.study.sweep import SweepResult, check, sweep
from tests.study.studies import study

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
    assert all(point.num_seeds == 2 for point in swept.points)
    assert [point.rate_rps for point in swept.of("slai")] == list(RATES)
    assert len(swept.folders()) == len(set(swept.folders())) == 8


def test_a_saturated_cell_is_stopped_early_and_says_so(swept: SweepResult) -> None:
    calm, flooded = swept.of("sarathi")
    assert (calm.saturated, calm.stopped_early) == (False, 0)
    assert (flooded.saturated, flooded.stopped_early) == (True, 2)
    assert flooded.reason.startswith("saturated, stopped at ")
    assert flooded.counts.due < calm.counts.due == 2000
    for cell in swept.cells:
        if cell.cell.scheduler == "sarathi":
            stopped = store.read_run(cell.folder)["stopped_early"] is not None
            assert stopped is (cell.cell.rate_rps == 60)


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
    told: list[tuple[bool, int, int]] = []

    def on_cell(cell: CellResult, done: int, total: int) -> None:
        told.append((cell.reused, done, total))

    again = sweep(swept.spec, results, jobs=1, on_cell=on_cell)
    assert told == [(True, done, 8) for done in range(1, 9)]
    assert again.num_reused == 8
    assert swept.num_reused == 0
    assert again.to_json() == swept.to_json()


def test_json_is_strict_and_the_frame_has_its_numbers(swept: SweepResult) -> None:
    told = json.loads(json.dumps(swept.to_json(), allow_nan=False))
    frame = swept.frame()
    assert len(frame) == len(told["points"]) == 4
    medians = [None if math.isnan(value) else value for value in frame["ttft_p50_s"]]
    assert medians == [point["ttft_p50_s"] for point in told["points"]]
    assert None in medians  # among requests that were still waiting when the run was stopped
    assert frame["outcomes.due"].tolist() == [each["outcomes"]["due"] for each in told["points"]]


def test_a_run_too_short_to_tell_is_neither_saturated_nor_steady(tmp_path: Path) -> None:
    (point,) = sweep(study(schedulers=("slai",)), tmp_path, jobs=1).points
    assert (point.saturated, point.undecided) == (False, 1)
    assert point.to_json()["saturated"] is None


def test_conventions_move_arrivals_horizon_and_stop(tmp_path: Path) -> None:
    fields: dict[str, Any] = {"schedulers": ("sarathi",), "rates": (0.2,), "num_requests": None}
    spec = study(**fields, convention="paper")
    (cell,) = sweep(spec, tmp_path, jobs=1).cells
    run = store.read(cell.folder)
    assert run.run["spec"]["arrivals"] == "poisson-truncated"
    assert run.run["spec"]["horizon_s"] == 2100
    assert run.run["end_s"] <= 2100
    assert not run.run["spec"]["early_stop"]
    due = run.requests.due_s
    assert due[-1] <= 2100
    assert (due[1:] - due[:-1]).max() <= 3 / 0.2 + 1e-9
    assert prepare(study(**fields)).cells()[0].arrivals == "poisson"


def test_a_sweep_needs_a_rate(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one rate"):
        sweep(study(rates=()), tmp_path, jobs=1)


@pytest.mark.parametrize(
    ("slo", "told"),
    [
        ("ttft<1", "is not an SLO. Accepted: METRIC_STAT"),
        ("ttft_p50@gold<1", "no tier 'gold'; there are paying, free"),
    ],
)
def test_targets_are_refused_before_anything_runs(tmp_path: Path, slo: str, told: str) -> None:
    for refuse in (check, sweep):
        with pytest.raises(ValueError, match=told):
            refuse(study(slo=slo), tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_lengths_that_cannot_be_had_are_refused_before_anything_runs(tmp_path: Path) -> None:
    for rates in ((), (5.0,)):
        with pytest.raises(ValueError, match="no recorded arrival times"):
            check(study(arrivals="trace", rates=rates), tmp_path)
        with pytest.raises(ValueError, match="max_total_tokens=5"):
            check(study(max_total_tokens=5, rates=rates), tmp_path)


def test_a_file_in_the_way_of_the_results_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r").write_text("")
    for refuse in (check, sweep):
        with pytest.raises(store.RecordingError, match=r"cannot be written .*--results"):
            refuse(study(), tmp_path / "r" / "here")
