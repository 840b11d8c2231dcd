"""Venues whose batch times come from a profile: which one, and how it is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slaibench.backends.base import RunOutput
from slaibench.catalog.mismatch import gpu_mismatch, model_mismatch
from slaibench.catalog.model import Model
from slaibench.catalog.profile import Profile
from slaibench.catalog.profiles import get_profile, load_profile
from slaibench.catalog.validations import validations_of
from slaibench.measure.catalogue import LATENCIES
from slaibench.spec import DEFAULT_GPU, DEFAULT_MODEL, StudySpec
from slaibench.studies.regime import excesses_of_run
from slaibench.studies.validation.observed import COMPARED


def profile_of(spec: StudySpec) -> Profile:
    """The profile that a specification names, or one of the user's own.

    Raises:
        ValueError: there is none, or a file of its validations is damaged.
    """
    if spec.profile:
        profile = load_profile(spec.profile)
    else:
        profile = get_profile(spec.gpu or DEFAULT_GPU, spec.model or DEFAULT_MODEL)
    validations_of(profile)  # recordings will hold them: refuse a damaged file before any work
    return profile


def names_of(spec: StudySpec) -> tuple[str, str]:
    """Model and GPU of a study: what it says, else what its own profile does, else ours.

    Raises:
        ValueError: the profile cannot be read.
    """
    if spec.profile and not (spec.model and spec.gpu):
        own = load_profile(spec.profile)
        return spec.model or own.model, spec.gpu or own.gpu
    return spec.model or DEFAULT_MODEL, spec.gpu or DEFAULT_GPU


def doubts_of(spec: StudySpec, model: Model, profile: Profile) -> tuple[str, ...]:
    """What a reader must know where a profile of the user's own may not be of the study's GPU and
    model. What the catalog pairs is.

    Raises:
        ValueError: it surely is of others: their names would be told with its times.
    """
    if spec.profile is None:
        return ()
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


def profile_facts(profile: Profile) -> dict[str, Any]:
    """What a reader of a recording must know of the profile behind it."""
    return {
        "name": profile.name,
        "status": profile.status.value,
        "engine": profile.engine,
        "source": profile.source,
        "errors": dict(profile.errors),
        "fingerprint": profile.fingerprint,
        "validations": [each.to_json() for each in validations_of(profile)],
    }


def describe_profile(facts: Mapping[str, Any]) -> str:
    """A profile in two lines: from where, with what known error; and what it was held against.

    Args:
        facts: ``profile_facts``.
    """
    return (
        f"profile {facts['name']} ({facts['status']}; from {facts['engine']}); "
        f"known errors of its parts: {known_errors(facts['errors'])}\n{validated(facts)}"
    )


def validated(facts: Mapping[str, Any]) -> str:
    """In a line: how far whole runs on a profile were from an engine's.

    Of several validations, that of the worst grade.

    Args:
        facts: ``profile_facts``; recordings of before there were validations have none.
    """
    known = sorted(facts.get("validations", ()), key=_grade, reverse=True)
    if not known:
        return "not validated against a run of an engine"
    worst = known[0]
    more = f" (the worst of {len(known)} validations)" if len(known) > 1 else ""
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


def regime_notes(profile: Profile, output: RunOutput) -> list[str]:
    """Where a run left what its profile was measured for."""
    excesses = excesses_of_run(profile, output)
    return [f"outside the profile's regime: {each}" for each in excesses]
