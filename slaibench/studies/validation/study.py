"""A validation: the simulator is compared with runs of an engine, which it replays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from slaibench.catalog.profile import Profile
from slaibench.catalog.validations import check_keepable, keep
from slaibench.studies.frames import frame_of, number_or_nan
from slaibench.studies.shown import Shown, named
from slaibench.studies.systems.simulator import SimulatorSystem
from slaibench.studies.validation.log import LogFile
from slaibench.studies.validation.observed import ObservedRun
from slaibench.studies.validation.profile_match import find_profile, mismatches, refusal
from slaibench.studies.validation.recorded import read_recordings
from slaibench.studies.validation.validation_run import ValidationRun, validate_run

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class ValidationSpec:
    """Runs to compare the simulator with, and what to simulate them with.

    Args:
        log, recording: one of them: a log, or a folder with recordings in it.
        gpu, model: of the profile; None: what the run names, where the catalog knows it.
        profile: file of a profile of the user's own.
        making: how a profile is made where none ships: fields of ``Deployment``, e.g. ``tp``.
        scheduler: instead of what ran, or stands for it.
        fit: fit the time between steps to half of the requests.
        keep_errors: keep errors beside the profile (of measured runs that it is of).
        despite_mismatch: replay runs that the profile is surely not of as well.
        source: where the run is from, for whoever reads its errors.
    """

    log: LogFile | None = None
    recording: Path | None = None
    gpu: str | None = None
    model: str | None = None
    profile: str | None = None
    making: Mapping[str, Any] = field(default_factory=dict)
    scheduler: str | None = None
    fit: bool = False
    keep_errors: bool = True
    despite_mismatch: bool = False
    source: str = "this machine"


@dataclass(frozen=True)
class PlannedRun:
    """A run, and the profile that it is replayed with.

    Args:
        keep_errors: whether errors are kept with that profile.
    """

    run: ObservedRun
    profile: Profile
    keep_errors: bool


@dataclass(frozen=True)
class ValidationPlan:
    """A validation whose every name is resolved and whose runs are read.

    Args:
        runs: to be replayed.
        left_out: recordings that cannot be replayed, and why.
    """

    spec: ValidationSpec
    runs: tuple[PlannedRun, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class ValidationResult(Shown):
    """How far the simulator is from each run.

    Args:
        runs: in the order of the plan.
        left_out: recordings that cannot be replayed, and why.
        files: where errors were kept.
    """

    runs: tuple[ValidationRun, ...]
    left_out: tuple[str, ...]
    files: tuple[Path, ...]

    @property
    def ok(self) -> bool:
        """Whether no run has the last grade."""
        return all(run.overall.grade != "D" for run in self.runs)

    @property
    def in_words(self) -> str:
        grades = (f"{run.run.name} {run.overall.grade}" for run in self.runs)
        return f"grades {named(grades)}" if self.runs else "no run"

    def frame(self) -> pd.DataFrame:
        """One row a run, metric and statistic."""
        rows = [
            {
                "run": run.run.name,
                "scheduler": run.scheduler,
                "profile": run.profile.name,
                "latency": latency,
                "statistic": name,
                "reference_s": error.reference,
                "simulated_s": error.other,
                "change": number_or_nan(error.change),
                "enough_samples": error.enough_samples,
                "n": errors.n,
                "grade": run.judgements[latency].grade if latency in run.judgements else None,
            }
            for run in self.runs
            for latency, errors in run.errors.items()
            for name, error in errors.statistics.items()
        ]
        return frame_of(rows)

    def to_json(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "runs": [run.to_json() for run in self.runs],
            "left_out": list(self.left_out),
            "kept_in": [str(path) for path in self.files],
        }


def plan(spec: ValidationSpec) -> ValidationPlan:
    """Read and check everything before any work is done.

    Raises:
        ValueError: a file, name or value is wrong; the message says what to do instead.
        RecordingError: a recording is damaged.
    """
    if (spec.log is None) == (spec.recording is None):
        raise ValueError("give either --log FILE or --recording FOLDER")
    if spec.scheduler is not None:
        SimulatorSystem.build(spec.scheduler)
    runs, left_out = _observed_runs(spec)
    planned = tuple(_planned(spec, run) for run in runs)
    for run in runs:
        if spec.scheduler is None and run.settings.scheduler is None:
            raise ValueError(
                f"{run.name}: which of our schedulers stands for that of {run.settings.engine} is "
                "not known: say so with --scheduler, e.g. "
                "sarathi:token_budget=2048,max_active=256,watermark=0"
            )
        if spec.fit and not np.isfinite(run.latencies.tpot).any():
            raise ValueError(
                f"{run.name}: no request has two output tokens or more, so the time between steps "
                "cannot be fitted: leave --fit-step-overhead out"
            )
    kept_with = {item.profile.name: item.profile for item in planned if item.keep_errors}
    for profile in kept_with.values():
        check_keepable(profile)
    return ValidationPlan(spec, planned, tuple(left_out))


def run(
    plan: ValidationPlan, on_run: Callable[[ValidationRun], None] = lambda _: None
) -> ValidationResult:
    """Replay every run, and keep the errors of those that were measured.

    Args:
        on_run: called with each as it is done.

    Raises:
        BackendError: a run has nothing to score.
        SchedulerError: a scheduler broke its contract.
        CatalogError: the errors cannot be kept.
    """
    spec = plan.spec
    done, files = [], []
    for planned in plan.runs:
        validated = validate_run(planned.run, planned.profile, spec.scheduler, fit=spec.fit)
        done.append(validated)
        on_run(validated)
        if planned.keep_errors and planned.run.measured:
            files.append(keep(planned.profile, validated.validation(spec.source)))
    return ValidationResult(tuple(done), plan.left_out, tuple(dict.fromkeys(files)))


def _observed_runs(spec: ValidationSpec) -> tuple[list[ObservedRun], list[str]]:
    """The runs, and why some recordings are none."""
    if spec.log is not None:
        named = {
            "device": spec.gpu or spec.profile,
            "model": spec.model or spec.profile,
            "scheduler": spec.scheduler,
        }
        return [spec.log.read([key for key, value in named.items() if value is None])], []
    assert spec.recording is not None
    return read_recordings(spec.recording)


def _planned(spec: ValidationSpec, run: ObservedRun) -> PlannedRun:
    """The run with its profile, and what a reader must know of how well they match.

    Raises:
        ValueError: they surely do not, or there is no such profile.
    """
    profile = find_profile(
        run, gpu=spec.gpu, model=spec.model, file=spec.profile, making=spec.making
    )
    differences = mismatches(
        run.settings,
        profile,
        gpu=spec.gpu,
        model=spec.model,
        run="log" if spec.log is not None else "recording",
    )
    certain = tuple(mismatch for mismatch in differences if mismatch.certain)
    if certain and not spec.despite_mismatch:
        why = refusal(run.settings, certain, own_profile=spec.profile is not None)
        raise ValueError(f"{run.name}: {why}")
    keepable = all(mismatch.keeps for mismatch in differences)
    notes = [mismatch.words for mismatch in differences]
    if spec.keep_errors and run.measured and not keepable:
        notes.append(f"for this, errors are not kept with profile {profile.name}")
    with_notes = replace(run, notes=(*notes, *run.notes))
    return PlannedRun(with_notes, profile, spec.keep_errors and keepable)
