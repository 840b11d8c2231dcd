"""A sweep that is killed, interrupted or run twice at once loses nothing and mixes nothing up."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from slaibench.recording import store
from tests.cli.command import process, slaibench, sweep
from tests.studies.studies import WORKLOAD, contents

SWEEP = ("sweep", "--no-report", "--rates", "2:11", "--seeds", "2", "--workload", WORKLOAD)
SIZE = ("--requests", "150")
CELLS = 10 * 2 * 2 + 2  # and a run under overload for each scheduler


def start(results: Path, *more: str) -> subprocess.Popen[str]:
    return process(*SWEEP, *SIZE, "--results", results, *more)


def wait_for(running: subprocess.Popen[str], results: Path, num: int) -> None:
    """Until so many cells are recorded."""
    while len(list(store.find_runs(results))) < num:
        assert running.poll() is None, running.communicate()
        time.sleep(0.02)


def group_is_gone(group: int) -> bool:
    """Whether every process of a group has ended (what nobody has waited for yet has)."""
    listed = subprocess.run(
        ["ps", "-e", "-o", "pgid=,stat="], capture_output=True, text=True, check=True
    )
    rows = (line.split() for line in listed.stdout.splitlines())
    return not any(int(pgid) == group and not stat.startswith("Z") for pgid, stat in rows)


def wait_until_gone(group: int) -> None:
    for _ in range(1000):
        if group_is_gone(group):
            return
        time.sleep(0.01)
    pytest.fail(f"processes of group {group} are left behind")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the same sweep writes when nothing happens to it."""
    results = tmp_path_factory.mktemp("undisturbed")
    assert slaibench(*SWEEP, *SIZE, "--results", results, "--jobs", "1").status == 0
    return contents(results)


def visible(results: Path) -> dict[str, bytes]:
    """What a reader sees: recordings, not what a killed process was just writing."""
    return {
        name: data
        for name, data in contents(results).items()
        if not any(part.startswith(".") for part in Path(name).parts)
    }


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_killed_sweep_goes_on_where_it_was(
    tmp_path: Path, undisturbed: dict[str, bytes], jobs: str
) -> None:
    running = start(tmp_path, "--jobs", jobs)
    wait_for(running, tmp_path, 5)
    os.kill(running.pid, signal.SIGKILL)
    running.communicate(timeout=30)
    assert running.returncode == -signal.SIGKILL
    wait_until_gone(running.pid)
    before = visible(tmp_path)
    kept = len(list(store.find_runs(tmp_path)))
    assert 5 <= kept < CELLS
    for folder in store.find_runs(tmp_path):
        store.read(folder)
    resumed = slaibench(*SWEEP, *SIZE, "--results", tmp_path, "--jobs", "1")
    assert resumed.status == 0
    assert f"{CELLS - kept} cells run, {kept} taken from disk" in resumed.err
    assert visible(tmp_path).items() >= before.items()
    assert contents(tmp_path) == undisturbed  # what was half-written is gone as well


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_killed_fresh_sweep_has_lost_nothing(
    tmp_path: Path, undisturbed: dict[str, bytes], jobs: str
) -> None:
    for name, data in undisturbed.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    inodes = {folder: folder.stat().st_ino for folder in store.find_runs(tmp_path)}
    for more in (1, 7):
        running = start(tmp_path, "--fresh", "--jobs", jobs)
        while sum(path.stat().st_ino != inode for path, inode in inodes.items()) < more:
            assert running.poll() is None, running.communicate()
        os.kill(running.pid, signal.SIGKILL)
        running.communicate(timeout=30)
        wait_until_gone(running.pid)
        assert visible(tmp_path) == undisturbed
        inodes = {folder: folder.stat().st_ino for folder in store.find_runs(tmp_path)}
    assert slaibench(*SWEEP, *SIZE, "--results", tmp_path, "--jobs", "1").status == 0
    assert contents(tmp_path) == undisturbed


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_keeps_what_is_finished_and_leaves_nobody_behind(tmp_path: Path, jobs: str) -> None:
    running = start(tmp_path, "--jobs", jobs)
    wait_for(running, tmp_path, 3)
    os.killpg(running.pid, signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert (running.returncode, out) == (130, "")
    assert "slaibench: interrupted; what was finished is kept, the same command goes on" in err
    assert "Traceback" not in err
    wait_until_gone(running.pid)
    kept = list(store.find_runs(tmp_path))
    assert 3 <= len(kept) < CELLS
    for folder in kept:
        store.read(folder)


def test_ctrl_c_while_workers_start_is_no_traceback(tmp_path: Path) -> None:
    running = start(tmp_path, "--jobs", "2")
    while num_children(running.pid) < 2:  # the first only watches over the workers' resources
        assert running.poll() is None
        time.sleep(0.005)
    time.sleep(0.1)  # into the imports of the worker
    os.killpg(running.pid, signal.SIGINT)
    _, err = running.communicate(timeout=30)
    assert running.returncode == 130
    assert "interrupted" in err
    assert "Traceback" not in err
    wait_until_gone(running.pid)


def num_children(pid: int) -> int:
    listed = subprocess.run(
        ["ps", "--ppid", str(pid), "-o", "pid="], capture_output=True, text=True, check=False
    )
    return len(listed.stdout.split())


def test_two_sweeps_at_once_into_one_folder_agree(
    tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    both = [start(tmp_path, "--json", "--jobs", "1") for _ in range(2)]
    printed = [running.communicate(timeout=120) for running in both]
    assert [running.returncode for running in both] == [0, 0], printed
    assert printed[0][0] == printed[1][0]
    assert contents(tmp_path) == undisturbed


def test_what_a_killed_sweep_was_writing_is_never_read(tmp_path: Path) -> None:
    sweep(tmp_path, "--rates", "2,5", "-s", "slai")
    *others, last = store.find_runs(tmp_path)
    assert len(others) == 2
    last.rename(last.with_name(f".{last.name}-{2 * '0123456789abcdef'}"))
    assert list(store.find_runs(tmp_path)) == others
    again = sweep(tmp_path, "--rates", "2,5", "-s", "slai")
    assert "1 cell run, 2 taken from disk" in again.err
    assert list(store.find_runs(tmp_path)) == [*others, last]
    assert not list(tmp_path.rglob(".*"))
