"""Measure an engine on this machine, round after round, and fit a profile to what was seen."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from slaibench.backends.base import Backend, BackendError, RunOutput, RunSettings
from slaibench.schedulers import registry
from slaibench.studies.calibration import probe
from slaibench.studies.calibration.delivery import LIGHT_S, delivery_s, light_load
from slaibench.studies.calibration.design import Phase, Scope, phases
from slaibench.studies.calibration.fitted import Calibration, Known, Memory, fitted
from slaibench.studies.calibration.plan import Plan
from slaibench.studies.calibration.store import Folder
from slaibench.workloads.request import Request

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

    What was finished is kept in the folder (``Folder.take`` before this), and used. The engine is
    let go of before the fit.

    Args:
        backend: opens the engine; not called if nothing is left to measure.

    Raises:
        BackendError: the engine cannot be had, broke off, has too small a KV cache, or too little
            of it was measured (FitError).
        SchedulerError: the engine does not run what it is told to.
    """
    session = _Session(backend, limits, folder)
    try:
        rounds = _measured(session, budget, on_phase)
    finally:
        session.close()
    return fitted(folder, session.scope, session.phases, rounds, session.memory, known)


def _measured(session: _Session, budget: Budget, on_phase: OnPhase) -> int:
    """Measure until the time is up; returns how many rounds there are."""
    deadline_s = time.monotonic() + 60.0 * budget.minutes
    last_s = 0.0
    for number in range(1, (budget.rounds or MOST_ROUNDS) + 1):
        if session.has(number):
            continue
        if number > 1 and time.monotonic() + last_s > deadline_s:
            return number - 1
        last_s = session.round(number, deadline_s, on_phase)
    return budget.rounds or MOST_ROUNDS


class _Session:
    """The engine, and what of it is on disk."""

    def __init__(self, backend: Callable[[], Backend], limits: Limits, folder: Folder) -> None:
        self._open, self._limits, self.folder = backend, limits, folder
        self._backend: Backend | None = None
        self.facts: dict[str, int] | None = folder.about()["facts"]
        self._phases: list[Phase] | None = None

    @property
    def memory(self) -> Memory:
        assert self.facts is not None
        return Memory(**self.facts)

    @property
    def scope(self) -> Scope:
        limits = self._limits
        return Scope(
            limits.token_budget, limits.max_active, limits.context_tokens, self.memory.tokens
        )

    @property
    def phases(self) -> list[Phase]:
        if self._phases is None:
            self._phases = phases(self.scope)
        return self._phases

    def close(self) -> None:
        """Let go of the engine."""
        if self._backend is not None:
            self._backend.close()

    def has(self, number: int) -> bool:
        """Whether all of a round is on disk."""
        return (
            self.facts is not None
            and self.folder.delivery_s(number) is not None
            and all(self.folder.steps(number, each.name) is not None for each in self.phases)
        )

    def round(self, number: int, deadline_s: float, on_phase: OnPhase) -> float:
        """Measure what is not there of a round; returns what it took, the engine's start apart."""
        if self.folder.delivery_s(number) is None or self.facts is None:
            on_phase(number, "light load")
            self._light(number)
        begun_s = time.monotonic()
        for phase in self.phases:
            if self.folder.steps(number, phase.name) is None:
                on_phase(number, f"{phase.name} contexts")
                self._probe(number, phase, deadline_s)
        return LIGHT_S + time.monotonic() - begun_s

    def _light(self, number: int) -> None:
        limits = self._limits
        prompt = min(limits.token_budget, limits.context_tokens // 2) // 2
        text = f"sarathi:token_budget={limits.token_budget},max_active={limits.max_active}"
        output = self._run(text, light_load(prompt), seed=number, horizon_s=None)
        if self.facts is None:
            facts = output.facts
            self.facts = {name: int(facts[name]) for name in ("kv_blocks", "block_size")}
            try:
                _ = self.scope
            except ValueError as error:
                raise BackendError(f"what was started cannot be measured: {error}") from error
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
        _check(output, plan)
        self.folder.keep(number, phase.name)

    def _run(
        self, text: str, requests: Sequence[Request], *, seed: int, horizon_s: float | None
    ) -> RunOutput:
        settings = RunSettings(scheduler=text, seed=seed, horizon_s=horizon_s)
        if self._backend is None:
            self._backend = self._open()
        output = self._backend.run(requests, registry.build(text), settings)
        if output.invalid is not None:
            raise BackendError(f"a run of it is no measurement: {output.invalid}")
        return output


def _check(output: RunOutput, plan: Plan) -> None:
    """Refuse what is no measurement: requests that failed, or were preempted.

    Raises:
        BackendError: with the first error.
    """
    table = output.requests
    failed = table.error[table.error != ""]
    if len(failed):
        raise BackendError(
            f"{len(failed)} of {len(plan.requests())} requests of a plan failed: {failed[0]}"
        )
    if int(table.num_preemptions.sum()):
        raise BackendError(
            "the engine preempted requests of a plan: its KV cache holds less than it says"
        )
