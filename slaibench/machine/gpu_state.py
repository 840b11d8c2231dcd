"""What decides how fast a GPU computes, as ``nvidia-smi`` tells it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from slaibench.machine import nvidia
from slaibench.machine.clocks import REASONS, REASONS_FIELD


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


def gpu_states() -> tuple[GpuState, ...]:
    """Every GPU of this machine.

    Raises:
        NvidiaError: ``nvidia-smi`` does not answer.
    """
    printed = nvidia.gpu_rows([field for field, _ in FIELDS.values()])
    return tuple(map(parse_state, printed))


def parse_state(row: dict[str, str]) -> GpuState:
    """A GPU from what was printed for it (``nvidia.gpu_rows``)."""
    values: dict[str, Any] = {}
    unknown = {}
    for name, (field, read) in FIELDS.items():
        values[name] = None
        if field not in row:
            unknown[name] = f"this nvidia-smi knows no field {field}"
            continue
        try:
            if nvidia.value(row[field]) is not None:
                values[name] = read(row[field])
                continue
        except (KeyError, ValueError):
            pass  # in another form than its manual says
        unknown[name] = f"nvidia-smi says {row[field] or 'nothing'}"
    return GpuState(values, unknown)
