"""What this machine computes with, as far as it can be seen without loading anything heavy."""

from __future__ import annotations

import math
import os
import platform
import re
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from slaibench.machine import nvidia

INSTRUCTIONS = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_bf16": "AVX-512 BF16",
    "amx_bf16": "AMX BF16",
}
"""Flags of ``/proc/cpuinfo`` that decide how fast a CPU multiplies matrices, and their names."""
NO_GPU = "no NVIDIA GPU was found (nvidia-smi is missing or fails): use --device cpu or emulated"
MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")
"""Of a container."""


@dataclass(frozen=True, slots=True)
class Cpu:
    """A machine's processor.

    Args:
        cores: logical cores this process may run on.
        instructions: those of ``INSTRUCTIONS`` that it has.
    """

    name: str
    cores: int
    instructions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InstalledGpu:
    """One NVIDIA GPU, as ``nvidia-smi`` tells it; its memory where that is its own."""

    name: str
    memory_bytes: int | None
    driver: str


def cpu() -> Cpu:
    """This machine's processor."""
    with suppress(OSError):
        return parse_cpuinfo(Path("/proc/cpuinfo").read_text(encoding="utf-8"), num_cores())
    return Cpu(platform.processor() or platform.machine(), num_cores(), ())


def parse_cpuinfo(text: str, cores: int) -> Cpu:
    """A processor from ``/proc/cpuinfo``; unknown kinds by their architecture."""
    name = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    flags = re.search(r"^flags\s*:\s*(.+)$", text, re.MULTILINE)
    has = set(flags[1].split()) if flags else set()
    return Cpu(
        name=" ".join(name[1].split()) if name else platform.machine(),
        cores=cores,
        instructions=tuple(text for flag, text in INSTRUCTIONS.items() if flag in has),
    )


def num_cores() -> int:
    """Logical cores this process may run on."""
    return len(usable_cores())


def usable_cores() -> set[int]:
    """Numbers of the logical cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def most_open_files() -> float | None:
    """Files that a process may have open if it asks (the hard limit); None: not known here."""
    try:
        import resource  # noqa: PLC0415  (Unix only)
    except ImportError:
        return None
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return math.inf if hard == resource.RLIM_INFINITY else hard


def memory_bytes() -> int:
    """Memory this process may use at most: the machine's, or its container's."""
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):  # absent, or the word "max"
        return min(installed, int(MEMORY_LIMIT.read_text(encoding="utf-8")))
    return installed


def free_memory_bytes() -> int:
    """Memory that can be had now without swapping, an estimate of the system's own."""
    with suppress(OSError):
        text = Path("/proc/meminfo").read_text(encoding="utf-8")
        available = re.search(r"^MemAvailable:\s*(\d+) kB$", text, re.MULTILINE)
        if available:
            return min(int(available[1]) * 1024, memory_bytes())
    return memory_bytes()


def gpus() -> tuple[InstalledGpu, ...]:
    """NVIDIA GPUs; none where there is no working ``nvidia-smi``."""
    try:
        text = nvidia.query(
            "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits"
        )
    except nvidia.NvidiaError:
        return ()
    return parse_gpus(text)


def parse_gpus(text: str) -> tuple[InstalledGpu, ...]:
    """GPUs from ``nvidia-smi``'s comma-separated lines; memory comes in MiB."""
    return tuple(
        InstalledGpu(name, int(memory_mib) * 2**20 if memory_mib.isdigit() else None, driver)
        for name, memory_mib, driver in nvidia.rows(text, 3)
    )


def device_name(device: str) -> str:
    """What computes, in a few words: ``AMD EPYC (2 cores)``, ``2 x NVIDIA H200``.

    Args:
        device: ``cpu`` or ``cuda``.

    Raises:
        ValueError: ``cuda`` without a GPU, or no such device.
    """
    if device == "cpu":
        processor = cpu()
        return f"{processor.name} ({processor.cores} core{'s' if processor.cores != 1 else ''})"
    if device != "cuda":
        raise ValueError(f"device must be cpu or cuda, not {device!r}")
    names = Counter(gpu.name for gpu in gpus())
    if not names:
        raise ValueError(NO_GPU)
    return ", ".join(f"{count} x {name}" if count > 1 else name for name, count in names.items())


def facts(device: str) -> dict[str, Any]:
    """The hardware behind a run, for its record.

    Args:
        device: ``cpu``, ``cuda``, or ``emulated``, whose GPU is made up and whose CPU is not.
    """
    values: dict[str, Any] = {
        "cpu": asdict(cpu()),
        "memory_bytes": memory_bytes(),
        "system": platform.platform(),
    }
    if device != "emulated":
        values["name"] = device_name(device)
    if device == "cuda":
        values["gpus"] = [asdict(gpu) for gpu in gpus()]
    return values
