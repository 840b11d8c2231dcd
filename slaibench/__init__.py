"""Which LLM serving scheduler carries how much load within latency targets, and how sure is that.

The names below are the Python API (docs/api.md); each is imported when it is first used, so that
``import slaibench`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = [
    "CapacityResult",
    "CompareResult",
    "Recording",
    "SweepResult",
    "capacity",
    "compare",
    "run",
    "sweep",
]

if TYPE_CHECKING:
    from slaibench.api import capacity, compare, run, sweep
    from slaibench.recording.record import Recording
    from slaibench.study.capacity import CapacityResult
    from slaibench.study.compare import CompareResult
    from slaibench.study.sweep import SweepResult

_HOME = {
    "CapacityResult": "slaibench.study.capacity",
    "CompareResult": "slaibench.study.compare",
    "Recording": "slaibench.recording.record",
    "SweepResult": "slaibench.study.sweep",
    "capacity": "slaibench.api",
    "compare": "slaibench.api",
    "run": "slaibench.api",
    "sweep": "slaibench.api",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module  # noqa: PLC0415

    if name not in _HOME:
        raise AttributeError(f"module 'slaibench' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
