"""Runs of our own beside the published ones: every request at its own time, as validations replay.

Nothing was fitted to them, and they are in neither half: published rows are means of closed loops.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slaibench.catalog.board import MeansForm, OwnRunForm
from slaibench.measure.prediction_error import MEAN
from slaibench.studies.validation import study
from slaibench.studies.validation.log import LogFile
from slaibench.studies.validation.study import ValidationPlan, ValidationSpec
from slaibench.studies.validation.validation_run import ValidationRun


@dataclass(frozen=True, slots=True)
class Means:
    """Mean latencies over the requests of a run."""

    ttft_ms: float
    tpot_ms: float
    e2e_ms: float

    def to_json(self) -> MeansForm:
        return {"ttft_ms": self.ttft_ms, "tpot_ms": self.tpot_ms, "e2e_ms": self.e2e_ms}


@dataclass(frozen=True, slots=True)
class OwnRun:
    """A run, as it was measured and as it was predicted.

    Args:
        gpu, model, status: of the profile.
        engine: name and release.
        asynchronous: whether it decided batches ahead.
        num_requests: that means are of.
        grades: of its validation, by latency; ``all``: the worst, which ``reason`` is of.
    """

    name: str
    gpu: str
    model: str
    status: str
    engine: str
    asynchronous: bool
    scheduler: str
    load: str
    num_requests: int
    measured: Means
    ours: Means
    grades: tuple[tuple[str, str], ...]
    reason: str

    def to_json(self) -> OwnRunForm:
        return {
            "name": self.name,
            "gpu": self.gpu,
            "model": self.model,
            "status": self.status,
            "engine": self.engine,
            "asynchronous": self.asynchronous,
            "scheduler": self.scheduler,
            "load": self.load,
            "n": self.num_requests,
            "measured": self.measured.to_json(),
            "ours": self.ours.to_json(),
            "grades": dict(self.grades),
            "reason": self.reason,
        }

    @classmethod
    def of_json(cls, form: OwnRunForm) -> OwnRun:
        """From what ``to_json`` gave."""
        return cls(
            **{key: form[key] for key in ("name", "gpu", "model", "status", "engine", "scheduler")},
            asynchronous=form["asynchronous"],
            load=form["load"],
            num_requests=form["n"],
            measured=Means(**form["measured"]),
            ours=Means(**form["ours"]),
            grades=tuple(form["grades"].items()),
            reason=form["reason"],
        )


def plan_own(logs: Sequence[Path], recordings: Sequence[Path]) -> tuple[ValidationPlan, ...]:
    """Read and check runs before any work is done.

    Raises:
        ValueError: one cannot be replayed, no profile is of it, or its times are a profile's own.
        RecordingError: a recording is damaged.
    """
    specs = [
        *(ValidationSpec(log=LogFile(path), keep_errors=False) for path in logs),
        *(ValidationSpec(recording=path, keep_errors=False) for path in recordings),
    ]
    plans = tuple(map(study.plan, specs))
    for planned in (planned for plan in plans for planned in plan.runs):
        if not planned.run.measured:
            raise ValueError(
                f"{planned.run.name}: its times are a profile's own (an emulated device), and say "
                "nothing of how true one is; give runs of a real engine"
            )
    return plans


def run_own(plans: Sequence[ValidationPlan]) -> tuple[OwnRun, ...]:
    """Replay them, each on the catalog's profile, in the mode that its engine decided in.

    Raises:
        BackendError: a run has nothing to score.
    """
    return tuple(_own(validated) for plan in plans for validated in study.run(plan).runs)


def _own(validated: ValidationRun) -> OwnRun:
    run, profile = validated.run, validated.profile
    statistics = {name: errors.statistics[MEAN] for name, errors in validated.errors.items()}

    def means(side: str) -> Means:
        values = (getattr(statistics[name], side) * 1e3 for name in ("ttft", "tpot", "e2e"))
        return Means(*(round(value, 3) for value in values))

    overall = validated.overall
    grades = {name: grade.grade for name, grade in validated.judgements.items()}
    return OwnRun(
        name=run.name,
        gpu=profile.gpu,
        model=profile.model,
        status=profile.status.value,
        engine=run.settings.engine,
        asynchronous=run.settings.asynchronous,
        scheduler=validated.scheduler,
        load=run.load,
        num_requests=validated.num_scored,
        measured=means("reference"),
        ours=means("other"),
        grades=(*grades.items(), ("all", overall.grade)),
        reason=overall.reason,
    )
