"""An emulated device: which profile gives its times, and how they pass: computed, or waited for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from slaibench.backends.base import BackendError
from slaibench.backends.engines.options import EngineOptions
from slaibench.backends.virtual import end_of
from slaibench.catalog.fields import CatalogError
from slaibench.catalog.profile import Profile
from slaibench.catalog.profiles import get_profile, load_profile
from slaibench.costmodel import CostModel


def emulated(
    options: EngineOptions, profile: Profile | None, file: Path | None = None
) -> tuple[EngineOptions, dict[str, str | bool | None]]:
    """Options for an emulated device, and what its process must know (``timer_of``).

    Args:
        file: of a profile that is none of the catalog's.

    Raises:
        BackendError: there is no profile, or one that the engine's process cannot find.
    """
    if profile is None:
        raise BackendError("an emulated device needs a profile: say whose, e.g. --gpu h100")
    try:
        is_cataloged = get_profile(profile.gpu, profile.model).fingerprint == profile.fingerprint
    except CatalogError:
        is_cataloged = False
    if not is_cataloged and file is None:
        raise BackendError(
            f"profile {profile.name} is not the catalog's, and a server on an emulated device "
            "finds no others: use one of the catalog, or give its file"
        )
    blocks = profile.kv_blocks if options.kv_blocks is None else options.kv_blocks
    device: dict[str, str | bool | None] = {
        "gpu": profile.gpu,
        "model": profile.model,
        "profile": None if is_cataloged or file is None else str(file.resolve()),
        "asynchronous": options.asynchronous,
    }
    return replace(options, kv_blocks=blocks, emulated_gpu=profile.gpu), device


def timer_of(device: Mapping[str, Any]) -> CostModel:
    """The cost model of an emulated device.

    Args:
        device: ``gpu`` and ``model`` of a profile of the catalog, or the path of another as
            ``profile``; ``asynchronous``, whether batches are decided ahead (as the profile says,
            if nothing does).

    Raises:
        CatalogError: there is none.
    """
    own = device.get("profile")
    profile = load_profile(own) if own else get_profile(device["gpu"], device["model"])
    return CostModel(profile, asynchronous=device.get("asynchronous"))


class DeviceTime(Protocol):
    """Lets the time of a batch pass."""

    def spend(self, batch_s: float, overhead_s: float) -> None:
        """Return when a batch that begins now is done.

        Args:
            overhead_s: time between two batches that is not the device's.
        """

    def launch(self, batch_s: float, between_s: float, hidden_s: float) -> float:
        """Hand a batch over, while another may run; returns when it will be done.

        Args:
            between_s: time between two batches that the device waits for.
            hidden_s: what the host spends on it before the device has it.
        """

    def wait(self, end_s: float) -> None:
        """Return at that time: the host asks for a batch's tokens."""


class VirtualTime:
    """The clock of a run in virtual time: the device moves it, the scheduler reads it.

    Where batches are handed over while others run, it is the host's clock, and the device has one
    of its own; both go as the simulator's do (``AheadEngine``).
    """

    def __init__(self) -> None:
        self.time_s = 0.0
        self.free_s = 0.0
        """When the device will be done with all that it has."""
        self._began_s = self._ended_s = 0.0
        self.due_s = 0.0
        """Of the request that is being added."""

    def now_s(self) -> float:
        return self.time_s

    def arrival_s(self, request: Any) -> float:
        return self.due_s

    def nap(self, wake_s: float | None) -> None:
        """The run moves the clock."""

    def spend(self, batch_s: float, overhead_s: float) -> None:
        self._began_s = self.time_s
        self.time_s = self.free_s = end_of(self.time_s, batch_s + overhead_s)

    def launch(self, batch_s: float, between_s: float, hidden_s: float) -> float:
        idle_s = self.time_s  # a due time is no whole number of microseconds
        self.time_s = round(self.time_s + hidden_s, 6)
        self._began_s = max(self.time_s, idle_s, self.free_s)
        self.free_s = end_of(self._began_s, batch_s + between_s)
        return self.free_s

    def wait(self, end_s: float) -> None:
        self._ended_s = end_s
        self.time_s = max(self.time_s, end_s)

    def began_s(self) -> float:
        """When the batch that was handed over last begins."""
        return self._began_s

    def ended_s(self) -> float:
        """When the batch ended whose tokens have just come."""
        return self._ended_s


class RealTime:
    """A device that computes as long as the cost model says, on the machine's own clock.

    The time between two batches that is not the device's is part of the cost model
    (``between_s``). The engine's own work between them is taken off it: a batch is prolonged
    only by what is left.

    Of a batch that is handed over while another runs, the engine's own work since it had the last
    tokens is part of what the host spends on it. One that finds the device idle is taken to have
    cost the host what it did cost.
    """

    def __init__(self) -> None:
        self._free_s = 0.0
        self._next_s = 0.0
        self._host_s = 0.0

    def spend(self, batch_s: float, overhead_s: float) -> None:
        now = time.monotonic()
        start = max(now, self._next_s) if now < self._free_s + overhead_s else now
        self._free_s = start + batch_s
        self._next_s = self._free_s + overhead_s
        while (left := self._free_s - time.monotonic()) > 0:
            time.sleep(left)

    def launch(self, batch_s: float, between_s: float, hidden_s: float) -> float:
        self._host_s = max(time.monotonic(), self._host_s + hidden_s)
        self._free_s = max(self._host_s, self._free_s) + batch_s + between_s
        return self._free_s

    def wait(self, end_s: float) -> None:
        while (left := end_s - time.monotonic()) > 0:
            time.sleep(left)
        self._host_s = max(self._host_s, end_s)
