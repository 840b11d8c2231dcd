"""Which backends there are. A new one is a module beside this one, and a line here."""

from __future__ import annotations

import difflib
from typing import Any

from slaibench.spec import Device, StudySpec
from slaibench.studies.systems.base import Facts, Venue
from slaibench.studies.systems.endpoint import EndpointVenue
from slaibench.studies.systems.sglang import SglangVenue
from slaibench.studies.systems.simulator import SimulatorVenue
from slaibench.studies.systems.vllm import VllmVenue

VENUES: dict[str, type[Venue]] = {
    "sim": SimulatorVenue,
    "vllm": VllmVenue,
    "sglang": SglangVenue,
    "endpoint": EndpointVenue,
}

OPTIONS = {
    "device": "--device",
    "clock": "--clock",
    "gpu": "--gpu",
    "profile": "--profile",
    "weights": "--weights",
    "prefix_caching": "--prefix-caching",
    "max_context_tokens": "--max-context-tokens",
    "kv_blocks": "--kv-blocks",
    "engine_args": "--engine-args",
    "url": "--url",
    "api": "--api",
    "prompts": "--prompts",
    "only_openai": "--only-openai",
    "dialect": "an endpoint's dialect",
    "timeout_s": "--timeout",
}
"""Fields of a specification that not every backend takes, as the command line calls them."""


def find(name: str) -> type[Venue]:
    """The venue behind a backend's name.

    Raises:
        ValueError: there is none.
    """
    if name in VENUES:
        return VENUES[name]
    near = difflib.get_close_matches(name, VENUES, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ValueError(f"unknown backend {name!r}: {hint}Known: {', '.join(VENUES)}")


def settled(spec: StudySpec) -> StudySpec:
    """The specification with everything filled in that its backend decides.

    Raises:
        ValueError: an unknown backend, or a field that does not go with it.
    """
    venue = find(spec.backend)
    for name, option in OPTIONS.items():
        if name in venue.TAKES or _left_open(spec, name):
            continue
        takers = [each for each, other in VENUES.items() if name in other.TAKES]
        raise ValueError(
            f"{option} does not go with --backend {spec.backend}, only with {' or '.join(takers)}: "
            f"leave it out, or choose another --backend"
        )
    return venue.settled(spec)


def on_venue(spec: StudySpec, text: str) -> StudySpec:
    """The same study on another backend: ``sim``, ``vllm``, ``sglang:cpu``.

    What that backend has no use for is left out.

    Raises:
        ValueError: an unknown backend or device.
    """
    name, colon, device = text.partition(":")
    venue = find(name)
    if "url" in venue.TAKES:
        raise ValueError(f"backend {name!r} has a scheduler of its own: name one that takes ours")
    takes = {field for field in OPTIONS if field in venue.TAKES}
    if colon and ("device" not in takes or device not in list(Device)):
        accepted = ", ".join(_venue_texts())
        raise ValueError(f"unknown backend {text!r}. Known: {accepted}")
    wanted = Device(device) if colon else None
    if wanted not in (None, Device.EMULATED):
        takes -= {"gpu", "profile"}
    elif "device" in takes:
        takes -= {"weights", "engine_args"}
    dropped: dict[str, Any] = {
        field: StudySpec.model_fields[field].default for field in OPTIONS if field not in takes
    }
    update = {**dropped, "backend": name, "device": wanted, "clock": None}
    return settled(StudySpec.model_validate({**spec.model_dump(), **update}))


def describe_run(run: Facts) -> str:
    """From a recording's ``run.json``: what served it, in a line; in a second one, how far whole
    runs on its profile can be trusted, if it has one."""
    return find(run["backend"]["name"]).describe(run)


def _left_open(spec: StudySpec, name: str) -> bool:
    return bool(getattr(spec, name) == StudySpec.model_fields[name].default)


def _venue_texts() -> list[str]:
    texts: list[str] = []
    for name, venue in VENUES.items():
        if "url" in venue.TAKES:
            continue
        texts.append(name)
        if "device" in venue.TAKES:
            texts += [f"{name}:{device.value}" for device in Device]
    return texts
