"""An emulated device: which profile gives its times, and how they pass: computed, or waited for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from pydantic import TypeAdapter

from slaibench.backends.base import BackendError
from slaibench.backends.engines.options import EngineOptions
from slaibench.backends.virtual import end_of
from slaibench.catalog.fields import CatalogError
from slaibench.catalog.profile import Profile
from slaibench.catalog.profiles import get_profile, load_profile
from slaibench.costmodel import CostModel
from slaibench.machine.atomic_write import write_whole
from slaibench.workloads.cache import cache_dir

MADE_UP_TOKEN = 7
"""What every request says on such a device, always: lengths and times do not depend on it."""

WRITTEN = "written"
"""Key of a device for the path of a profile that ``emulated`` wrote."""


def emulated(
    options: EngineOptions, profile: Profile | None
) -> tuple[EngineOptions, dict[str, str | None]]:
    """Options for an emulated device, and what its process must know (``timer_of``).

    A profile that is not the catalog's is written to the cache folder, where its process reads it.

    Raises:
        BackendError: there is no profile, or the cache folder cannot be written.
    """
    if profile is None:
        raise BackendError("an emulated device needs a profile: say whose, e.g. --gpu h100")
    blocks = profile.kv_blocks if options.kv_blocks is None else options.kv_blocks
    named = {"gpu": profile.gpu, "model": profile.model, "profile": None}
    device = named if _is_cataloged(profile) else {**named, WRITTEN: _written(profile)}
    return replace(options, kv_blocks=blocks), device


def timer_of(device: Mapping[str, Any]) -> CostModel:
    """The cost model of an emulated device.

    Args:
        device: ``gpu`` and ``model`` of a profile of the catalog; or the path of another's file as
            ``profile``; or of what ``emulated`` wrote.

    Raises:
        CatalogError: there is none.
    """
    if file := device.get(WRITTEN):
        return CostModel(_read(Path(file)))
    own = device.get("profile")
    return CostModel(load_profile(own) if own else get_profile(device["gpu"], device["model"]))


def _is_cataloged(profile: Profile) -> bool:
    try:
        return get_profile(profile.gpu, profile.model).fingerprint == profile.fingerprint
    except CatalogError:
        return False


def _written(profile: Profile) -> str:
    """The path of a file of ours that holds a profile, field by field."""
    file = cache_dir() / "profiles" / f"emulated-{profile.fingerprint}.json"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, TypeAdapter(Profile).dump_json(profile).decode())
    except OSError as error:
        raise BackendError(
            f"an engine's process would read profile {profile.name} from {file}, which cannot be "
            f"written ({error.strerror}): set SLAIBENCH_CACHE to a folder that can, or give "
            "--clock virtual"
        ) from error
    return str(file)


def _read(file: Path) -> Profile:
    try:
        return TypeAdapter(Profile).validate_json(file.read_bytes())
    except (OSError, ValueError) as error:
        raise CatalogError(
            f"{file} is no profile that was written for an engine: {error}"
        ) from error


class DeviceTime(Protocol):
    """Lets the time of a batch pass."""

    def spend(self, batch_s: float, overhead_s: float) -> None:
        """Return when a batch that begins now is done.

        Args:
            overhead_s: time between two batches that is not the device's.
        """


class VirtualTime:
    """The clock of a run in virtual time: the device moves it, the scheduler reads it."""

    def __init__(self) -> None:
        self.time_s = 0.0
        self.due_s = 0.0
        """Of the request that is being added."""

    def now_s(self) -> float:
        return self.time_s

    def arrival_s(self, request: Any) -> float:
        return self.due_s

    def nap(self, wake_s: float | None) -> None:
        """The run moves the clock."""

    def spend(self, batch_s: float, overhead_s: float) -> None:
        self.time_s = end_of(self.time_s, batch_s + overhead_s)


class RealTime:
    """A device that computes as long as the cost model says, on the machine's own clock.

    The time between two batches that is not the device's is part of the cost model
    (``step_overhead_s``). The engine's own work between them is taken off it: a batch is prolonged
    only by what is left.
    """

    def __init__(self) -> None:
        self._free_s = 0.0
        self._next_s = 0.0

    def spend(self, batch_s: float, overhead_s: float) -> None:
        now = time.monotonic()
        start = max(now, self._next_s) if now < self._free_s + overhead_s else now
        self._free_s = start + batch_s
        self._next_s = self._free_s + overhead_s
        while (left := self._free_s - time.monotonic()) > 0:
            time.sleep(left)
