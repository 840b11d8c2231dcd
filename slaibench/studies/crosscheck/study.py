"""The same cells on several backends: does one stand for the other?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slaibench.recording import store
from slaibench.recording.store import check_writable
from slaibench.spec import StudySpec
from slaibench.studies.crosscheck.agreement import Agreement, Replicate, Verdict, agreement
from slaibench.studies.executors import CellResult, Jobs, jobs_for
from slaibench.studies.prepared import PreparedStudy, prepare
from slaibench.studies.sweep import OnCell, SweepResult, open_pool, quiet, sweep_in
from slaibench.studies.systems.table import on_system


@dataclass(frozen=True, slots=True)
class Match:
    """One scheduler at one rate on the reference and on another backend."""

    scheduler: str
    rate_rps: float
    other: str
    agreement: Agreement

    def to_json(self) -> dict[str, Any]:
        return {
            "scheduler": self.scheduler,
            "rate_rps": self.rate_rps,
            "other": self.other,
            **self.agreement.to_json(),
        }


@dataclass(frozen=True)
class ValidateResult:
    """What became of a validation.

    Args:
        between: the backends; the first is the reference of the others.
        sweeps: the study on each.
        matches: by other backend, scheduler and rate.
    """

    between: tuple[str, ...]
    sweeps: tuple[SweepResult, ...]
    matches: tuple[Match, ...]

    @property
    def reference(self) -> str:
        return self.between[0]

    @property
    def ok(self) -> bool:
        """Whether nothing is beyond its tolerance."""
        return all(match.agreement.verdict.ok for match in self.matches)

    @property
    def beyond(self) -> tuple[Match, ...]:
        return tuple(match for match in self.matches if not match.agreement.verdict.ok)

    @property
    def cells(self) -> tuple[CellResult, ...]:
        return tuple(cell for swept in self.sweeps for cell in swept.cells)

    def to_json(self) -> dict[str, Any]:
        first = self.sweeps[0]
        return {
            "between": list(self.between),
            "specs": [swept.spec.model_dump(mode="json") for swept in self.sweeps],
            "about": [swept.about for swept in self.sweeps],
            "workload": first.workload_note,
            "warnings": list(dict.fromkeys(w for swept in self.sweeps for w in swept.warnings)),
            "ok": self.ok,
            "matches": [match.to_json() for match in self.matches],
        }


def validate(
    spec: StudySpec,
    between: Sequence[str],
    results: Path,
    *,
    jobs: Jobs = None,
    fresh: bool = False,
    on_cell: OnCell = quiet,
) -> ValidateResult:
    """Run a study's cells on several backends, and hold the others against the first.

    Every run goes on to its last request, saturated or not: ended early, two runs would have other
    requests. Recordings are kept and reused as a sweep's.

    Args:
        between: backends, at least two: ``sim``, ``vllm``, ``vllm:cpu``; what one of them has no
            use for (a profile, a device) is left out there.

    Raises:
        ValueError: a name or value is wrong.
        RecordingError, BackendError, SchedulerError: a cell cannot be had.
    """
    sweeps = []
    for prepared in prepared_on(spec, between):
        with open_pool(prepared, results, jobs, fresh) as pool:
            sweeps.append(sweep_in(pool, prepared, on_cell))
    return ValidateResult(tuple(between), tuple(sweeps), matches_of(between, sweeps))


def matches_of(between: Sequence[str], sweeps: Sequence[SweepResult]) -> tuple[Match, ...]:
    """Each other backend held against the first, by scheduler and rate; reads the recordings.

    Args:
        sweeps: the same study on each of ``between``.

    Raises:
        ValueError: not the same requests on two of them.
        RecordingError: a recording cannot be read.
    """
    first = sweeps[0]
    return tuple(
        Match(scheduler, rate, name, _agreement(first, swept, scheduler, rate))
        for name, swept in zip(between[1:], sweeps[1:], strict=True)
        for scheduler in first.spec.schedulers
        for rate in first.spec.rates
    )


def check(spec: StudySpec, between: Sequence[str], results: Path, jobs: Jobs = None) -> None:
    """Everything that can be refused before any work is done.

    Raises:
        ValueError, RecordingError: as ``validate``.
    """
    for prepared in prepared_on(spec, between):
        jobs_for(prepared, jobs)
        prepared.requests(prepared.cells()[0])
    check_writable(results)


def prepared_on(spec: StudySpec, between: Sequence[str]) -> list[PreparedStudy]:
    """The study on each backend, made ready.

    Raises:
        ValueError: fewer than two backends, one twice, or one that cannot be compared.
    """
    if len(between) < 2 or len(set(between)) < len(between):
        raise ValueError(
            f"a validation is between two backends or more, each once, not {', '.join(between)!r}; "
            "write sim,vllm"
        )
    if not spec.rates:
        raise ValueError("a validation needs at least one rate; give --rates start:stop[:step]")
    to_the_end = spec.model_copy(update={"early_stop": False})
    return [prepare(on_system(to_the_end, text)) for text in between]


def _agreement(a: SweepResult, b: SweepResult, scheduler: str, rate_rps: float) -> Agreement:
    return agreement(_replicates(a, scheduler, rate_rps), _replicates(b, scheduler, rate_rps))


def _replicates(swept: SweepResult, scheduler: str, rate_rps: float) -> list[Replicate]:
    cells = [
        cell
        for cell in swept.cells
        if cell.cell.scheduler == scheduler and cell.cell.rate_rps == rate_rps
    ]
    return [
        Replicate(store.read(cell.folder), cell.summary)
        for cell in sorted(cells, key=lambda cell: cell.cell.seed)
    ]


__all__ = [
    "Match",
    "ValidateResult",
    "Verdict",
    "check",
    "matches_of",
    "prepared_on",
    "validate",
]
