"""What a server in the foreground is started with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from slaibench.backends.engines.base import Engine
from slaibench.backends.engines.device import emulated
from slaibench.backends.engines.options import EngineOptions
from slaibench.catalog.model import Model
from slaibench.catalog.profile import Profile
from slaibench.schedulers.base import Scheduler
from slaibench.schedulers.engine_default import EngineDefault
from slaibench.spec import Device, StudySpec
from slaibench.studies.scheduler_info import SchedulerInfo
from slaibench.studies.systems.base import Demand
from slaibench.studies.systems.profiled import is_asynchronous
from slaibench.studies.systems.real_engine import started_for


def options_of(
    engine: Engine,
    model: Model,
    weights: str | None,
    device: Device,
    profile: Profile | None,
    *,
    kv_blocks: int | None,
    max_context_tokens: int | None,
    info: SchedulerInfo,
    prefix_caching: bool,
    async_scheduling: bool | None,
) -> EngineOptions:
    """Engine options of a server, with what is left open filled in.

    Args:
        info: of its scheduler, which says what it asks for.
    """
    mode = StudySpec(device=device, async_scheduling=async_scheduling)
    block_size = profile.block_size if profile else engine.block_size(device)
    blocks = kv_blocks or (profile.kv_blocks if profile else None)
    most = [model.max_context_tokens] + ([blocks * block_size] if blocks else [])
    context = max_context_tokens or min(most)
    demand = Demand(context, info.token_budget, info.max_active, info.is_stock)
    tokens, active = started_for(demand, engine, profile)
    return EngineOptions(
        model=model,
        checkpoint=weights,
        max_context_tokens=context,
        token_budget=tokens,
        max_active=active,
        kv_blocks=blocks,
        block_size=block_size,
        prefix_caching=prefix_caching,
        asynchronous=is_asynchronous(mode, profile),
    )


def checked(
    engine: Engine, device: Device, options: EngineOptions, async_scheduling: bool | None
) -> EngineOptions:
    """Options that the installed release can be started with.

    Raises:
        BackendError: there is none, or none that can.
    """
    version = engine.check(device, options)
    if async_scheduling is None and not engine.decides_ahead(version):
        return replace(options, asynchronous=False)
    return options


def started(
    engine: Engine,
    device: Device,
    scheduler: Scheduler,
    options: EngineOptions,
    profile: Profile | None,
    profile_file: Path | None,
) -> tuple[EngineOptions, dict[str, Any], str]:
    """Options for a device and a scheduler; what of our configuration says of them; and what it
    is, in words: the engine's own scheduler, or a class in its place, has a server without anything
    of ours but the log, and its plug-ins have one of their own.

    Raises:
        BackendError: an emulated device cannot be had so, or limits must be given.
    """
    own: dict[str, Any] = {}
    if device is Device.EMULATED:
        options, own["device"] = emulated(options, profile, profile_file)
    shipped = None
    if isinstance(scheduler, EngineDefault):
        shipped = engine.as_shipped(scheduler, options)
    if shipped is None:
        return options, own, engine.name
    return shipped.options, {**own, **shipped.own}, shipped.words
