"""Which LLM serving scheduler carries how much load within latency targets, and how sure is that.

The names below are the Python API (docs/api.md); each is imported when it is first used, so that
``import slaibench`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slaibench.version import __version__

if TYPE_CHECKING:
    from slaibench.api import (
        bound,
        capacity,
        closed_loop,
        compare,
        judge,
        load,
        load_study,
        regress,
        replay,
        requests_frame,
        run,
        steps_frame,
        sweep,
        validate,
    )
    from slaibench.recording.record import Recording
    from slaibench.studies.bound.result import BoundResult
    from slaibench.studies.capacity import CapacityResult
    from slaibench.studies.closed_result import ClosedResult
    from slaibench.studies.compare import CompareResult
    from slaibench.studies.crosscheck.study import CrosscheckResult
    from slaibench.studies.executors import OnRay
    from slaibench.studies.judge.result import JudgeResult
    from slaibench.studies.paced_result import PacedResult
    from slaibench.studies.regression.result import RegressResult
    from slaibench.studies.sweep import SweepResult

__all__ = [
    "BoundResult",
    "CapacityResult",
    "ClosedResult",
    "CompareResult",
    "CrosscheckResult",
    "JudgeResult",
    "OnRay",
    "PacedResult",
    "Recording",
    "RegressResult",
    "SweepResult",
    "__version__",
    "bound",
    "capacity",
    "closed_loop",
    "compare",
    "judge",
    "load",
    "load_study",
    "regress",
    "replay",
    "requests_frame",
    "run",
    "steps_frame",
    "sweep",
    "validate",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'slaibench' has no attribute {name!r}")
    from slaibench import api  # noqa: PLC0415

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
