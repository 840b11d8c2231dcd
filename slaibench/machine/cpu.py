"""A CPU: how it is set, and who keeps it busy (Linux, ``/sys`` and ``/proc``)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from slaibench.machine.hardware import usable_cores

SYS = Path("/sys/devices/system")
PROC = Path("/proc")
STEADY_GOVERNOR = "performance"
UNKNOWN_GOVERNOR = "no cpufreq under /sys/devices/system/cpu, as in most virtual machines"
UNKNOWN_TURBO = "neither intel_pstate/no_turbo nor cpufreq/boost under /sys/devices/system/cpu"
BUSY_SHARE = 0.1
"""Others that keep more of a machine's cores busy than this are felt: caches, memory and turbo are
shared, and with few cores the load and an engine wait for one."""


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
    cores = [sys / f"cpu/cpu{number}/cpufreq" for number in sorted(usable_cores())]
    governors = (_text(core / "scaling_governor") for core in cores)
    fastest = [float(text) for core in cores if (text := _text(core / "cpuinfo_max_freq"))]
    active = _text(sys / "cpu/smt/active")
    nodes = list((sys / "node").glob("node[0-9]*"))
    return CpuState(
        governors=tuple(dict.fromkeys(filter(None, governors))),
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


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return None


@dataclass(frozen=True, slots=True)
class CpuTime:
    """CPU seconds since the machine, or a process, began.

    Args:
        at_s: when, on the monotonic clock.
        machine_s: of everything, over all cores.
        ours_s: of this process and its descendants, those that ended included.
    """

    at_s: float
    machine_s: float
    ours_s: float


def cpu_time(proc: Path = PROC, now_s: Callable[[], float] = time.monotonic) -> CpuTime | None:
    """Now; None where there is no ``/proc``."""
    with suppress(OSError, ValueError, IndexError):
        ticks = os.sysconf("SC_CLK_TCK")
        user, nice, system, _, _, irq, softirq = map(
            int, (proc / "stat").read_text(encoding="utf-8").splitlines()[0].split()[1:8]
        )
        machine = user + nice + system + irq + softirq
        return CpuTime(now_s(), machine / ticks, _tree_ticks(proc) / ticks)
    return None


def others_cores(before: CpuTime | None, after: CpuTime | None) -> float | None:
    """Cores that others than this process's tree kept busy in between; None: unknown."""
    if before is None or after is None or after.at_s <= before.at_s:
        return None
    theirs = (after.machine_s - before.machine_s) - (after.ours_s - before.ours_s)
    return max(0.0, theirs / (after.at_s - before.at_s))


def is_busy(cores: float | None) -> bool:
    """Whether so many cores in use by others disturb a measurement on this machine."""
    return cores is not None and cores > BUSY_SHARE * (os.cpu_count() or 1)


def is_ours(pid: int, proc: Path = PROC) -> bool:
    """Whether a process is this one or a descendant of it."""
    return _descends(pid, {child: parent for child, parent, _ in _stats(proc)})


def _tree_ticks(proc: Path) -> int:
    """User and system time of this process, its descendants, and those of theirs that ended."""
    stats = list(_stats(proc))
    parents = {pid: parent for pid, parent, _ in stats}
    return sum(ticks for pid, _, ticks in stats if _descends(pid, parents))


def _descends(pid: int, parents: Mapping[int, int]) -> bool:
    mine = os.getpid()
    while pid > 1 and pid != mine:
        pid = parents.get(pid, 0)
    return pid == mine


def _stats(proc: Path) -> Iterator[tuple[int, int, int]]:
    """(process, parent, clock ticks) of everything that runs (proc_pid_stat(5))."""
    for folder in proc.glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):  # it ended while we look
            text = (folder / "stat").read_text(encoding="utf-8", errors="replace")
            fields = text.rpartition(")")[2].split()  # the name before may hold anything
            yield int(folder.name), int(fields[1]), sum(map(int, fields[11:15]))
