"""Venues whose batch times come from a profile: which one, and how it is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slaibench.backends.base import RunOutput
from slaibench.catalog.profile import Profile
from slaibench.catalog.profiles import get_profile, load_profile
from slaibench.spec import DEFAULT_GPU, DEFAULT_MODEL, StudySpec
from slaibench.study.regime import excesses_of_run


def profile_of(spec: StudySpec) -> Profile:
    """The profile that a specification names, or one of the user's own.

    Raises:
        ValueError: there is none.
    """
    if spec.profile:
        return load_profile(spec.profile)
    return get_profile(spec.gpu or DEFAULT_GPU, spec.model or DEFAULT_MODEL)


def names_of(spec: StudySpec) -> tuple[str, str]:
    """Model and GPU of a study: what it says, else what its own profile does, else ours.

    Raises:
        ValueError: the profile cannot be read.
    """
    if spec.profile and not (spec.model and spec.gpu):
        own = load_profile(spec.profile)
        return spec.model or own.model, spec.gpu or own.gpu
    return spec.model or DEFAULT_MODEL, spec.gpu or DEFAULT_GPU


def profile_facts(profile: Profile) -> dict[str, Any]:
    """What a reader of a recording must know of the profile behind it."""
    return {
        "name": profile.name,
        "status": profile.status.value,
        "engine": profile.engine,
        "source": profile.source,
        "errors": dict(profile.errors),
        "fingerprint": profile.fingerprint,
    }


def describe_profile(facts: Mapping[str, Any]) -> str:
    """Which profile, from where, with what known error (``facts``: ``profile_facts``)."""
    return (
        f"profile {facts['name']} ({facts['status']}; from {facts['engine']}); "
        f"known errors of its parts: {known_errors(facts['errors'])}"
    )


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
