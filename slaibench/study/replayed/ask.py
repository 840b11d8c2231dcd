"""What a user asks: these runs, on that profile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slaibench.catalog.gpu import list_gpus
from slaibench.catalog.model import list_models
from slaibench.catalog.profile import Profile
from slaibench.catalog.profiles import get_profile, load_profile
from slaibench.catalog.validations import check_keepable, keep
from slaibench.recording import store
from slaibench.study.replayed.held import Held, hold
from slaibench.study.replayed.log import LogFile
from slaibench.study.replayed.observed import Observed
from slaibench.study.replayed.recorded import observed
from slaibench.study.venues.simulator import SimulatorVenue


@dataclass(frozen=True, slots=True)
class Question:
    """Runs to hold the simulator against, and what to simulate them with.

    Args:
        log, recording: one of them: a log, or a folder with recordings in it.
        gpu, model: of the profile; None: what the run names, where the catalog knows it.
        profile: file of a profile of the user's own.
        scheduler: instead of what ran, or stands for it.
        fit: fit the time between steps to half of the requests.
        kept: keep errors beside the profile (of measured runs).
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
    source: str = "this machine"


@dataclass(frozen=True)
class Answer:
    """What came of it.

    Args:
        held: a run each.
        left_out: recordings that cannot be replayed, and why.
        files: where errors were kept.
    """

    held: tuple[Held, ...]
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
class Prepared:
    """A question whose every name is resolved and whose runs are read."""

    question: Question
    runs: tuple[tuple[Observed, Profile], ...]
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
        SimulatorVenue.build(question.scheduler)
    runs, left_out = _runs(question)
    pairs = tuple((run, _profile(question, run)) for run in runs)
    for run, _ in pairs:
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
    if question.kept:
        for profile in {profile.name: profile for _, profile in pairs}.values():
            check_keepable(profile)
    return Prepared(question, pairs, tuple(left_out))


def answer(prepared: Prepared, on_run: Callable[[Held], None] = lambda _: None) -> Answer:
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
    for run, profile in prepared.runs:
        held.append(hold(run, profile, question.scheduler, fit=question.fit))
        on_run(held[-1])
        if question.kept and run.measured:
            files.append(keep(profile, held[-1].validation(question.source)))
    return Answer(tuple(held), prepared.left_out, tuple(dict.fromkeys(files)))


def _runs(question: Question) -> tuple[list[Observed], list[str]]:
    if question.log is not None:
        return [question.log.read()], []
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


def _profile(question: Question, run: Observed) -> Profile:
    if question.profile is not None:
        return load_profile(question.profile)
    gpu = question.gpu or _known_gpu(run.settings.device)
    model = question.model or _known_model(run.settings.model)
    if gpu is None or model is None:
        missing, option = ("GPU", "--gpu") if gpu is None else ("model", "--model")
        named = run.settings.device if gpu is None else run.settings.model
        raise ValueError(
            f"{run.name}: {missing} {named or '(not named there)'} is none of the catalog's: say "
            f"which one it is with {option} (slaibench gpus), or give --profile FILE"
        )
    return get_profile(gpu, model)


def _known_gpu(device: str | None) -> str | None:
    """The catalog's name of a GPU that a driver calls so, or that is called so already."""
    for gpu in list_gpus():
        if device is not None and (device == gpu.name or device.startswith(gpu.full_name)):
            return gpu.name
    return None


def _known_model(name: str | None) -> str | None:
    """The catalog's name of a model with this name or Hugging Face id."""
    for model in list_models():
        if name is not None and name in (model.name, model.hf_id):
            return model.name
    return None
