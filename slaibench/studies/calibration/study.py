"""A calibration: what is to be measured, checked before any of it is; then measured and fitted."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from slaibench.catalog.model import get_model
from slaibench.machine import hardware
from slaibench.spec import Device, StudySpec
from slaibench.studies.calibration.design import DESIGN_SEED, ProbeLimits
from slaibench.studies.calibration.profile_json import Provenance
from slaibench.studies.calibration.result import CalibrationResult, fit_profile
from slaibench.studies.calibration.session import Budget, OnPhase, OpensEngine, Session
from slaibench.studies.calibration.store import Folder
from slaibench.studies.systems.base import Demand
from slaibench.studies.systems.engine import EngineSystem
from slaibench.studies.systems.real_engine import started_with
from slaibench.studies.systems.table import SYSTEMS, find, settled
from slaibench.version import __version__

SMALL_MODEL = "tiny-mistral"
"""What a CPU measures where no model is named."""
CONTEXT_TOKENS = {Device.CPU: 1024}
"""A CPU would take minutes to fill a cache with long contexts."""
DEFAULT_CONTEXT_TOKENS = 8192


@dataclass(frozen=True, slots=True)
class CalibrationPlan:
    """A calibration that can be begun.

    Args:
        system: the engine.
        limits: what it is started for.
        budget: how long to measure.
        folder: of this calibration, and of no other.
        provenance: what the profile says besides its numbers.
    """

    system: OpensEngine
    limits: ProbeLimits
    budget: Budget
    folder: Folder
    provenance: Provenance


def plan(
    spec: StudySpec,
    folder: Path,
    budget: Budget,
    *,
    token_budget: int,
    max_active: int,
    name: str | None = None,
    fresh: bool = False,
) -> CalibrationPlan:
    """Resolve every name, and make the folder this calibration's.

    Args:
        spec: what serves: ``backend``, ``device``, ``clock``, ``model``, ``weights``, ``gpu`` or
            ``profile`` (of an emulated device), ``kv_blocks``, ``max_context_tokens``,
            ``engine_args``.
        folder: of the profile, and of the measurements it rests on.
        token_budget, max_active: the largest of the schedulers that the profile is for.
        name: of what computes, in the profile; None: made from the hardware's.
        fresh: measure again what the folder already holds.

    Raises:
        ValueError: no engine, no device, an unknown name, limits that leave nothing to measure, or
            a folder of something else.
    """
    system = _system(spec, token_budget, max_active)
    limits = ProbeLimits(token_budget, max_active, system.max_context_tokens)
    identity = {key: getattr(value, "value", value) for key, value in system.identity().items()} | {
        "token_budget": token_budget,
        "max_active": max_active,
        "design": DESIGN_SEED,
    }
    provenance = _provenance(system, name)
    store = Folder(folder)
    store.take(identity, fresh=fresh)
    return CalibrationPlan(system, limits, budget, store, provenance)


def run(plan: CalibrationPlan, on_phase: OnPhase = lambda number, phase: None) -> CalibrationResult:
    """Measure until the time is up, and fit a profile.

    What was finished before is in the folder, and used. The engine is closed before the fit, and
    not opened if nothing is left to measure.

    Args:
        on_phase: called with the round and the name of each phase that begins.

    Raises:
        BackendError: the engine cannot be had, broke off, has too small a KV cache, or too little
            of it was measured (FitError).
        SchedulerError: the engine does not run the batches that it is given.
    """
    with closing(Session(plan.system, plan.limits, plan.folder)) as session:
        rounds = session.measure(plan.budget, on_phase)
    return fit_profile(
        plan.folder, session.scope, session.phases, rounds, session.memory, plan.provenance
    )


def _system(spec: StudySpec, token_budget: int, max_active: int) -> EngineSystem:
    """The engine, with the context that it is measured for."""
    kind = find(spec.backend)
    if not issubclass(kind, EngineSystem):
        engines = [key for key, system in SYSTEMS.items() if issubclass(system, EngineSystem)]
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
    if spec.async_scheduling:
        raise ValueError(
            "--async-scheduling hides what a step takes the host, which is measured here: leave it "
            "out"
        )
    if spec.speculative_tokens is not None:
        raise ValueError(
            "--speculative-tokens: decodes of one token are measured here, and a profile tells the "
            "time of those that draft from theirs: leave it out"
        )
    spec = settled(spec.model_copy(update={"async_scheduling": False}))
    model = get_model(spec.model or "")
    wanted = CONTEXT_TOKENS.get(spec.device or Device.CUDA, DEFAULT_CONTEXT_TOKENS)
    context = spec.max_context_tokens or min(wanted, model.max_context_tokens)
    if context > model.max_context_tokens:
        raise ValueError(
            f"--max-context-tokens {context}: {model.name} takes {model.max_context_tokens}"
        )
    # Whatever is wrong with these alone is reported before an engine is started.
    ProbeLimits(token_budget, max_active, context).scope(cache_tokens=2 * context)
    return kind.of(
        spec.model_copy(update={"max_context_tokens": context}),
        Demand(context, token_budget, max_active),
    )


def _provenance(system: EngineSystem, name: str | None) -> Provenance:
    if system.device is Device.EMULATED:
        computes, memory = f"an emulated {system.gpu}", ""
        short = f"{system.gpu}-emulated"
    else:
        facts = hardware.facts(system.device.value)
        computes = facts["name"]
        memory = f", {facts['memory_bytes'] / 1e9:.0f} GB of memory"
        drivers = {gpu["driver"] for gpu in facts.get("gpus", ())}
        memory += "".join(f", driver {driver}" for driver in sorted(drivers))
        short = re.sub(r"[^a-z0-9]+", "-", computes.lower()).strip("-")
    versions = ", ".join(
        f"{key} {value}" for key, value in sorted(system.ENGINE.versions().items())
    )
    started = started_with(system.weights, system.engine_args)
    return Provenance(
        model=system.model,
        gpu=name or short,
        engine=f"{system.ENGINE.name} {system.engine_version} ({versions}), {started}",
        source=f"slaibench {__version__} calibrate on {computes}{memory}",
    )
