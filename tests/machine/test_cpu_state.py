"""How a CPU is set is read from the files that say so; what none says is unknown."""

from __future__ import annotations

from pathlib import Path

import pytest

from slaibench.machine import cpu_state as module
from slaibench.machine.cpu_state import CpuState, cpu_state


@pytest.fixture
def sys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty ``/sys/devices/system``, of a machine with three cores, two of which are ours."""
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda _: {0, 1})
    return tmp_path


def say(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n")


def test_a_machine_that_says_nothing_is_unknown(sys: Path) -> None:
    assert cpu_state(sys, sys / "cpu.max") == CpuState((), None, None, None, None, None)


def test_what_a_server_says(sys: Path) -> None:
    for number, governor in enumerate(["performance", "performance", "powersave"]):
        say(sys / f"cpu/cpu{number}/cpufreq/scaling_governor", governor)
        say(sys / f"cpu/cpu{number}/cpufreq/cpuinfo_max_freq", "3800000")
    say(sys / "cpu/intel_pstate/no_turbo", "1")
    say(sys / "cpu/smt/active", "1")
    for number in (0, 1):
        (sys / f"node/node{number}").mkdir(parents=True)
    say(sys / "cpu.max", "250000 100000")
    assert cpu_state(sys, sys / "cpu.max") == CpuState(
        governors=("performance",),  # the third core is nobody's here
        turbo=False,
        max_mhz=3800.0,
        threads_share_cores=True,
        numa_nodes=2,
        quota_cores=2.5,
    )


def test_cores_may_have_several_governors(sys: Path) -> None:
    for number, governor in enumerate(["performance", "powersave"]):
        say(sys / f"cpu/cpu{number}/cpufreq/scaling_governor", governor)
    assert cpu_state(sys).governors == ("performance", "powersave")


def test_boost_of_other_drivers_is_turbo_as_well(sys: Path) -> None:
    say(sys / "cpu/cpufreq/boost", "1")
    assert cpu_state(sys).turbo is True


def test_no_quota_is_none(sys: Path) -> None:
    say(sys / "cpu.max", "max 100000")
    assert cpu_state(sys, sys / "cpu.max").quota_cores is None
