"""The same cells on several backends: does one stand for the other?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from slaibench.backends.simulator.caching import RULES, rules_of
from slaibench.measure import catalogue
from slaibench.recording import store
from slaibench.spec import StudySpec
from slaibench.studies import sweep
from slaibench.studies.crosscheck.agreement import Agreement, BackendRun, agreement
from slaibench.studies.crosscheck.forms import CrosscheckForm, MatchForm
from slaibench.studies.estimate import Estimate
from slaibench.studies.executors import CellResult, Jobs
from slaibench.studies.frames import ends_of, frame_of, number_or_nan
from slaibench.studies.lifecycle import OnCell, quiet
from slaibench.studies.prepared import prepare
from slaibench.studies.shown import Shown
from slaibench.studies.sweep import SweepPlan, SweepResult
from slaibench.studies.systems.profiled import profile_of
from slaibench.studies.systems.table import on_system

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Match:
    """One scheduler at one rate on the reference and on another backend."""

    scheduler: str
    rate_rps: float
    other: str
    agreement: Agreement

    def to_json(self) -> MatchForm:
        return {
            "scheduler": self.scheduler,
            "rate_rps": self.rate_rps,
            "other": self.other,
            **self.agreement.to_json(),
        }


@dataclass(frozen=True, slots=True)
class CrosscheckPlan:
    """One study on several backends.

    Args:
        between: the backends; the first is the reference of the others.
        sweeps: the study on each.
    """

    between: tuple[str, ...]
    sweeps: tuple[SweepPlan, ...]


@dataclass(frozen=True, repr=False)
class CrosscheckResult(Shown):
    """The outcome of a validation.

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

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know of how far the numbers can be trusted; each once."""
        return tuple(dict.fromkeys(w for swept in self.sweeps for w in swept.warnings))

    @property
    def in_words(self) -> str:
        agree = len(self.matches) - len(self.beyond)
        return f"{' against '.join(self.between)}: {agree} of {len(self.matches)} rows agree"

    def frame(self) -> pd.DataFrame:
        """One row a backend, scheduler, rate and metric."""
        rows = []
        for match in self.matches:
            for name, difference in match.agreement.differences.items():
                metric, _, tier = name.partition(catalogue.AT)
                low, high = difference.ci95 or (None, None)
                rows.append(
                    {
                        "scheduler": match.scheduler,
                        "reference_backend": self.reference,
                        "backend": match.other,
                        "rate_rps": match.rate_rps,
                        "metric": metric,
                        "tier": tier or None,
                        "reference": number_or_nan(difference.reference),
                        "other": number_or_nan(difference.other),
                        **ends_of("change", Estimate(difference.change, low, high, 0)),
                        "tolerance": number_or_nan(difference.tolerance),
                        "within": difference.within,
                        "verdict": match.agreement.verdict.value,
                    }
                )
        return frame_of(rows, ("within",))

    def to_json(self) -> CrosscheckForm:
        first = self.sweeps[0]
        return {
            "between": list(self.between),
            "specs": [swept.spec.to_json() for swept in self.sweeps],
            "about": [swept.about for swept in self.sweeps],
            "workload": first.workload_note,
            "warnings": list(self.warnings),
            "ok": self.ok,
            "matches": [match.to_json() for match in self.matches],
        }


def plan(
    spec: StudySpec,
    between: Sequence[str],
    results: Path,
    *,
    jobs: Jobs = None,
    fresh: bool = False,
) -> CrosscheckPlan:
    """The study on each backend, checked.

    Every run goes on to its last request, saturated or not: ended early, two runs would have other
    requests.

    Args:
        between: backends, at least two: ``sim``, ``vllm``, ``vllm:cpu``; what one of them has no
            use for (a profile, a device) is left out there.
        results, jobs, fresh: as ``sweep.plan``.

    Raises:
        ValueError: fewer than two backends, one twice, or one that cannot be compared; no rate; or
            as ``sweep.plan``.
        RecordingError: ``results`` cannot be written.
    """
    if len(between) < 2 or len(set(between)) < len(between):
        raise ValueError(
            f"a validation is between two backends or more, each once, not {', '.join(between)!r}; "
            "write sim,vllm"
        )
    if not spec.rates:
        raise ValueError("a validation needs at least one rate; give --rates start:stop[:step]")
    to_the_end = spec.model_copy(update={"early_stop": False})
    specs = [on_system(to_the_end, backend) for backend in between]
    for own in specs:
        _check_cache(own, between)
    studies = [prepare(own) for own in specs]
    sweeps = [SweepPlan.of(prepared, results, jobs=jobs, fresh=fresh) for prepared in studies]
    return CrosscheckPlan(tuple(between), tuple(sweeps))


def run(plan: CrosscheckPlan, on_cell: OnCell = quiet) -> CrosscheckResult:
    """Run a study's cells on several backends, and compare the others with the first.

    Recordings are kept and reused as a sweep's.

    Raises:
        RecordingError, BackendError, SchedulerError: a cell cannot be had.
    """
    sweeps = [sweep.run(swept, on_cell) for swept in plan.sweeps]
    return CrosscheckResult(plan.between, tuple(sweeps), matches_of(plan.between, sweeps))


def _check_cache(spec: StudySpec, between: Sequence[str]) -> None:
    """A simulated prefix cache follows the rules of the engines that it is compared with.

    Raises:
        ValueError: it does not.
    """
    if spec.backend != "sim" or not spec.prefix_caching:
        return
    engine = profile_of(spec).engine
    rules = rules_of(engine)
    for other in between:
        name = other.partition(":")[0]
        if name in RULES and name != rules:
            raise ValueError(
                f"the simulator keeps prefixes as {rules} does, since its profile is of {engine}, "
                f"and is compared with {other}: give --engine {name}, a --profile of {name}, or "
                "leave --prefix-caching out"
            )


def matches_of(between: Sequence[str], sweeps: Sequence[SweepResult]) -> tuple[Match, ...]:
    """Each other backend compared with the first, by scheduler and rate; reads the recordings.

    Args:
        sweeps: the same study on each of ``between``.

    Raises:
        ValueError: not the same requests on two of them.
        RecordingError: a recording cannot be read.
    """
    first = sweeps[0]
    return tuple(
        Match(
            scheduler,
            rate,
            name,
            agreement(
                _replicates(first, scheduler, rate),
                _replicates(swept, scheduler, rate),
                first.targets.tier_names,
            ),
        )
        for name, swept in zip(between[1:], sweeps[1:], strict=True)
        for scheduler in first.spec.schedulers
        for rate in first.spec.rates
    )


def _replicates(swept: SweepResult, scheduler: str, rate_rps: float) -> list[BackendRun]:
    cells = [result for result in swept.cells if result.cell.key[:2] == (scheduler, rate_rps)]
    return [
        BackendRun(store.read(result.folder), result.summary)
        for result in sorted(cells, key=lambda result: result.cell.seed)
    ]
