"""CPU time of this process's tree, and of everything on the machine (Linux, ``/proc``)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
BUSY_SHARE = 0.1
"""Others that keep more of a machine's cores busy than this are felt: caches, memory and turbo are
shared, and with few cores the load and an engine wait for one."""


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
    return _descends(pid, {each: parent for each, parent, _ in _stats(proc)})


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
