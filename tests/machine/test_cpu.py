"""How a CPU is set is read from the files that say so, and who keeps it busy: we, or others."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from slaibench.machine.cpu import (
    CpuState,
    CpuTime,
    cpu_state,
    cpu_time,
    is_busy,
    is_ours,
    others_cores,
)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty ``/sys/devices/system``, of a machine with three cores, two of which are ours."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    return tmp_path


def say(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n")


def test_a_machine_that_says_nothing_is_unknown(files: Path) -> None:
    assert cpu_state(files, files / "cpu.max") == CpuState((), None, None, None, None, None)


def test_what_a_server_says(files: Path) -> None:
    for number, governor in enumerate(["performance", "performance", "powersave"]):
        say(files / f"cpu/cpu{number}/cpufreq/scaling_governor", governor)
        say(files / f"cpu/cpu{number}/cpufreq/cpuinfo_max_freq", "3800000")
    say(files / "cpu/intel_pstate/no_turbo", "1")
    say(files / "cpu/smt/active", "1")
    for number in (0, 1):
        (files / f"node/node{number}").mkdir(parents=True)
    say(files / "cpu.max", "250000 100000")
    assert cpu_state(files, files / "cpu.max") == CpuState(
        governors=("performance",),  # the third core is nobody's here
        turbo=False,
        max_mhz=3800.0,
        threads_share_cores=True,
        numa_nodes=2,
        quota_cores=2.5,
    )


def test_cores_may_have_several_governors(files: Path) -> None:
    for number, governor in enumerate(["performance", "powersave"]):
        say(files / f"cpu/cpu{number}/cpufreq/scaling_governor", governor)
    assert cpu_state(files).governors == ("performance", "powersave")


def test_boost_of_other_drivers_is_turbo_as_well(files: Path) -> None:
    say(files / "cpu/cpufreq/boost", "1")
    assert cpu_state(files).turbo is True


def test_no_quota_is_none(files: Path) -> None:
    say(files / "cpu.max", "max 100000")
    assert cpu_state(files, files / "cpu.max").quota_cores is None


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
    assert cpu_time(tmp_path, lambda: 7.0) == CpuTime(7.0, 1550 / hertz, 103 / hertz)


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
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert is_busy(cores) is busy
