"""Studies brought back from disk are the studies that were written."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from slaibench.recording import store
from slaibench.studies import prepared
from slaibench.studies.code import Code
from slaibench.studies.from_disk import gather, group_cells, left_out, read_cell
from slaibench.studies.sweep import SweepResult
from tests.studies.studies import loaded, rewritten, study, sweep

SPEC = {"schedulers": ("sarathi", "slai:order=fcfs"), "rates": (2.0, 5.0), "num_seeds": 2}


def run(results: Path, **fields: Any) -> SweepResult:
    return sweep(study(**{**SPEC, **fields}), results, jobs=1)


def grouped(results: Path, slo: str = "ttft_p50<0.5") -> list[SweepResult]:
    return [gather(cells, slo) for cells in group_cells(list(store.find_runs(results))).values()]


def points(swept: SweepResult) -> set[str]:
    return {
        json.dumps([point.scheduler, point.rate_rps, point.to_json()]) for point in swept.points
    }


def test_what_is_gathered_has_the_points_of_the_sweep_that_wrote_it(tmp_path: Path) -> None:
    swept = run(tmp_path)
    (back,) = grouped(tmp_path)
    assert points(back) == points(swept)
    assert back.about == swept.about
    assert back.workload_note == swept.workload_note
    assert back.spec.rates == swept.spec.rates
    assert set(back.spec.schedulers) == set(swept.spec.schedulers)
    assert back.num_reused == len(swept.cells) == 8 + 2  # saturated throughputs of both


def test_paper_conventions_come_back_as_such(tmp_path: Path) -> None:
    swept = run(tmp_path, convention="paper", num_requests=None, duration_s=20.0)
    (back,) = grouped(tmp_path)
    assert back.spec.convention == "paper"
    assert points(back) == points(swept)


@pytest.mark.parametrize(
    "other",
    [{"gpu": "a100"}, {"tiers": "paying:0.5:0.1,free:0.5:0.5"}, {"kv_blocks": 5000}],
)
def test_studies_that_differ_in_more_than_rate_seed_and_scheduler_stay_apart(
    tmp_path: Path, other: dict[str, Any]
) -> None:
    first, second = run(tmp_path), run(tmp_path, **other)
    result = grouped(tmp_path)
    assert sorted(map(sorted, map(points, result))) == sorted(
        map(sorted, map(points, (first, second)))
    )


def test_the_same_cells_over_other_numbers_of_requests_are_no_replicates(tmp_path: Path) -> None:
    short, long = run(tmp_path), run(tmp_path, num_requests=90)
    result = grouped(tmp_path)
    assert len(result) == 2
    assert {frozenset(points(cell)) for cell in result} == {
        frozenset(points(short)),
        frozenset(points(long)),
    }


def test_runs_to_the_end_and_runs_that_may_be_stopped_stay_apart(tmp_path: Path) -> None:
    """``slaibench validate`` makes the one kind, ``sweep`` the other, of the same cells."""
    stopped, whole = run(tmp_path), run(tmp_path, early_stop=False)
    result = grouped(tmp_path)
    assert len(result) == 2
    assert [points(cell) for cell in result] == [points(stopped), points(whole)]
    assert {len(swept.cells) - len(loaded(swept.cells)) for swept in result} == {2}


def test_saturated_throughputs_go_with_every_study_of_their_schedulers(tmp_path: Path) -> None:
    run(tmp_path)
    run(tmp_path, num_requests=90)
    run(tmp_path, kv_blocks=5000)
    result = grouped(tmp_path)
    assert len(result) == 3
    own = [
        {cell.folder for cell in swept.cells if cell.cell.overload is not None} for swept in result
    ]
    assert [len(folders) for folders in own] == [2, 2, 2]
    assert len(set.union(*own)) == 4
    assert all(len(swept.spec.rates) == 2 for swept in result)


def test_a_saturated_throughput_alone_is_no_study(tmp_path: Path) -> None:
    swept = run(tmp_path)
    for cell in loaded(swept.cells):
        shutil.rmtree(cell.folder)
    folders = list(store.find_runs(tmp_path))
    assert len(folders) == 2
    assert group_cells(folders) == {}
    assert left_out(folders, {}) != []


def test_further_rates_and_seeds_join_the_study(tmp_path: Path) -> None:
    run(tmp_path)
    run(tmp_path, rates=(7.0,), num_requests=90)
    (back,) = grouped(tmp_path)
    assert back.spec.rates == (2.0, 5.0, 7.0)


def test_an_edited_scheduler_replaces_what_it_was(tmp_path: Path) -> None:
    results, file = tmp_path / "r", tmp_path / "mine.py"
    text = "from slaibench.schedulers.sarathi import Sarathi\nclass Mine(Sarathi):\n    pass\n"
    fields: dict[str, Any] = {"schedulers": (f"{file}:Mine", "sarathi"), "num_seeds": 1}
    file.write_text(text)
    run(results, **fields)
    for path in store.find_runs(results):
        os.utime(path / store.RUN, (1, 1))
    file.write_text(text.replace("pass", "def queue_key(self, request): return 1"))
    edited = run(results, **fields, first_seed=0)
    assert edited.num_reused == 3  # sarathi's
    folders = list(store.find_runs(results))
    groups = group_cells(folders)
    (back,) = grouped(results)
    assert points(back) == points(edited)
    (words,) = left_out(folders, groups)
    assert words.startswith(f"recordings of {file}:Mine as it was before its code")
    assert words.endswith(": 3")


def test_what_other_code_recorded_is_never_mixed_with_what_this_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path)
    for path in store.find_runs(tmp_path):
        os.utime(path / store.RUN, (1, 1))
    monkeypatch.setattr(prepared, "code_of", lambda *_: Code("0" * 16, None))
    now = run(tmp_path, schedulers=("slai:order=fcfs",), rates=(5.0,))
    assert now.num_reused == 0
    folders = list(store.find_runs(tmp_path))
    groups = group_cells(folders)
    (back,) = grouped(tmp_path)
    assert points(back) == points(now)
    assert left_out(folders, groups) == [
        "recordings by code that has changed since (other than a scheduler's): 10"
    ]


def test_a_damaged_recording_is_left_out_with_a_notice(tmp_path: Path) -> None:
    swept = run(tmp_path)
    victim = loaded(swept.cells)[0].folder
    (victim / store.STEPS).write_bytes(b"")
    (cells,) = group_cells(list(store.find_runs(tmp_path))).values()
    damages: list[store.DamagedRecordingError] = []
    back = gather(cells, swept.spec.slo, damages.append)
    assert len(back.cells) == len(swept.cells) - 1
    assert [str(victim) in str(error) for error in damages] == [True]
    with pytest.raises(store.DamagedRecordingError, match="damaged"):
        gather(cells, swept.spec.slo)


def test_copies_of_one_recording_are_refused_by_name(tmp_path: Path) -> None:
    run(tmp_path / "a", schedulers=("slai",), rates=(2.0,), num_seeds=1)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    with pytest.raises(ValueError, match=r"/a/.* and .*/b/.* are recordings of the same cell"):
        grouped(tmp_path)


def test_targets_are_checked_against_the_recordings_tiers(tmp_path: Path) -> None:
    run(tmp_path, schedulers=("slai",), tiers="gold:1:0.2")
    with pytest.raises(ValueError, match="no tier 'paying'; there are gold"):
        grouped(tmp_path, "tbt_p99@paying<tier")
    assert grouped(tmp_path, "tbt_p99@gold<tier")[0].spec.slo == "tbt_p99@gold<tier"


@pytest.mark.parametrize(
    "change",
    [{"spec": {"model": "m"}}, {"spec": None}, {"spec": "x", "versions": {"slaibench": "7"}}],
)
def test_a_recording_of_another_version_is_refused_with_the_way_out(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    swept = run(tmp_path, schedulers=("slai",), rates=(2.0,), num_seeds=1)
    (cell,) = loaded(swept.cells)
    rewritten(cell.folder, **change)
    with pytest.raises(store.RecordingError, match="written by another slaibench"):
        read_cell(cell.folder)


def test_a_default_study_is_not_torn_apart_by_its_growing_cells(tmp_path: Path) -> None:
    # 1,250 requests at 6 requests/s and 1,800 at 10, or more where numbers need it; and then one
    # of them over 60 as well.
    fields: dict[str, Any] = {"schedulers": ("sarathi",), "num_seeds": 1}
    swept = run(tmp_path, **fields, num_requests=None, rates=(6.0, 10.0))
    sizes = [cell.cell.num_requests for cell in loaded(swept.cells)]
    assert [size % first for size, first in zip(sizes, (1250, 1800), strict=True)] == [0, 0]
    run(tmp_path, **fields, rates=(6.0,))
    whole = next(swept for swept in grouped(tmp_path) if len(swept.points) == 2)
    assert points(whole) == points(swept)


def test_of_runs_that_were_made_longer_the_longest_are_taken_without_a_notice(
    tmp_path: Path,
) -> None:
    fields: dict[str, Any] = {"schedulers": ("sarathi",), "num_seeds": 1, "rates": (24.0,)}
    swept = run(tmp_path, **fields, num_requests=None)
    first = swept.spec.requests_at(24.0)
    (cell,) = loaded(swept.cells)
    assert cell.cell.num_requests >= 2 * first
    folders = list(store.find_runs(tmp_path))
    assert len(folders) > len(swept.cells)  # the first, shorter runs are there as well
    groups = group_cells(folders)
    (back,) = grouped(tmp_path)
    assert points(back) == points(swept)
    assert left_out(folders, groups) == []
