"""The profile that a run is replayed with, and whether it is of what ran."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slaibench.catalog.fields import CatalogError
from slaibench.catalog.gpu import find_gpu
from slaibench.catalog.mismatch import ModelMismatch, gpu_mismatch, model_mismatch
from slaibench.catalog.model import Model, find_model, get_model
from slaibench.catalog.profile import Profile
from slaibench.catalog.profiles import load_profile
from slaibench.operators.deployment import Deployment
from slaibench.operators.store import profile_of
from slaibench.studies.validation.observed import EngineSettings, ObservedRun

DESPITE = "--despite-mismatch"

TENSOR_PARALLEL = "tensor_parallel_size"


def find_profile(
    run: ObservedRun,
    *,
    gpu: str | None,
    model: str | None,
    file: str | None,
    making: Mapping[str, Any],
) -> Profile:
    """A profile of the user's own, or that of the GPU and the model, made if none ships.

    Args:
        gpu, model: None: as the run names them.
        file: of the user's own profile.
        making: the other fields of ``Deployment``; the run's own parallel size, if it is not there.

    Raises:
        ValueError: there is no such profile, or what the run names is not known.
    """
    if file is not None:
        if making:
            raise ValueError(f"{', '.join(making)}: profile {file} is made already: leave it out")
        return load_profile(file)
    run_gpu = find_gpu(run.settings.device or "")
    gpu = gpu or (None if run_gpu is None else run_gpu.name)
    model = _model_name(run.settings.model) if model is None else _given_name(model)
    if gpu is not None and model is not None:
        spread = run.settings.parallel.get(TENSOR_PARALLEL)
        own = {} if spread is None else {"tp": spread}
        return profile_of(Deployment(model, gpu, **{**own, **making}))
    lacks = [
        f"{what} {named or '(not named there)'} is none of the catalog's: say which one it is with "
        f"{option}"
        for what, option, named, name in (
            ("GPU", "--gpu (slaibench gpus)", run.settings.device, gpu),
            (
                "model",
                "--model (slaibench models; or a Hugging Face id, or a config.json or its folder)",
                run.settings.model,
                model,
            ),
        )
        if name is None
    ]
    raise ValueError(f"{run.name}: {'; '.join(lacks)}; or give --profile FILE")


def mismatches(
    settings: EngineSettings, profile: Profile, *, gpu: str | None, model: str | None, run: str
) -> tuple[ModelMismatch, ...]:
    """In what a profile is not, or may not be, of what a run ran on; the certain ones first.

    Args:
        gpu, model: what the user says that it is of; None: nothing.
        run: what it is: ``log`` or ``recording``.
    """
    ours = find_gpu(profile.gpu) is not None
    pairs = [
        None if gpu is None else gpu_mismatch(gpu, profile, "--gpu"),
        None if model is None else model_mismatch(model, _shape_of(model), profile, "--model"),
    ]
    if settings.device is None:
        words = f"the {run} names no GPU; it is taken for that of profile {profile.name}"
        pairs.append(ModelMismatch(words, certain=False, keeps=True))
    else:
        pairs.append(gpu_mismatch(settings.device, profile, f"the {run}'s GPU"))
    if settings.model is None:
        words = f"the {run} names no model; it is taken for that of profile {profile.name}"
        pairs.append(ModelMismatch(words, certain=False, keeps=True))
    else:
        shape = _shape_of(settings.model)
        pairs.append(model_mismatch(settings.model, shape, profile, f"the {run}'s model"))
    for name, value in settings.parallel.items():
        if name == TENSOR_PARALLEL and value == profile.tp:
            continue
        gpus = f"{profile.tp} GPUs" if profile.tp > 1 else "one GPU"
        words = f"the {run}'s {name} is {value}, and profile {profile.name} is of {gpus}"
        pairs.append(ModelMismatch(words, certain=True))
    for name, text in settings.formats.items():
        words = (
            f"the {run}'s {name} is {text}: whether profile {profile.name} is of that is not "
            f"known (it is from {profile.engine})"
        )
        pairs.append(ModelMismatch(words, certain=False, keeps=not ours))
    differences = [pair for pair in pairs if pair is not None]
    return tuple(sorted(differences, key=lambda difference: not difference.certain))


def _given_name(name: str) -> str:
    """What the catalog calls a model that somebody named, or that name.

    Raises:
        CatalogError: it is not known; with the nearest.
    """
    model = find_model(name)
    if model is not None:
        return model.name
    get_model(name)
    return name


def _model_name(name: str | None) -> str | None:
    """What the catalog calls a model, or its own name where its shape can be had; None: neither."""
    model = find_model(name or "")
    if model is not None or name is None:
        return None if model is None else model.name
    try:
        get_model(name)
    except CatalogError:
        return None
    return name


def _shape_of(name: str) -> Model | None:
    """A model by a name, or by the path of its ``config.json``, if that is here."""
    if Path(name).exists():
        return get_model(name)
    return find_model(name)


def refusal(
    settings: EngineSettings, certain: tuple[ModelMismatch, ...], *, own_profile: bool
) -> str:
    """What is surely wrong, and the ways out.

    Args:
        own_profile: the profile is a file of the user's.
    """
    gpu = None if settings.device is None else find_gpu(settings.device)
    model = None if settings.model is None else find_model(settings.model)
    names = [
        *([f"--gpu {gpu.name}"] if gpu else []),
        *([f"--model {model.name}"] if model else []),
    ]
    instead = "Leave --profile out, and give" if own_profile else "Give"
    way = f"{instead} {' '.join(names)}" if names else "Give a profile of what ran (--profile FILE)"
    if settings.parallel:
        way = (
            "Give a log of one GPU, or take the size out of its settings if the profile "
            "(--profile FILE) is of all GPUs together"
        )
    wrong = "".join(f"\n- {mismatch.words}" for mismatch in certain)
    return (
        f"the profile is not of what ran:{wrong}\n{way}; or {DESPITE}, to replay it all the same "
        "and keep nothing"
    )
