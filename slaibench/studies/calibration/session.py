"""An engine that is measured round after round, until the time is up."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from slaibench.backends.base import Backend, BackendError, RunOutput, RunSettings
from slaibench.recording.record import FloatArray
from slaibench.schedulers import registry
from slaibench.studies.calibration import probe
from slaibench.studies.calibration.design import Phase, ProbeLimits, ProbeScope, phases
from slaibench.studies.calibration.probe_plan import ProbePlan
from slaibench.studies.calibration.profile_json import Memory
from slaibench.studies.calibration.store import Folder
from slaibench.workloads.request import Request

MOST_ROUNDS = 20
"""More rounds than this tell nothing new."""
LEAST_HORIZON_S = 30.0
"""A phase is cut when the time is up, but not before so many seconds."""
LIGHT_REQUESTS = 16
LIGHT_GAP_S = 0.25
LIGHT_S = LIGHT_REQUESTS * LIGHT_GAP_S
LIGHT_OUTPUT_TOKENS = 2

OnPhase = Callable[[int, str], None]
"""Called with the round and the name of the phase that begin."""


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


class OpensEngine(Protocol):
    """What is measured: any system under test that is an engine."""

    def open(self, logs: Path) -> Backend:
        """Start it (``SystemUnderTest.open``)."""


class Session:
    """The engine, and what of it is on disk.

    The engine is opened when the first thing is to be measured; ``close`` lets go of it.
    """

    def __init__(self, system: OpensEngine, limits: ProbeLimits, folder: Folder) -> None:
        self._system, self._limits, self._folder = system, limits, folder
        self._backend: Backend | None = None
        self._facts: dict[str, int] | None = folder.about()["facts"]
        self._phases: list[Phase] | None = None

    @property
    def memory(self) -> Memory:
        assert self._facts is not None
        return Memory(**self._facts)

    @property
    def scope(self) -> ProbeScope:
        return self._limits.scope(self.memory.tokens)

    @property
    def phases(self) -> list[Phase]:
        if self._phases is None:
            self._phases = phases(self.scope)
        return self._phases

    def close(self) -> None:
        """Let go of the engine."""
        if self._backend is not None:
            self._backend.close()

    def measure(self, budget: Budget, on_phase: OnPhase) -> int:
        """Measure until the time is up; returns how many rounds there are.

        Raises:
            BackendError, SchedulerError: as ``study.run``.
        """
        deadline_s = time.monotonic() + 60.0 * budget.minutes
        last_s = 0.0
        for number in range(1, (budget.rounds or MOST_ROUNDS) + 1):
            if self._has(number):
                continue
            if number > 1 and time.monotonic() + last_s > deadline_s:
                return number - 1
            last_s = self._round(number, deadline_s, on_phase)
        return budget.rounds or MOST_ROUNDS

    def _has(self, number: int) -> bool:
        """Whether all of a round is on disk."""
        return (
            self._facts is not None
            and self._folder.delivery_s(number) is not None
            and all(self._folder.steps(number, phase.name) is not None for phase in self.phases)
        )

    def _round(self, number: int, deadline_s: float, on_phase: OnPhase) -> float:
        """Measure what is not there of a round; returns what it took, the engine's start apart."""
        if self._folder.delivery_s(number) is None or self._facts is None:
            on_phase(number, "light load")
            self._light(number)
        begun_s = time.monotonic()
        for phase in self.phases:
            if self._folder.steps(number, phase.name) is None:
                on_phase(number, f"{phase.name} contexts")
                self._probe(number, phase, deadline_s)
        return LIGHT_S + time.monotonic() - begun_s

    def _light(self, number: int) -> None:
        limits = self._limits
        prompt = min(limits.token_budget, limits.context_tokens // 2) // 2
        text = f"sarathi:token_budget={limits.token_budget},max_active={limits.max_active}"
        output = self._run(text, _light_load(prompt), seed=number, horizon_s=None)
        if self._facts is None:
            facts = output.facts
            self._facts = {name: int(facts[name]) for name in ("kv_blocks", "block_size")}
            try:
                _ = self.scope
            except ValueError as error:
                raise BackendError(f"what was started cannot be measured: {error}") from error
            self._folder.note_facts(self._facts)
        self._folder.keep_delivery(number, _delivery_s(output).tolist())

    def _probe(self, number: int, phase: Phase, deadline_s: float) -> None:
        plan = phase.plan(number)
        path = self._folder.plan_path(number, phase.name)
        plan.write(path)
        limits = self._limits
        text = (
            f"{probe.__file__}:{probe.Probe.__name__}:plan={path},"
            f"token_budget={limits.token_budget},max_active={limits.max_active}"
        )
        horizon_s = max(LEAST_HORIZON_S, deadline_s - time.monotonic())
        output = self._run(text, plan.requests(), seed=number, horizon_s=horizon_s)
        _check(output, plan)
        self._folder.keep(number, phase.name)

    def _run(
        self, text: str, requests: Sequence[Request], *, seed: int, horizon_s: float | None
    ) -> RunOutput:
        settings = RunSettings(scheduler=text, seed=seed, horizon_s=horizon_s)
        if self._backend is None:
            self._backend = self._system.open(self._folder.logs)
        output = self._backend.run(requests, registry.build(text), settings)
        if output.invalid is not None:
            raise BackendError(f"a run of it is no measurement: {output.invalid}")
        return output


def _light_load(prompt_tokens: int) -> list[Request]:
    """Requests far apart: each finds an engine that has nothing else to do."""
    return [
        Request(number, LIGHT_GAP_S * number, prompt_tokens, LIGHT_OUTPUT_TOKENS)
        for number in range(LIGHT_REQUESTS)
    ]


def _delivery_s(output: RunOutput) -> FloatArray:
    """The way of a request to the engine and of its tokens back, as a client sees it.

    Of each request that was alone, and done with its prompt in one step: from its due time to its
    first token, less that step.

    From the step's start to the next one's, since that is how long a simulated step lasts: what
    the engine does after it has sent the token is not waited for by whoever reads it. Where the
    simulated step is longer than the real wait, the sum may be negative.
    """
    requests, steps = output.requests, output.steps
    values_s = []
    for number in range(len(requests)):
        begin_s = requests.first_scheduled_s[number]
        at = int(np.searchsorted(steps.start_s, begin_s - 1e-6))
        if np.isnan(begin_s) or at + 1 >= len(steps):
            continue
        alone = steps.prefill_tokens[at] == requests.prompt_tokens[number]
        if alone and steps.decodes[at] == 0 and steps.decodes[at + 1] == 1:
            step_s = steps.start_s[at + 1] - steps.start_s[at]
            values_s.append(float(requests.ttft_s[number] - step_s))
    return np.array(values_s, dtype=np.float64)


def _check(output: RunOutput, plan: ProbePlan) -> None:
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
