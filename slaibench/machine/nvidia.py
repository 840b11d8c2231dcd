"""What ``nvidia-smi`` says of a machine's GPUs: their state, and the processes on them.

It is queried in its comma-separated form (its manual: SELECTIVE QUERY OPTIONS).
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

TOOL = "nvidia-smi"
LIMIT_S = 20.0
"""With the driver's persistence mode off, the first call of a day can take seconds."""
REASONS_FIELD = "clocks_event_reasons.active"
OLDER_NAMES = {REASONS_FIELD: "clocks_throttle_reasons.active"}
"""Fields that drivers before 535 call otherwise."""
REASONS = {
    0x1: "idle",
    0x2: "clocks as set by the user",
    0x4: "power limit",
    0x8: "hardware slowdown",
    0x10: "synchronous boost",
    0x20: "temperature (driver)",
    0x40: "temperature (hardware)",
    0x80: "power brake",
    0x100: "display clocks",
}
"""Bits of the clocks' event reasons (NVML's ``nvmlClocksEventReasons``)."""
IDLE_REASON = 0x1
SLOWING = 0x4 | 0x8 | 0x10 | 0x20 | 0x40 | 0x80
"""Those that change clocks while something runs; what the user has set stays as it is."""
PROCESS_FIELDS = ("gpu_uuid", "pid", "used_memory", "process_name")
_UNKNOWN_FIELD = re.compile(r'Field "([\w.]+)" is not a valid field to query')
_NO_VALUE = re.compile(r"\[.*\]|N/A|")
"""What it prints where there is no value: ``[N/A]``, ``[Not Supported]``."""


class NvidiaError(RuntimeError):
    """There is no answer; the message says why."""


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """A process that computes on a GPU.

    Args:
        pid: as the driver counts them: in a container it may be another number, or nobody's.
        memory_mib: what it holds there; None where the driver does not tell.
    """

    gpu_uuid: str
    pid: int
    memory_mib: int | None
    name: str


def _mib(text: str) -> int:
    return int(text) * 2**20


def _switch(text: str) -> bool:
    return {"Enabled": True, "Disabled": False}[text]


def _percent(text: str) -> float:
    return int(text) / 100


def _reasons(text: str) -> list[str]:
    mask = int(text, 16)
    return [name for bit, name in REASONS.items() if mask & bit]


FIELDS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "name": ("name", str),
    "uuid": ("uuid", str),
    "driver": ("driver_version", str),
    "vbios": ("vbios_version", str),
    "compute_capability": ("compute_cap", str),
    "memory_bytes": ("memory.total", _mib),
    "memory_used_bytes": ("memory.used", _mib),
    "pcie_generation": ("pcie.link.gen.current", int),
    "pcie_width": ("pcie.link.width.current", int),
    "persistence_mode": ("persistence_mode", _switch),
    "compute_mode": ("compute_mode", str),
    "ecc": ("ecc.mode.current", _switch),
    "mig": ("mig.mode.current", _switch),
    "power_limit_w": ("power.limit", float),
    "power_limit_default_w": ("power.default_limit", float),
    "power_limit_max_w": ("power.max_limit", float),
    "power_draw_w": ("power.draw", float),
    "sm_clock_mhz": ("clocks.sm", int),
    "sm_clock_max_mhz": ("clocks.max.sm", int),
    "sm_clock_application_mhz": ("clocks.applications.graphics", int),
    "memory_clock_mhz": ("clocks.mem", int),
    "memory_clock_max_mhz": ("clocks.max.memory", int),
    "memory_clock_application_mhz": ("clocks.applications.memory", int),
    "clocks_event_reasons": (REASONS_FIELD, _reasons),
    "performance_state": ("pstate", str),
    "temperature_c": ("temperature.gpu", int),
    "utilization": ("utilization.gpu", _percent),
}
"""By our name: ``nvidia-smi``'s field (``--help-query-gpu``), and how its text is read."""


@dataclass(frozen=True, slots=True)
class GpuState:
    """One GPU.

    Args:
        values: by the names of ``FIELDS``; None where it is unknown.
        unknown: why, for each of those.
    """

    values: dict[str, Any]
    unknown: dict[str, str]


def query(*arguments: str) -> str:
    """What ``nvidia-smi`` prints.

    Raises:
        NvidiaError: it is not there, fails, or does not answer in time.
    """
    try:
        done = subprocess.run(
            [TOOL, *arguments], capture_output=True, text=True, check=False, timeout=LIMIT_S
        )
    except subprocess.TimeoutExpired as error:
        raise NvidiaError(f"{TOOL} does not answer within {LIMIT_S:g} s") from error
    except OSError as error:
        raise NvidiaError(f"{TOOL} cannot be run ({error.strerror})") from error
    if done.returncode:
        said = " ".join((done.stdout + done.stderr).split())
        raise NvidiaError(f"{TOOL} fails: {said or f'status {done.returncode}'}")
    return done.stdout


def gpu_rows(fields: Sequence[str]) -> list[dict[str, str]]:
    """A row a GPU: what is printed for each field, without units.

    A field that the driver does not know is left out of the rows.

    Args:
        fields: as ``nvidia-smi --help-query-gpu`` calls them.

    Raises:
        NvidiaError: there is no answer.
    """
    names = {field: field for field in fields}
    while names:
        arguments = [f"--query-gpu={','.join(names.values())}", "--format=csv,noheader,nounits"]
        try:
            text = query(*arguments)
        except NvidiaError as error:
            refused = _UNKNOWN_FIELD.search(str(error))
            if refused is None or refused[1] not in names.values():
                raise
            field = next(key for key, name in names.items() if name == refused[1])
            older = OLDER_NAMES.get(field)
            if older is None or names[field] == older:
                del names[field]
            else:
                names[field] = older
            continue
        return [dict(zip(names, row, strict=True)) for row in rows(text, len(names))]
    return []


def rows(text: str, columns: int) -> list[list[str]]:
    """Lines of so many values, which are separated by commas; the last may hold some itself."""
    split = ([part.strip() for part in line.split(",", columns - 1)] for line in text.splitlines())
    return [row for row in split if len(row) == columns]


def value(text: str) -> str | None:
    """A printed value; None where the card has none."""
    return None if _NO_VALUE.fullmatch(text) else text


def processes() -> tuple[GpuProcess, ...]:
    """Everything that computes on a GPU of this machine.

    Raises:
        NvidiaError: there is no answer.
    """
    apps = f"--query-compute-apps={','.join(PROCESS_FIELDS)}"
    return parse_processes(query(apps, "--format=csv,noheader,nounits"))


def parse_processes(text: str) -> tuple[GpuProcess, ...]:
    """Processes from the lines of ``--query-compute-apps`` (``PROCESS_FIELDS``)."""
    running = []
    for uuid, pid, memory, name in rows(text, len(PROCESS_FIELDS)):
        with suppress(ValueError):
            running.append(
                GpuProcess(uuid, int(pid), int(memory) if memory.isdigit() else None, name)
            )
    return tuple(running)


def cuda_version() -> str:
    """The newest CUDA that the driver serves.

    Raises:
        NvidiaError: it does not say (``--version`` is newer than some drivers).
    """
    version = re.search(r"^CUDA Version\s*: *([\d.]+)", query("--version"), re.MULTILINE)
    if version is None:
        raise NvidiaError(f"{TOOL} --version says nothing of CUDA")
    return version[1]


def gpu_states() -> tuple[GpuState, ...]:
    """Every GPU of this machine.

    Raises:
        NvidiaError: ``nvidia-smi`` does not answer.
    """
    return tuple(map(parse_state, gpu_rows([field for field, _ in FIELDS.values()])))


def parse_state(row: dict[str, str]) -> GpuState:
    """A GPU from what was printed for it (``gpu_rows``)."""
    values: dict[str, Any] = {}
    unknown = {}
    for name, (field, read) in FIELDS.items():
        values[name] = None
        if field not in row:
            unknown[name] = f"this nvidia-smi knows no field {field}"
            continue
        try:
            if value(row[field]) is not None:
                values[name] = read(row[field])
                continue
        except (KeyError, ValueError):
            pass  # in another form than its manual says
        unknown[name] = f"nvidia-smi says {row[field] or 'nothing'}"
    return GpuState(values, unknown)


def slowing(reasons: int) -> tuple[str, ...]:
    """What holds clocks down, in words; nothing where they are as they should be."""
    return tuple(text for bit, text in REASONS.items() if reasons & bit & SLOWING)
