"""Venues whose batch times come from a profile: which one, and how it is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slaibench.backends.base import RunOutput
from slaibench.catalog.profile import Profile
from slaibench.catalog.profiles import get_profile, load_profile
from slaibench.catalog.validations import validations_of
from slaibench.spec import DEFAULT_GPU, DEFAULT_MODEL, StudySpec
from slaibench.study.regime import excesses_of_run
from slaibench.study.replayed.held import METRICS


def profile_of(spec: StudySpec) -> Profile:
    """The profile that a specification names, or one of the user's own.

    Raises:
        ValueError: there is none.
    """
    if spec.profile:
        return load_profile(spec.profile)
    return get_profile(spec.gpu or DEFAULT_GPU, spec.model or DEFAULT_MODEL)


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
    """Which profile, from where, with what known error (``facts``: ``profile_facts``)."""
    runs = [f"known errors of whole runs: {known_run_errors(v)}; " for v in _validations(facts)]
    return (
        f"profile {facts['name']} ({facts['status']}; from {facts['engine']}); {''.join(runs)}"
        f"known errors of its parts: {known_errors(facts['errors'])}"
    )


def known_run_errors(validation: Mapping[str, Any]) -> str:
    """A validation in a line: mean errors, against what, and its grade."""
    means = (
        f"mean {METRICS[name]} {validation['errors'][f'{name}_mean']:+.1%}"
        for name in METRICS
        if f"{name}_mean" in validation["errors"]
    )
    return (
        f"{', '.join(means)} (against {validation['engine']}: {validation['against']}; "
        f"grade {validation['grades']['all']})"
    )


def _validations(facts: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """None in recordings of before there were any."""
    return list(facts.get("validations", []))


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
