"""Measure an engine on this machine, round after round, and fit a profile to what was seen."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from schedulers import registry
from slaibench.backends.base import Backend, BackendError, RunOutput, RunSettings
from slaibench.catalog.model import Model
from slaibench.costmodel import CostModel
from slaibench.study.calibrate import probe
from slaibench.study.calibrate.delivery import delivery_s, light_load
from slaibench.study.calibrate.design import Phase, Scope, phases
from slaibench.study.calibrate.fit import fit
from slaibench.study.calibrate.held_out import Error, errors
from slaibench.study.calibrate.plan import Plan
from slaibench.study.calibrate.samples import Sample, overhead_s, samples, times_s
from slaibench.study.calibrate.store import Folder
from slaibench.study.calibrate.written import (
    About,
    checked,
    error_values,
    profile_values,
    regime_of,
)
from workloads.request import Request

MOST_ROUNDS = 20
"""More rounds than this tell nothing new."""
LEAST_HORIZON_S = 30.0
"""A phase is cut when the time is up, but not before so many seconds."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the engine is started for; those of ``design.Scope`` that do not depend on it."""

    token_budget: int
    max_active: int
    context_tokens: int


@dataclass(frozen=True, slots=True)
class Budget:
    """How long to measure.

    Args:
        minutes: no round begins that would not end within them; the first is cut there.
        rounds: at the most; None: as many as fit. Those in the folder count.
    """

    minutes: float
    rounds: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.minutes <= 1e5:
            raise ValueError(f"minutes must be more than 0, not {self.minutes}")
        if self.rounds is not None and not 1 <= self.rounds <= MOST_ROUNDS:
            raise ValueError(f"rounds must be from 1 to {MOST_ROUNDS}, not {self.rounds}")


@dataclass(frozen=True, slots=True)
class Known:
    """What a profile says besides its numbers.

    Args:
        name: of what computes.
        engine: and its version, on what.
        source: what measured.
    """

    model: Model
    name: str
    engine: str
    source: str


@dataclass(frozen=True, slots=True)
class Calibration:
    """What came of it.

    Args:
        profile: the file.
        rounds: that it rests on.
        num_cells, num_held_out: that were measured, and of them those that no fit saw.
        overhead_s: of a step, what is not the device's.
        delivery_s: of a request, the way to the engine and back.
    """

    profile: Path
    rounds: int
    num_cells: int
    num_held_out: int
    errors: tuple[Error, ...]
    overhead_s: float
    delivery_s: float
    kv_blocks: int
    block_size: int
    values: dict[str, Any]


OnPhase = Callable[[int, str], None]
"""Told of the round and the phase that begin."""


def calibrate(
    backend: Callable[[], Backend],
    limits: Limits,
    budget: Budget,
    folder: Folder,
    known: Known,
    on_phase: OnPhase = lambda number, phase: None,
) -> Calibration:
    """Measure until the time is up, and fit.

    What was finished is kept in the folder (``Folder.take`` before this), and used. The profile is
    written after each round.

    Args:
        backend: opens or returns the engine; not called if nothing is left to measure.

    Raises:
        ValueError: the engine cannot be measured in this scope.
        FitError: too little was measured for any profile.
        BackendError, SchedulerError: the engine cannot be had, or broke off.
    """
    session = _Session(backend, limits, folder)
    deadline_s = time.monotonic() + 60.0 * budget.minutes
    last_s = 0.0
    result = None
    for number in range(1, (budget.rounds or MOST_ROUNDS) + 1):
        begun_s = time.monotonic()
        measured = session.has(number)
        if not measured and result is not None and begun_s + last_s > deadline_s:
            break
        session.round(number, deadline_s, on_phase)
        if not measured:
            last_s = time.monotonic() - begun_s
        if session.has(number + 1) and number < (budget.rounds or MOST_ROUNDS):
            continue  # one fit is enough for what was there
        result = _fitted(session, number, known)
    assert result is not None
    return result


class _Session:
    """The engine, and what of it is on disk."""

    def __init__(self, backend: Callable[[], Backend], limits: Limits, folder: Folder) -> None:
        self._backend, self._limits, self.folder = backend, limits, folder
        self.facts: dict[str, int] | None = folder.about()["facts"]
        self._phases: list[Phase] | None = None

    @property
    def scope(self) -> Scope:
        facts = self.facts
        assert facts is not None
        limits = self._limits
        return Scope(
            limits.token_budget,
            limits.max_active,
            limits.context_tokens,
            facts["kv_blocks"] * facts["block_size"],
        )

    @property
    def phases(self) -> list[Phase]:
        if self._phases is None:
            self._phases = phases(self.scope)
        return self._phases

    def has(self, number: int) -> bool:
        """Whether all of a round is on disk."""
        return (
            self.facts is not None
            and self.folder.delivery_s(number) is not None
            and all(self.folder.steps(number, each.name) is not None for each in self.phases)
        )

    def round(self, number: int, deadline_s: float, on_phase: OnPhase) -> None:
        """Measure what is not there of a round."""
        if self.folder.delivery_s(number) is None or self.facts is None:
            on_phase(number, "light load")
            self._light(number)
        for phase in self.phases:
            if self.folder.steps(number, phase.name) is None:
                on_phase(number, f"{phase.name} contexts")
                self._probe(number, phase, deadline_s)

    def _light(self, number: int) -> None:
        limits = self._limits
        prompt = min(limits.token_budget, limits.context_tokens // 2) // 2
        text = f"sarathi:token_budget={limits.token_budget},max_active={limits.max_active}"
        output = self._run(text, light_load(prompt), seed=number, horizon_s=None)
        if self.facts is None:
            facts = output.facts
            self.facts = {name: int(facts[name]) for name in ("kv_blocks", "block_size")}
            self.folder.note_facts(self.facts)
        self.folder.keep_delivery(number, delivery_s(output).tolist())

    def _probe(self, number: int, phase: Phase, deadline_s: float) -> None:
        plan = phase.plan(number)
        path = self.folder.plan_path(number, phase.name)
        plan.write(path)
        limits = self._limits
        text = (
            f"{probe.__file__}:{probe.Probe.__name__}:plan={path},"
            f"token_budget={limits.token_budget},max_active={limits.max_active}"
        )
        horizon_s = max(LEAST_HORIZON_S, deadline_s - time.monotonic())
        output = self._run(text, plan.requests(), seed=number, horizon_s=horizon_s)
        _check(output, plan, horizon_s)
        self.folder.keep(number, phase.name)

    def _run(
        self, text: str, requests: Sequence[Request], *, seed: int, horizon_s: float | None
    ) -> RunOutput:
        settings = RunSettings(scheduler=text, seed=seed, horizon_s=horizon_s)
        return self._backend().run(requests, registry.build(text), settings)


def _check(output: RunOutput, plan: Plan, horizon_s: float) -> None:
    """Refuse what is no measurement: requests that failed, or were preempted.

    Raises:
        BackendError: with the first error.
    """
    table = output.requests
    failed = table.error[(table.error != "")]
    if len(failed):
        raise BackendError(
            f"{len(failed)} of {len(plan.requests())} requests of a plan failed: {failed[0]}"
        )
    if int(table.num_preemptions.sum()):
        raise BackendError(
            "the engine preempted requests of a plan: its KV cache holds less than it says"
        )


def _fitted(session: _Session, rounds: int, known: Known) -> Calibration:
    found, delivered, most_decodes, longest = _measured(session, rounds)
    seen = [each for each in found if not each.cell.held_out]
    between_s = min(overhead_s(seen), 0.9 * float(times_s(found).min()))
    weights = np.array([each.cell.weight for each in seen])
    numbers = fit([each.step for each in seen], times_s(seen) - between_s, weights)
    facts = session.facts
    assert facts is not None
    about = About(
        gpu=known.name,
        engine=known.engine,
        source=known.source,
        notes=_notes(rounds, found, len(delivered)),
        kv_blocks=facts["kv_blocks"],
        block_size=facts["block_size"],
    )
    delivery = max(0.0, float(np.median(delivered))) if delivered else 0.0

    def values(by_name: dict[str, float]) -> dict[str, Any]:
        return profile_values(
            numbers,
            known.model,
            about,
            regime_of(session.scope, most_decodes, longest),
            overhead_s=between_s,
            delivery_s=delivery,
            errors=by_name,
        )

    where = str(session.folder.path)
    off = errors(CostModel(checked(values({}), where)), found)
    told = values(error_values(off))
    checked(told, where)
    return Calibration(
        profile=session.folder.write_profile(told),
        rounds=rounds,
        num_cells=len(found),
        num_held_out=len(found) - len(seen),
        errors=tuple(off),
        overhead_s=between_s,
        delivery_s=delivery,
        kv_blocks=facts["kv_blocks"],
        block_size=facts["block_size"],
        values=told,
    )


def _measured(session: _Session, rounds: int) -> tuple[list[Sample], list[float], int, int]:
    """Samples, deliveries, the most decodes of a batch, and the longest prompt."""
    found = []
    delivered: list[float] = []
    for phase in session.phases:
        taken = [session.folder.steps(number, phase.name) for number in range(1, rounds + 1)]
        steps = [each for each in taken if each is not None]
        found += samples(phase.name, phase.cells, steps)
    for number in range(1, rounds + 1):
        delivered += session.folder.delivery_s(number) or []
    most = max((each.step.decodes for each in found), default=1)
    ends = (sum(chunk) for each in found for chunk in each.step.chunks)
    return found, delivered, most, max(ends, default=1)


def _notes(rounds: int, found: Sequence[Sample], num_delivered: int) -> tuple[str, ...]:
    steps = sum(len(each.times_s) for each in found)
    return (
        f"Fitted to {steps} steps of {len(found)} batches in {rounds} rounds; the median of each "
        "batch's steps counts, from the start of a step to the start of the next one.",
        "linear holds what goes with tokens, per_sequence what goes with sequences, attention what "
        "goes with KV tokens and query-key pairs; a batch's time is their sum, and only the sum "
        "was measured.",
        f"delivery_ms: of {num_delivered} requests to an idle engine, the median.",
    )
