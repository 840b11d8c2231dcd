"""Closed loops as a study: cells, points, paired changes, and what does not go with them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slaibench.recording import store
from slaibench.spec import CellSpec, StudySpec
from slaibench.spec.load import LEAST_A_CLIENT, MIN_REQUESTS, REQUESTS_A_CLIENT
from slaibench.studies import capacity, compare, sweep
from slaibench.studies.closed_from_disk import closed_groups, gather_closed
from slaibench.studies.closed_loop import plan
from slaibench.studies.closed_result import CANNOT_TELL, ClosedResult
from slaibench.studies.from_disk import group_cells, read_cell
from slaibench.studies.run_summary import CLOSED
from tests.studies.closed import CLIENTS, closed
from tests.studies.studies import study


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("closed")


@pytest.fixture(scope="module")
def loops(folder: Path) -> ClosedResult:
    return closed(folder)


def test_a_point_for_each_scheduler_and_number_of_clients(loops: ClosedResult) -> None:
    places = [(point.scheduler, point.concurrency) for point in loops.points]
    assert places == [(name, n) for name in ("sarathi", "slai") for n in CLIENTS]
    few, many = loops.of("sarathi")
    assert many.measured.ttft_s["p50"].value > few.measured.ttft_s["p50"].value  # type: ignore[operator]
    output = many.measured.estimates["output_tokens_per_s"].value
    assert many.tokens_per_s_per_client.value == pytest.approx((output or 0) / 12)
    assert few.tokens_per_s_per_client.value > many.tokens_per_s_per_client.value  # type: ignore[operator]


def test_no_rate_is_offered_and_nothing_is_said_of_steadiness(loops: ClosedResult) -> None:
    document = loops.to_json()
    assert document["cannot_tell"] == CANNOT_TELL
    for point in document["points"]:
        assert (point["offered_rps"], point["saturated"]) == (None, None)
        assert point["reason"] == CLOSED
        assert "rate_rps" not in point
        assert "verdict" not in point
    json.dumps(document, allow_nan=False)


def test_the_start_and_each_clients_last_request_are_left_out(loops: ClosedResult) -> None:
    for point in loops.points:
        assert point.measured.counts.due == 2 * 200
        loop = point.loop
        measured = point.measured.ttft_s["p50"].n
        assert measured <= 2 * (200 - point.concurrency - loop["num_ramp"]) + loop["num_ramp"]
        assert 0 < measured < 2 * (200 - point.concurrency)
        assert loop["num_end"] == point.concurrency
        assert loop["share_full"] == pytest.approx(1.0)
        assert loop["turn_max_s"] == 0.0


def test_a_cell_is_known_by_its_clients_and_others_keep_their_names(loops: ClosedResult) -> None:
    cell = next(run.cell for run in loops.cells if run.cell.concurrency == 12)
    spec = cell.spec()
    assert (spec["concurrency"], spec["rate_rps"], spec["arrivals"]) == (12, None, "closed")
    assert CellSpec.model_validate(json.loads(json.dumps(spec))) == cell
    assert cell.words == f"{cell.scheduler} with 12 clients, seed {cell.seed}"
    assert cell.model_copy(update={"concurrency": 1}).load == "with 1 client"
    hashes = {store.spec_hash(run.cell.spec()) for run in loops.cells}
    assert len(hashes) == len(loops.cells) == 8
    with_rate = cell.model_copy(
        update={"concurrency": None, "rate_rps": 5.0, "arrivals": "poisson"}
    )
    assert "concurrency" not in with_rate.spec()
    assert with_rate.spec()["rate_rps"] == 5.0


def test_schedulers_have_the_same_requests_and_changes_are_paired(loops: ClosedResult) -> None:
    tables = [
        store.read(run.folder).requests
        for run in loops.cells
        if (run.cell.concurrency, run.cell.seed) == (12, 0)
    ]
    assert len(tables) == 2
    np.testing.assert_array_equal(*(table.prompt_tokens for table in tables))
    np.testing.assert_array_equal(*(table.output_tokens for table in tables))
    assert [(change.scheduler, change.concurrency) for change in loops.changes] == [
        ("slai", n) for n in CLIENTS
    ]
    for change in loops.changes:
        a, b = (
            next(p for p in loops.of(name) if p.concurrency == change.concurrency)
            for name in ("sarathi", "slai")
        )
        assert 0 < change.ttft_p50.n <= min(p.measured.ttft_s["p50"].n for p in (a, b))
        rates = [p.measured.estimates["output_tokens_per_s"].value or math.nan for p in (a, b)]
        assert change.output_tokens.value == pytest.approx(rates[1] / rates[0] - 1, abs=0.01)


def test_reports_of_what_is_on_disk_find_them_and_sweeps_do_not(
    loops: ClosedResult, folder: Path
) -> None:
    folders = list(store.find_runs(folder))
    assert {read_cell(path).concurrency for path in folders} == set(CLIENTS)
    assert group_cells(folders) == {}
    (cells,) = closed_groups(folders)
    found_again = gather_closed(cells)
    assert {(p.scheduler, p.concurrency) for p in found_again.points} == {
        (p.scheduler, p.concurrency) for p in loops.points
    }
    first = {(p.scheduler, p.concurrency): p.to_json() for p in loops.points}
    for point in found_again.points:
        assert point.to_json() == first[point.scheduler, point.concurrency]


def test_a_second_run_takes_all_from_disk(loops: ClosedResult, folder: Path) -> None:
    again = closed(folder)
    assert all(run.reused for run in again.cells)
    assert again.to_json() == loops.to_json()


def test_a_frame_has_a_row_a_point(loops: ClosedResult) -> None:
    frame = loops.frame()
    assert frame["concurrency"].tolist() == [4, 12, 4, 12]
    assert frame["tokens_per_s_per_client"].notna().all()
    assert set(loops.frame(long=True)["concurrency"]) == set(CLIENTS)
    assert loops.in_words == "sarathi, slai with 4, 12 clients"


def test_runs_are_as_long_as_their_clients_need() -> None:
    spec = StudySpec(concurrency=(500, 8, 8))
    assert spec.concurrency == (8, 500)
    assert spec.requests_of(8) == MIN_REQUESTS
    assert spec.requests_of(500) == REQUESTS_A_CLIENT * 500
    assert StudySpec(concurrency=(8,), num_requests=40).requests_of(8) == 40
    assert (spec.horizon_s, spec.stops_early, spec.extends) == (None, False, False)
    assert "concurrency" not in StudySpec().to_json()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"concurrency": ()}, "at least one number of clients"),
        ({"concurrency": (0,)}, "between 1 and 100,000 clients, not 0"),
        ({"concurrency": (10**9,)}, "between 1 and 100,000 clients, not 1,000,000,000"),
        ({"concurrency": (8,), "rates": (1.0,)}, "--rates and --concurrency"),
        ({"concurrency": (8,), "arrivals": "poisson"}, "--arrivals and --concurrency"),
        ({"concurrency": (8,), "duration_s": 60.0}, "--duration and --concurrency"),
        ({"concurrency": (8,), "early_stop": True}, "never saturated for certain"),
        ({"concurrency": (8,), "convention": "paper"}, "--convention paper is of open loops"),
        (
            {"concurrency": (64,), "num_requests": LEAST_A_CLIENT * 64 - 1},
            "255 requests are too few for 64 clients.*--requests 256 or more",
        ),
    ],
)
def test_what_does_not_go_with_closed_loops_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        StudySpec.model_validate(fields)


def test_studies_of_loads_that_do_not_wait_refuse_them(tmp_path: Path) -> None:
    spec = study(rates=(), concurrency=(8,), schedulers=("sarathi", "slai"))
    for kind in (sweep, compare, capacity):
        with pytest.raises(ValueError, match="--concurrency 8: closed loops go with"):
            kind.plan(spec, tmp_path)
    with pytest.raises(ValueError, match="two schedulers or more"):
        plan(spec.model_copy(update={"schedulers": ("slai",)}), tmp_path, compares=True)
