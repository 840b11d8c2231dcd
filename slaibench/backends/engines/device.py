"""An emulated device: which profile gives its times, told to a process that has to find it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from slaibench.backends.base import BackendError
from slaibench.backends.engines.options import EngineOptions
from slaibench.catalog.fields import CatalogError
from slaibench.catalog.profile import Profile
from slaibench.catalog.profiles import get_profile, load_profile
from slaibench.costmodel import CostModel

MADE_UP_TOKEN = 7
"""What every request says on such a device, always: lengths and times do not depend on it."""


def emulated(
    options: EngineOptions, profile: Profile | None
) -> tuple[EngineOptions, dict[str, str | None]]:
    """Options for an emulated device, and what its process must be told (``timer_of``).

    Raises:
        BackendError: there is no profile, or one that the engine's process cannot find.
    """
    if profile is None:
        raise BackendError("an emulated device needs a profile: say whose, e.g. --gpu h100")
    try:
        known = get_profile(profile.gpu, profile.model).fingerprint == profile.fingerprint
    except CatalogError:
        known = False
    if not known:
        raise BackendError(
            f"profile {profile.name} is not the catalog's, and a server on an emulated device "
            "finds no others: use one of the catalog, or --clock virtual"
        )
    blocks = profile.kv_blocks if options.kv_blocks is None else options.kv_blocks
    device = {"gpu": profile.gpu, "model": profile.model, "profile": None}
    return replace(options, kv_blocks=blocks), device


def timer_of(device: Mapping[str, Any]) -> CostModel:
    """The cost model of an emulated device.

    Args:
        device: ``gpu`` and ``model`` of a profile of the catalog, or the path of another as
            ``profile``.

    Raises:
        CatalogError: there is none.
    """
    own = device.get("profile")
    return CostModel(load_profile(own) if own else get_profile(device["gpu"], device["model"]))
