"""Cells on disk are reused, never mixed up, and the same however they came about."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from slaibench.backends.base import BackendError
from slaibench.recording import store
from slaibench.recording.record import Recording
from slaibench.schedulers.base import SchedulerError
from slaibench.spec import CellSpec
from slaibench.studies.executors import CellResult, cell_folder, default_jobs, open_executor
from slaibench.studies.executors.cells import CellWork
from slaibench.studies.prepared import PreparedStudy, prepare
from tests.schedulers.hostile import LINES, hostile
from tests.studies.studies import contents, rewritten, study


def length(recording: Recording) -> int:
    """A summary: small, and one that can be sent between processes."""
    return len(recording.requests)


def kill_myself(recording: Recording) -> int:
    """A summary that takes its process down, as running out of memory does."""
    os.kill(os.getpid(), signal.SIGKILL)
    return length(recording)


def run_all(results: Path, *, jobs: int, fresh: bool = False, **spec: Any) -> list[bool]:
    """Runs a study's cells; whether each was reused, in the order of the study."""
    prepared = prepare(study(**spec))
    with open_executor(prepared, results, length, jobs=jobs, fresh=fresh) as executor:
        by_folder = {result.folder: result for result in executor.run(prepared.cells())}
    in_order = [by_folder[cell_folder(results, cell)] for cell in prepared.cells()]
    assert [result.cell for result in in_order] == prepared.cells()
    assert {result.summary for result in in_order} == {60}
    return [result.reused for result in in_order]


SPEC: dict[str, Any] = {"schedulers": ("sarathi", "slai"), "rates": (2.0, 5.0)}


def test_one_process_and_two_write_the_same_bytes(tmp_path: Path) -> None:
    for jobs in (1, 2):
        assert run_all(tmp_path / str(jobs), jobs=jobs, **SPEC) == [False] * 4
    alone, two = contents(tmp_path / "1"), contents(tmp_path / "2")
    assert len(alone) == 12  # three files a cell
    assert alone == two


def test_what_is_on_disk_is_reused_by_one_process_and_by_two(tmp_path: Path) -> None:
    run_all(tmp_path, jobs=1, schedulers=("sarathi",), rates=(2.0,))
    before = contents(tmp_path)
    assert run_all(tmp_path, jobs=1, **SPEC) == [True, False, False, False]
    assert run_all(tmp_path, jobs=2, **SPEC) == [True] * 4
    assert contents(tmp_path).items() >= before.items()


def test_fresh_runs_everything_again(tmp_path: Path) -> None:
    run_all(tmp_path, jobs=1, **SPEC)
    before = contents(tmp_path)
    assert run_all(tmp_path, jobs=1, fresh=True, **SPEC) == [False] * 4
    assert contents(tmp_path) == before


def test_folders_are_readable_and_differ_with_the_specification() -> None:
    prepared = prepare(study(schedulers=("slai:offset=fixed:10",), rates=(0.5, 2.0)))
    slow, fast = (cell_folder(Path("r"), cell) for cell in prepared.cells())
    assert str(slow.parent) == "r/sim-h100-mistral-7b/slai_offset=fixed_10"
    assert slow.name.startswith("rate0.5-seed0-")
    assert fast.name.startswith("rate2-seed0-")


def obtain(
    prepared: PreparedStudy, cell: CellSpec, results: Path, fresh: bool = False
) -> CellResult:
    return CellWork(prepared, results, length, fresh).obtain(cell)


@pytest.fixture
def recorded(tmp_path: Path) -> tuple[PreparedStudy, CellSpec, Path]:
    """A study, its one cell, and the folder that holds the cell's recording."""
    prepared = prepare(study(schedulers=("slai",)))
    (cell,) = prepared.cells()
    return prepared, cell, obtain(prepared, cell, tmp_path).folder


@pytest.mark.parametrize("name", [store.REQUESTS, store.STEPS, store.RUN])
def test_a_damaged_recording_is_run_again_and_replaced(
    recorded: tuple[PreparedStudy, CellSpec, Path], tmp_path: Path, name: str
) -> None:
    prepared, cell, folder = recorded
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: len(whole) // 2])
    again = obtain(prepared, cell, tmp_path)
    assert not again.reused
    assert again.damage
    assert (folder / name).read_bytes() == whole
    taken = obtain(prepared, cell, tmp_path)
    assert (taken.reused, taken.damage) == (True, None)


def test_a_recording_by_other_code_is_stale_and_stays(
    recorded: tuple[PreparedStudy, CellSpec, Path], tmp_path: Path
) -> None:
    prepared, cell, folder = recorded
    other = replace(prepared, code=replace(prepared.code, fingerprint="0" * 16))
    (now,) = other.cells()
    assert now.asks_the_same(cell)
    again = obtain(other, now, tmp_path)
    assert (again.reused, again.stale, again.damage) == (False, True, None)
    assert again.folder.parent == folder.parent
    assert again.folder != folder
    assert obtain(other, now, tmp_path).reused
    assert obtain(prepared, cell, tmp_path).reused


@pytest.mark.parametrize("other", [{"rates": (6.0,)}, {"gpu": "a100"}, {"num_requests": 61}])
def test_a_recording_of_another_cell_by_other_code_is_not_called_stale(
    recorded: tuple[PreparedStudy, CellSpec, Path], tmp_path: Path, other: dict[str, Any]
) -> None:
    prepared = prepare(study(schedulers=("slai",), **other))
    prepared = replace(prepared, code=replace(prepared.code, fingerprint="0" * 16))
    (cell,) = prepared.cells()
    again = obtain(prepared, cell, tmp_path)
    assert (again.reused, again.stale) == (False, False)


def test_another_record_schema_is_refused_with_the_way_out(
    recorded: tuple[PreparedStudy, CellSpec, Path], tmp_path: Path
) -> None:
    prepared, cell, folder = recorded
    rewritten(folder, schema_version=99)
    with pytest.raises(store.RecordingError, match=r"schema 99, this slaibench reads 2; .*results"):
        obtain(prepared, cell, tmp_path)


@pytest.mark.parametrize("change", [{"spec": None}, {"spec": {"rate_rps": 7.0}}])
def test_a_folder_that_holds_another_run_is_neither_used_nor_replaced(
    recorded: tuple[PreparedStudy, CellSpec, Path], tmp_path: Path, change: dict[str, Any]
) -> None:
    prepared, cell, folder = recorded
    rewritten(folder, **change)
    before = contents(tmp_path)
    with pytest.raises(store.RecordingError, match="another run than its name says"):
        obtain(prepared, cell, tmp_path)
    assert contents(tmp_path) == before


def test_a_folder_without_a_run_is_filled(
    recorded: tuple[PreparedStudy, CellSpec, Path], tmp_path: Path
) -> None:
    prepared, cell, folder = recorded
    (folder / store.RUN).unlink()
    assert not obtain(prepared, cell, tmp_path).reused
    assert obtain(prepared, cell, tmp_path).reused


class Slower(PreparedStudy):
    """While one of its cells runs, another process finishes the same cell."""

    results: Path
    others_inode: int

    def run(self, cell: CellSpec) -> Recording:
        recording = super().run(cell)
        folder = cell_folder(self.results, cell)
        store.write(recording, folder)
        object.__setattr__(self, "others_inode", folder.stat().st_ino)
        return recording


def test_what_another_process_recorded_meanwhile_stays(tmp_path: Path) -> None:
    prepared = prepare(study(schedulers=("slai",)))
    slower = Slower(**{field.name: getattr(prepared, field.name) for field in fields(prepared)})
    object.__setattr__(slower, "results", tmp_path)
    (cell,) = prepared.cells()
    result = obtain(slower, cell, tmp_path)
    assert (result.summary, result.reused) == (60, False)
    assert result.folder.stat().st_ino == slower.others_inode


def test_another_process_may_finish_at_the_very_last_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = prepare(study(schedulers=("slai",)))
    (cell,) = prepared.cells()
    rename = os.replace

    def after_the_other(source: Path, target: Path) -> None:
        if not target.exists():
            shutil.copytree(source, target)
        rename(source, target)

    monkeypatch.setattr(os, "replace", after_the_other)
    result = obtain(prepared, cell, tmp_path)
    assert result.summary == 60
    others = result.folder.stat().st_ino
    assert store.read(result.folder).run["spec"] == cell.spec()
    again = obtain(prepared, cell, tmp_path, fresh=True)
    assert again.folder.stat().st_ino != others
    assert store.read(again.folder).run["spec"] == cell.spec()
    assert [path.name for path in result.folder.parent.iterdir()] == [result.folder.name]


def test_a_worker_that_dies_is_reported_in_a_sentence(tmp_path: Path) -> None:
    prepared = prepare(study(**SPEC))
    with (
        pytest.raises(
            BackendError,
            match=r" at [25] requests/s, seed 0: a worker process was killed by SIGKILL.*--jobs",
        ),
        open_executor(prepared, tmp_path, kill_myself, jobs=2) as executor,
    ):
        list(executor.run(prepared.cells()))


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        ("ctypes.CDLL(None)._exit(0)", "ended with status 0 in "),
        ("ctypes.string_at(0)", rf"was killed by SIGSEGV in mine\.py, line {LINES['schedule']}"),
        ("os.closerange(3, 400)", "the process that ran it .* close what it did not open"),
        ("os._exit(0)", rf"os\._exit.* \(mine\.py, line {LINES['schedule']}\)"),
    ],
)
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_scheduler_that_ends_its_process_is_reported_by_name(
    tmp_path: Path, jobs: int, harm: str, message: str
) -> None:
    (tmp_path / "mine.py").write_text(hostile(harm, "schedule"))
    prepared = prepare(study(schedulers=("sarathi", f"{tmp_path}/mine.py:Mine")))
    with (
        pytest.raises(SchedulerError, match=rf"mine\.py:Mine at 5 requests/s, seed 0: .*{message}"),
        open_executor(prepared, tmp_path / "r", length, jobs=jobs) as executor,
    ):
        list(executor.run(prepared.cells()))


def test_there_is_at_least_one_job() -> None:
    assert default_jobs() >= 1


def test_workers_do_not_run_the_script_that_started_them(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import slaibench\n"
        "print('script runs')\n"
        "swept = slaibench.sweep('slai', 5, num_requests=60, num_seeds=2, jobs=2,"
        f" results={str(tmp_path / 'r')!r})\n"
        "print(swept.num_reused, len(swept.cells), len(swept.points))\n"
    )
    root = str(Path(__file__).parents[3])
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "script runs\n0 3 1\n"
