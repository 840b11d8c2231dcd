"""Who keeps the cores busy: this process's tree, or others."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from slaibench.machine import cpu_time as module
from slaibench.machine.cpu_time import CpuTime, cpu_time, is_busy, is_ours, others_cores

BURN = "import time; end = time.process_time() + 0.3\nwhile time.process_time() < end: pass"


def stat(folder: Path, pid: int, parent: int, ticks: tuple[int, int, int, int]) -> None:
    """A line as proc_pid_stat(5) has it, with a name that holds anything."""
    before = f"{pid} (a) b) S {parent} 1 1 0 -1 0 0 0 0 0"
    path = folder / str(pid) / "stat"
    path.parent.mkdir(parents=True)
    path.write_text(f"{before} {' '.join(map(str, ticks))} 20 0 1 0 5\n")


def test_a_tree_is_this_process_its_descendants_and_those_that_ended(tmp_path: Path) -> None:
    hertz = os.sysconf("SC_CLK_TCK")
    (tmp_path / "stat").write_text("cpu  1000 100 400 9000 50 20 30 7 0 0\ncpu0 1 1 1\n")
    mine = os.getpid()
    stat(tmp_path, mine, 1, (10, 20, 30, 40))
    stat(tmp_path, mine + 1, mine, (1, 0, 0, 0))
    stat(tmp_path, mine + 2, mine + 1, (2, 0, 0, 0))
    stat(tmp_path, mine + 3, 1, (5000, 0, 0, 0))
    found = cpu_time(tmp_path, lambda: 7.0)
    assert found == CpuTime(7.0, 1550 / hertz, 103 / hertz)


def test_no_proc_is_unknown(tmp_path: Path) -> None:
    assert cpu_time(tmp_path) is None
    assert others_cores(None, CpuTime(1, 1, 1)) is None
    assert not is_busy(None)


def test_others_are_what_the_machine_did_besides() -> None:
    before, after = CpuTime(0.0, 100.0, 10.0), CpuTime(2.0, 106.0, 13.0)
    assert others_cores(before, after) == pytest.approx(1.5)
    assert others_cores(before, CpuTime(2.0, 102.0, 13.0)) == 0.0  # ticks are coarse
    assert others_cores(before, before) is None


def test_what_a_child_burns_is_ours_while_it_runs_and_after() -> None:
    before = cpu_time()
    assert before is not None
    child = subprocess.Popen([sys.executable, "-c", BURN])
    assert is_ours(child.pid)
    assert not is_ours(os.getppid())
    child.wait()
    after = cpu_time()
    assert after is not None
    assert after.ours_s - before.ours_s >= 0.25
    assert after.at_s <= time.monotonic()


@pytest.mark.parametrize(("cores", "busy"), [(0.79, False), (0.81, True)])
def test_a_tenth_of_the_machine_is_too_much(
    cores: float, busy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.os, "cpu_count", lambda: 8)
    assert is_busy(cores) is busy
