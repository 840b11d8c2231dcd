"""How a CPU is set: governor, turbo, threads a core, memory nodes (Linux, ``/sys``)."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SYS = Path("/sys/devices/system")
STEADY_GOVERNOR = "performance"
UNKNOWN_GOVERNOR = "no cpufreq under /sys/devices/system/cpu, as in most virtual machines"
UNKNOWN_TURBO = "neither intel_pstate/no_turbo nor cpufreq/boost under /sys/devices/system/cpu"


@dataclass(frozen=True, slots=True)
class CpuState:
    """What is set; None where the system does not say.

    Args:
        governors: of the cores that this process may use, each once; empty where unknown.
        turbo: whether clocks may rise above the base.
        max_mhz: the highest clock of any core.
        threads_share_cores: whether two logical cores share a physical one (SMT).
        numa_nodes: groups of cores with memory of their own.
        quota_cores: what the container is held to; None: to nothing.
    """

    governors: tuple[str, ...]
    turbo: bool | None
    max_mhz: float | None
    threads_share_cores: bool | None
    numa_nodes: int | None
    quota_cores: float | None


def cpu_state(sys: Path = SYS, quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> CpuState:
    """As this machine's files say.

    Args:
        sys: ``/sys/devices/system``.
        quota: the container's limit.
    """
    cores = [sys / f"cpu/cpu{number}/cpufreq" for number in sorted(_usable())]
    governors = (_text(core / "scaling_governor") for core in cores)
    fastest = [float(text) for core in cores if (text := _text(core / "cpuinfo_max_freq"))]
    active = _text(sys / "cpu/smt/active")
    nodes = list((sys / "node").glob("node[0-9]*"))
    return CpuState(
        governors=tuple(dict.fromkeys(each for each in governors if each)),
        turbo=_turbo(sys / "cpu"),
        max_mhz=max(fastest) / 1000 if fastest else None,
        threads_share_cores=None if active is None else active == "1",
        numa_nodes=len(nodes) or None,
        quota_cores=_quota(_text(quota)),
    )


def _turbo(cpu: Path) -> bool | None:
    forbidden = _text(cpu / "intel_pstate/no_turbo")
    if forbidden is not None:
        return forbidden == "0"
    boost = _text(cpu / "cpufreq/boost")
    return None if boost is None else boost == "1"


def _quota(text: str | None) -> float | None:
    """Cores from a container's ``cpu.max``: microseconds in a period, or ``max``."""
    with suppress(ValueError):
        most, period = (text or "").split()
        return float(most) / float(period)
    return None


def _usable() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return None
