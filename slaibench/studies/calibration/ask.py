"""What is to be measured, checked before any of it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from slaibench.catalog.model import Model, get_model
from slaibench.machine import hardware
from slaibench.spec import Device, StudySpec
from slaibench.studies.calibration.calibrate import Limits
from slaibench.studies.calibration.design import DESIGN_SEED, Scope
from slaibench.studies.calibration.fitted import Known
from slaibench.studies.systems.base import Demand
from slaibench.studies.systems.engine import EngineSystem, started_with
from slaibench.studies.systems.table import SYSTEMS, find, settled
from slaibench.version import __version__

SMALL_MODEL = "tiny-mistral"
"""What a CPU measures unless it is told otherwise."""
CONTEXT_TOKENS = {Device.CPU: 1024}
"""A CPU would take minutes to fill a cache with long contexts."""
DEFAULT_CONTEXT_TOKENS = 8192


@dataclass(frozen=True, slots=True)
class Ask:
    """A calibration that can be begun.

    Args:
        venue: the engine.
        identity: all that decides what is measured; a folder is one identity's.
    """

    system: EngineSystem
    limits: Limits
    known: Known
    identity: dict[str, Any]


def asked(spec: StudySpec, *, token_budget: int, max_active: int, name: str | None = None) -> Ask:
    """Resolve every name.

    Args:
        spec: what serves: ``backend``, ``device``, ``clock``, ``model``, ``weights``, ``gpu`` or
            ``profile`` (of an emulated device), ``kv_blocks``, ``max_context_tokens``,
            ``engine_args``.
        token_budget, max_active: the largest of the schedulers that the profile is for.
        name: of what computes, in the profile; None: made from the hardware's.

    Raises:
        ValueError: no engine, no device, an unknown name, or limits that leave nothing to measure.
    """
    kind = find(spec.backend)
    if not issubclass(kind, EngineSystem):
        engines = [key for key, each in SYSTEMS.items() if issubclass(each, EngineSystem)]
        raise ValueError(
            f"backend {spec.backend!r} has no engine to measure: give --backend "
            f"{' or '.join(engines)}"
        )
    if spec.device is None:
        raise ValueError(
            "say what to measure: --device cuda or cpu, or emulated, to try it on a known profile"
        )
    if spec.model is None and spec.weights is None and spec.device is Device.CPU:
        spec = spec.model_copy(update={"model": SMALL_MODEL})
    spec = settled(spec)
    model = get_model(spec.model or "")
    wanted = CONTEXT_TOKENS.get(spec.device or Device.CUDA, DEFAULT_CONTEXT_TOKENS)
    context = spec.max_context_tokens or min(wanted, model.max_context_tokens)
    if context > model.max_context_tokens:
        raise ValueError(
            f"--max-context-tokens {context}: {model.name} takes {model.max_context_tokens}"
        )
    # Whatever is wrong with these alone is told before an engine is started.
    Scope(token_budget, max_active, context, cache_tokens=2 * context)
    system = kind.of(
        spec.model_copy(update={"max_context_tokens": context}),
        Demand(context, token_budget, max_active),
    )
    limits = Limits(token_budget, max_active, context)
    identity = {key: getattr(value, "value", value) for key, value in system.identity().items()} | {
        "token_budget": token_budget,
        "max_active": max_active,
        "design": DESIGN_SEED,
    }
    return Ask(system, limits, _known(system, model, name), identity)


def _known(system: EngineSystem, model: Model, name: str | None) -> Known:
    if system.device is Device.EMULATED:
        computes, memory = f"an emulated {system.gpu}", ""
        short = f"{system.gpu}-emulated"
    else:
        facts = hardware.facts(system.device.value)
        computes = facts["name"]
        memory = f", {facts['memory_bytes'] / 1e9:.0f} GB of memory"
        drivers = {each["driver"] for each in facts.get("gpus", ())}
        memory += "".join(f", driver {each}" for each in sorted(drivers))
        short = re.sub(r"[^a-z0-9]+", "-", computes.lower()).strip("-")
    versions = ", ".join(
        f"{key} {value}" for key, value in sorted(system.ENGINE.versions().items())
    )
    started = started_with(system.weights, system.engine_args)
    return Known(
        model=model,
        name=name or short,
        engine=f"{system.ENGINE.name} {system.engine_version} ({versions}), {started}",
        source=f"slaibench {__version__} calibrate on {computes}{memory}",
    )
