"""What a user asks: these runs, on that profile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from slaibench.catalog.gpu import find_gpu
from slaibench.catalog.model import find_model
from slaibench.catalog.profile import Profile
from slaibench.catalog.profiles import get_profile, load_profile
from slaibench.catalog.validations import check_keepable, keep
from slaibench.recording import store
from slaibench.studies.systems.simulator import SimulatorSystem
from slaibench.studies.validation.log import LogFile
from slaibench.studies.validation.matching import mismatches, refusal
from slaibench.studies.validation.observed import Observed
from slaibench.studies.validation.recorded import observed
from slaibench.studies.validation.validation_run import ValidationRun, hold


@dataclass(frozen=True, slots=True)
class Question:
    """Runs to hold the simulator against, and what to simulate them with.

    Args:
        log, recording: one of them: a log, or a folder with recordings in it.
        gpu, model: of the profile; None: what the run names, where the catalog knows it.
        profile: file of a profile of the user's own.
        scheduler: instead of what ran, or stands for it.
        fit: fit the time between steps to half of the requests.
        kept: keep errors beside the profile (of measured runs that it is of).
        despite_mismatch: replay runs that the profile is surely not of as well.
        source: where the run is from, for whoever reads its errors.
    """

    log: LogFile | None = None
    recording: Path | None = None
    gpu: str | None = None
    model: str | None = None
    profile: str | None = None
    scheduler: str | None = None
    fit: bool = False
    kept: bool = True
    despite_mismatch: bool = False
    source: str = "this machine"


@dataclass(frozen=True)
class Answer:
    """What came of it.

    Args:
        held: a run each.
        left_out: recordings that cannot be replayed, and why.
        files: where errors were kept.
    """

    held: tuple[ValidationRun, ...]
    left_out: tuple[str, ...]
    files: tuple[Path, ...]

    @property
    def ok(self) -> bool:
        """Whether no run has the last grade."""
        return all(each.verdict.grade != "D" for each in self.held)

    def to_json(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "runs": [each.to_json() for each in self.held],
            "left_out": list(self.left_out),
            "kept_in": [str(path) for path in self.files],
        }


@dataclass(frozen=True)
class Subject:
    """A run, and the profile that it is replayed with.

    Args:
        kept: whether errors are kept with that profile.
    """

    run: Observed
    profile: Profile
    kept: bool


@dataclass(frozen=True)
class Prepared:
    """A question whose every name is resolved and whose runs are read."""

    question: Question
    subjects: tuple[Subject, ...]
    left_out: tuple[str, ...]


def prepare(question: Question) -> Prepared:
    """Read and check everything before any work is done.

    Raises:
        ValueError: a file, name or value is wrong; the message says what to do instead.
        RecordingError: a recording is damaged.
    """
    if (question.log is None) == (question.recording is None):
        raise ValueError("give either --log FILE or --recording FOLDER")
    if question.scheduler is not None:
        SimulatorSystem.build(question.scheduler)
    runs, left_out = _runs(question)
    subjects = tuple(_subject(question, run) for run in runs)
    for run in runs:
        if question.scheduler is None and run.settings.scheduler is None:
            raise ValueError(
                f"{run.name}: which of our schedulers stands for that of {run.settings.engine} is "
                "not known: say so with --scheduler, e.g. "
                "sarathi:token_budget=2048,max_active=256,watermark=0"
            )
        if question.fit and not np.isfinite(run.latencies.tpot).any():
            raise ValueError(
                f"{run.name}: no request has two output tokens or more, so the time between steps "
                "cannot be fitted: leave --fit-step-overhead out"
            )
    for profile in {each.profile.name: each.profile for each in subjects if each.kept}.values():
        check_keepable(profile)
    return Prepared(question, subjects, tuple(left_out))


def answer(prepared: Prepared, on_run: Callable[[ValidationRun], None] = lambda _: None) -> Answer:
    """Replay every run, and keep the errors of those that were measured.

    Args:
        on_run: told of each as it is done.

    Raises:
        BackendError: a run has nothing to score.
        SchedulerError: a scheduler broke its contract.
        CatalogError: the errors cannot be kept.
    """
    question = prepared.question
    held, files = [], []
    for subject in prepared.subjects:
        held.append(hold(subject.run, subject.profile, question.scheduler, fit=question.fit))
        on_run(held[-1])
        if subject.kept and subject.run.measured:
            files.append(keep(subject.profile, held[-1].validation(question.source)))
    return Answer(tuple(held), prepared.left_out, tuple(dict.fromkeys(files)))


def _runs(question: Question) -> tuple[list[Observed], list[str]]:
    if question.log is not None:
        said = {
            "device": question.gpu or question.profile,
            "model": question.model or question.profile,
            "scheduler": question.scheduler,
        }
        return [question.log.read([key for key, value in said.items() if value is None])], []
    assert question.recording is not None
    return _recorded(question.recording)


def _recorded(root: Path) -> tuple[list[Observed], list[str]]:
    folders = list(store.find_runs(root)) if root.is_dir() else []
    if not folders:
        raise ValueError(
            f"{str(root)!r} holds no recordings: name a folder that slaibench sweep, compare or "
            "replay wrote (--results)"
        )
    runs, left_out = [], []
    for folder in folders:
        name = root.name if folder == root else str(folder.relative_to(root))
        try:
            runs.append(observed(store.read(folder), name))
        except ValueError as error:
            left_out.append(str(error))
    if not runs:
        raise ValueError(left_out[0])
    return runs, left_out


def _subject(question: Question, run: Observed) -> Subject:
    """The run with its profile, and what a reader must know of how well they match.

    Raises:
        ValueError: they surely do not, or there is no such profile.
    """
    profile = _profile(question, run)
    found = mismatches(
        run.settings,
        profile,
        gpu=question.gpu,
        model=question.model,
        run="log" if question.log is not None else "recording",
    )
    certain = tuple(mismatch for mismatch in found if mismatch.certain)
    if certain and not question.despite_mismatch:
        why = refusal(run.settings, certain, own_profile=question.profile is not None)
        raise ValueError(f"{run.name}: {why}")
    keeps = all(mismatch.keeps for mismatch in found)
    notes = [mismatch.words for mismatch in found]
    if question.kept and run.measured and not keeps:
        notes.append(f"for this, errors are not kept with profile {profile.name}")
    return Subject(replace(run, notes=(*notes, *run.notes)), profile, kept=question.kept and keeps)


def _profile(question: Question, run: Observed) -> Profile:
    if question.profile is not None:
        return load_profile(question.profile)
    known_gpu = find_gpu(run.settings.device or "")
    known_model = find_model(question.model or run.settings.model or "")
    gpu = question.gpu or (None if known_gpu is None else known_gpu.name)
    model = question.model if known_model is None else known_model.name
    if gpu is not None and model is not None:
        return get_profile(gpu, model)
    lacks = [
        f"{what} {said or '(not named there)'} is none of the catalog's: say which one it is with "
        f"{option}"
        for what, option, said, name in (
            ("GPU", "--gpu (slaibench gpus)", run.settings.device, gpu),
            ("model", "--model (slaibench models)", run.settings.model, model),
        )
        if name is None
    ]
    raise ValueError(f"{run.name}: {'; '.join(lacks)}; or give --profile FILE")
