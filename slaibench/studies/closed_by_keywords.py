"""Closed loops as a function of the Python interface."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Unpack

from slaibench.rates import concurrency_of
from slaibench.spec import StudySpec
from slaibench.spec.keywords import SpecFields, spelled_out
from slaibench.studies import closed_loop as study
from slaibench.studies.closed_result import ClosedResult
from slaibench.studies.executors import OnRay


@spelled_out(SpecFields)
def closed_loop(
    schedulers: str | Sequence[str] = ("sarathi", "slai"),
    concurrency: int | str | Iterable[int] = (8, 64),
    *,
    compares: bool = False,
    results: str | Path = Path("results"),
    jobs: int | OnRay | None = None,
    **spec: Unpack[SpecFields],
) -> ClosedResult:
    """Clients that wait for their answers, instead of rates (docs/closed-loop.md); cells on disk in
    ``results`` are reused.

    Args:
        schedulers: of a server at a ``url``, what its own is called.
        concurrency: numbers of clients: ``64``, ``[8, 64]`` or ``"8,64"``.
        compares: each scheduler after the first is compared with it, paired by request and seed.

    Raises:
        ValueError, RecordingError, BackendError, SchedulerError: as ``sweep``.
    """
    fields: dict[str, Any] = {
        "schedulers": (schedulers,) if isinstance(schedulers, str) else tuple(schedulers),
        "concurrency": concurrency_of(concurrency),
        **spec,
    }
    if fields.get("url") is not None:
        fields["backend"] = "endpoint"
    made = StudySpec.model_validate(fields)
    return study.run(study.plan(made, Path(results), compares=compares, jobs=jobs))
