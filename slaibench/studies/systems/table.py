"""Which backends there are. A new one is a module beside this one, and a line here."""

from __future__ import annotations

from typing import Any

from slaibench.machine.suggestion import did_you_mean
from slaibench.spec import DeploymentPart, Device, StudySpec, flags_of
from slaibench.spec.study import SchedulerPart
from slaibench.studies.systems.base import Facts, SystemUnderTest
from slaibench.studies.systems.endpoint import EndpointSystem
from slaibench.studies.systems.engines import SglangSystem, VllmSystem
from slaibench.studies.systems.imported import BACKEND, ImportedSystem
from slaibench.studies.systems.simulator import SimulatorSystem

SYSTEMS: dict[str, type[SystemUnderTest]] = {
    "sim": SimulatorSystem,
    "vllm": VllmSystem,
    "sglang": SglangSystem,
    "endpoint": EndpointSystem,
}

PROFILE_ONLY = set(DeploymentPart.model_fields) - {"tp"}
"""Fields that make a profile and mean nothing to a real engine."""
OPTIONS = {
    name: flags_of(StudySpec).get(name, "an endpoint's dialect")
    for name in SchedulerPart.model_fields
    if name not in ("backend", "model", "schedulers")
}
"""Fields of a specification that not every backend takes, as the command line calls them."""


def find(name: str) -> type[SystemUnderTest]:
    """The system behind a backend's name, which a recording may have and no study can ask for.

    Raises:
        ValueError: there is none.
    """
    if name == BACKEND:
        return ImportedSystem
    if name in SYSTEMS:
        return SYSTEMS[name]
    hint = did_you_mean(name, SYSTEMS)
    raise ValueError(f"unknown backend {name!r}: {hint}Known: {', '.join(SYSTEMS)}")


def settled(spec: StudySpec) -> StudySpec:
    """The specification with everything filled in that its backend decides.

    Raises:
        ValueError: an unknown backend, or a field that does not go with it.
    """
    system = find(spec.backend)
    for name, option in OPTIONS.items():
        if name in system.TAKES or _left_open(spec, name):
            continue
        takers = [backend for backend, other in SYSTEMS.items() if name in other.TAKES]
        raise ValueError(
            f"{option} does not go with --backend {spec.backend}, only with {' or '.join(takers)}: "
            f"leave it out, or choose another --backend"
        )
    return system.settled(spec)


def on_system(spec: StudySpec, text: str) -> StudySpec:
    """The same study on another backend: ``sim``, ``vllm``, ``sglang:cpu``.

    What that backend has no use for is left out.

    Raises:
        ValueError: an unknown backend or device.
    """
    name, colon, device = text.partition(":")
    system = find(name)
    if "url" in system.TAKES:
        raise ValueError(f"backend {name!r} has a scheduler of its own: name one that takes ours")
    takes = {field for field in OPTIONS if field in system.TAKES}
    if colon and ("device" not in takes or device not in list(Device)):
        accepted = ", ".join(_system_texts())
        raise ValueError(f"unknown backend {text!r}. Known: {accepted}")
    wanted = Device(device) if colon else None
    if wanted not in (None, Device.EMULATED):
        takes -= {"gpu", "profile", *PROFILE_ONLY}
    elif "device" in takes:
        takes -= {"weights", "engine_args"}
    dropped: dict[str, Any] = {
        field: StudySpec.model_fields[field].default for field in OPTIONS if field not in takes
    }
    update = {**dropped, "backend": name, "device": wanted, "clock": None}
    return settled(StudySpec.model_validate({**spec.model_dump(), **update}))


def describe_run(run: Facts) -> str:
    """From a recording's ``run.json``: the system under test, in a line; in a second one, how far
    whole runs on its profile can be trusted, if it has one."""
    return find(run["backend"]["name"]).describe(run)


def _left_open(spec: StudySpec, name: str) -> bool:
    return bool(getattr(spec, name) == StudySpec.model_fields[name].default)


def _system_texts() -> list[str]:
    texts: list[str] = []
    for name, system in SYSTEMS.items():
        if "url" in system.TAKES:
            continue
        texts.append(name)
        if "device" in system.TAKES:
            texts += [f"{name}:{device.value}" for device in Device]
    return texts
