"""Systems whose batch times come from a profile: which one, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slaibench.catalog.board import BoardGrade, grade_of, roofline_words
from slaibench.catalog.mismatch import gpu_mismatch, model_mismatch
from slaibench.catalog.model import Model, catalog_name
from slaibench.catalog.profile import Profile, Status
from slaibench.catalog.profiles import (
    load_profile,
    profile_values,
    shipped_values,
)
from slaibench.catalog.validations import validations_of
from slaibench.measure.catalogue import LATENCIES
from slaibench.operators import store
from slaibench.operators.aiconfigurator import installed_version
from slaibench.operators.deployment import Deployment
from slaibench.spec import (
    DEFAULT_GPU,
    DEFAULT_MODEL,
    DeploymentPart,
    Device,
    StudySpec,
    flags_of,
)
from slaibench.studies.systems.speculating import speculation_words
from slaibench.studies.validation.observed import COMPARED


def profile_of(spec: StudySpec) -> Profile:
    """The profile that a specification names, or one of the user's own.

    Raises:
        ValueError: there is none, or a file of its validations is damaged.
    """
    if spec.profile:
        _check_alone(spec)
        profile = load_profile(spec.profile)
    else:
        profile = store.profile_of(deployment_of(spec))
    validations_of(profile)  # recordings will hold them: refuse a damaged file before any work
    return profile


def profile_values_of(spec: StudySpec) -> dict[str, Any]:
    """The values of the file of ``profile_of``. Errors as there."""
    if spec.profile:
        return profile_values(spec.profile)
    deployment = deployment_of(spec)
    if store.is_shipped(deployment):
        return shipped_values(f"{deployment.gpu}_{catalog_name(deployment.model)}")
    return store.profile_values(deployment)


def profile_file_of(spec: StudySpec) -> Path | None:
    """A file that another process reads the profile from; None: it ships.

    Raises:
        CatalogError: as ``profile_of``.
    """
    if spec.profile:
        return Path(spec.profile)
    deployment = deployment_of(spec)
    return None if store.is_shipped(deployment) else store.profile_file(deployment)


def deployment_of(spec: StudySpec) -> Deployment:
    """What a specification's profile is of, if it is not one of the user's own.

    Raises:
        ValueError: numbers that do not go together.
    """
    return Deployment(
        model=spec.model or DEFAULT_MODEL,
        gpu=spec.gpu or DEFAULT_GPU,
        engine=spec.engine,
        engine_version=spec.engine_version,
        tp=spec.tp or 1,
        ep=spec.ep or 1,
        precision=spec.precision,
    )


def _check_alone(spec: StudySpec) -> None:
    flags = flags_of(StudySpec)
    given = [flags[name] for name in DeploymentPart.model_fields if getattr(spec, name) is not None]
    if given:
        raise ValueError(
            f"{' and '.join(given)} say which profile to make, and --profile {spec.profile} is one "
            "already: leave one of them out"
        )


def settled_names(spec: StudySpec) -> StudySpec:
    """The specification with its model and GPU filled in (``names_of``)."""
    model, gpu = names_of(spec)
    return spec.model_copy(update={"model": model, "gpu": gpu})


def names_of(spec: StudySpec) -> tuple[str, str]:
    """Model and GPU of a study: what it says, else what its own profile does, else ours.

    Raises:
        ValueError: the profile cannot be read.
    """
    if spec.profile and not (spec.model and spec.gpu):
        own = load_profile(spec.profile)
        return spec.model or own.model, spec.gpu or own.gpu
    model = spec.model or DEFAULT_MODEL
    # An id of the hub is another word for a model of the catalog, which has its profile.
    return model if spec.profile else catalog_name(model), spec.gpu or DEFAULT_GPU


def is_asynchronous(spec: StudySpec, profile: Profile | None, possible: bool = True) -> bool:
    """Whether batches are decided ahead: as a specification says, else as the engine does that the
    profile is of, or (without one) that runs: engines do so on GPUs, unless they speculate.

    Args:
        possible: whether our schedulers can be run so; asked for all the same, an engine refuses.
    """
    if spec.async_scheduling is not None:
        return spec.async_scheduling
    if spec.speculative_tokens is not None:
        return False  # as vLLM does with drafts of a prompt's own words
    return possible and (profile.is_asynchronous if profile else spec.device is Device.CUDA)


def mode_words(cell: Mapping[str, Any]) -> str:
    """How a cell's batches were decided, and what decodes drafted, for a reader; empty: one after
    the other, and nothing."""
    mode = ", scheduling asynchronously" if cell.get("async_scheduling") else ""
    return mode + speculation_words(cell)


def doubts_of(spec: StudySpec, model: Model, profile: Profile) -> tuple[str, ...]:
    """What a reader must know where a profile of the user's own may not be of the study's GPU and
    model. What the catalog pairs is.

    Raises:
        ValueError: it surely is of others: their names would be printed with its times.
    """
    if spec.profile is None:
        return doubts_of_profile(profile)
    name = spec.model or DEFAULT_MODEL
    mismatches = [
        mismatch
        for mismatch in (
            gpu_mismatch(spec.gpu or profile.gpu, profile, "the study's GPU"),
            model_mismatch(name, model, profile, "the study's model"),
        )
        if mismatch is not None
    ]
    certain = [mismatch.words for mismatch in mismatches if mismatch.certain]
    if certain:
        wrong = "".join(f"\n- {words}" for words in certain)
        named = {"--gpu": spec.gpu != profile.gpu, "--model": name != profile.model}
        options = " and ".join(option for option, differs in named.items() if differs)
        way = (
            f"Leave {options} out, to have what the profile is of, or give the profile of what you "
            "name"
            if options
            else "Write the model whose times it has as its model"
        )
        raise ValueError(f"profile {spec.profile} is not of what is asked for:{wrong}\n{way}")
    return tuple(mismatch.words for mismatch in mismatches)


def doubts_of_profile(profile: Profile) -> tuple[str, ...]:
    """What is said of a roofline that stands in for a profile; of others nothing."""
    if not profile.is_roofline:
        return ()
    more = (
        ""
        if installed_version()
        else ("; operators that were measured come with pip install 'slaibench[profiles]'")
    )
    return (
        f"profile {profile.name} is a roofline of shape and datasheet: no batch is faster, and how "
        f"much slower a real one is was not measured{more}",
    )


def profile_facts(profile: Profile) -> dict[str, Any]:
    """What a reader of a recording must know of the profile behind it."""
    return {
        "name": profile.name,
        "status": profile.status.value,
        "engine": profile.engine,
        "source": profile.source,
        "errors": dict(profile.errors),
        "fingerprint": profile.fingerprint,
        "validations": [validation.to_json() for validation in validations_of(profile)],
        **_on_board(profile),
    }


def board_grade(profile: Profile) -> BoardGrade | None:
    """What published runs say of a profile that was compiled; None: it was not, or there are none
    of its GPU.

    Raises:
        CatalogError: the board's file is damaged.
    """
    if profile.status is not Status.COMPILED:
        return None
    return grade_of(profile.gpu, profile.model, profile.engine.split()[0])


def _on_board(profile: Profile) -> dict[str, str]:
    """What the board says of a profile that was made without a run of its own."""
    words = None
    if profile.status is Status.COMPILED:
        grade = board_grade(profile)
        words = "on the board: no published run on this GPU" if grade is None else grade.words
    elif profile.is_roofline:
        words = roofline_words()
    return {} if words is None else {"board": words}


def describe_profile(facts: Mapping[str, Any]) -> str:
    """A profile in two lines: from where, with what known error; and what it was validated against.

    Args:
        facts: ``profile_facts``.
    """
    board = f"; {facts['board']}" if "board" in facts else ""
    return (
        f"profile {facts['name']} ({facts['status']}; from {facts['engine']}); "
        f"known errors of its parts: {known_errors(facts['errors'])}\n{validated(facts)}{board}"
    )


def validated(facts: Mapping[str, Any]) -> str:
    """In a line: how far whole runs on a profile were from an engine's.

    Of several validations, that of the worst grade.

    Args:
        facts: ``profile_facts``; recordings of before there were validations have none.
    """
    validations = sorted(facts.get("validations", ()), key=_grade, reverse=True)
    if not validations:
        return "not validated against a run of an engine"
    worst = validations[0]
    more = f" (the worst of {len(validations)} validations)" if len(validations) > 1 else ""
    medians = (
        f"median {LATENCIES[name].label} {worst['errors'][f'{name}_p50']:+.1%}"
        for name in COMPARED
        if f"{name}_p50" in worst["errors"]
    )
    return (
        f"validated against {worst['engine']}, {worst['against']}: {', '.join(medians)}; "
        f"grade {_grade(worst)}{more}"
    )


def _grade(validation: Mapping[str, Any]) -> str:
    return str(validation["grades"]["all"])


def known_errors(errors: Mapping[str, float]) -> str:
    """A profile's mean errors in one line; the largest ones are in its facts as well."""
    means = {name: value for name, value in errors.items() if not name.endswith("_max")} or errors
    texts = (
        f"{name.removesuffix('_mean').replace('_', ' ')} {value:.1%}"
        for name, value in sorted(means.items())
    )
    return ", ".join(texts) or "not known"
