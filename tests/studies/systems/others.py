"""Systems under test, for tests: the simulator, with what goes wrong on real machines."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from slaibench.backends.base import Backend, BackendError, RunOutput, RunSettings
from slaibench.recording.record import Outcome, RequestTable, StepTable
from slaibench.schedulers.base import Scheduler
from slaibench.spec import Clock, StudySpec
from slaibench.studies.systems.base import Facts
from slaibench.studies.systems.simulator import SimulatorSystem
from slaibench.workloads.request import Request


class Spoilt:
    """A backend that hands on to another and spoils what comes back.

    Args:
        lag_s: every request is sent so much after it was due.
        dies_at_s: every request due later fails.
        refuses: no run can be had.
    """

    def __init__(
        self, inner: Backend, *, lag_s: float, dies_at_s: float, refuses: bool, log: Path
    ) -> None:
        self._inner, self._log = inner, log
        self._lag_s, self._dies_at_s, self._refuses = lag_s, dies_at_s, refuses
        self._tell("opened")

    def run(
        self, requests: Sequence[Request], scheduler: Scheduler, settings: RunSettings
    ) -> RunOutput:
        self._tell(f"ran {settings.scheduler} seed {settings.seed}")
        if self._refuses:
            raise BackendError("the server does not start")
        output = self._inner.run(requests, scheduler, settings)
        table = output.requests
        sent = replace(
            table,
            sent_s=table.due_s + self._lag_s,
            first_scheduled_s=table.first_scheduled_s + self._lag_s,
            token_times_s=table.token_times_s + self._lag_s,
        )
        dead = table.due_s > self._dies_at_s
        notes = ("the server died",) if dead.any() else ()
        none, whole = np.empty(0), np.empty(0, dtype=np.int64)
        return RunOutput(
            requests=failing(sent, dead),
            steps=StepTable(none, none, *[whole] * 7),
            end_s=output.end_s + self._lag_s,
            stopped_early=output.stopped_early,
            facts={"clock": "real", "versions": {"thing": "1.2"}, "client": {"processes": 1}},
            notes=notes,
        )

    def close(self) -> None:
        self._tell("closed")

    def _tell(self, what: str) -> None:
        with self._log.open("a") as file:
            file.write(f"{what}\n")


def failing(table: RequestTable, dead: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> RequestTable:
    """The table with these requests failed, without a token."""
    keep = np.repeat(~dead, table.num_tokens)
    lengths = np.where(dead, 0, table.num_tokens)
    return replace(
        table,
        outcome=np.where(dead, Outcome.FAILED.value, table.outcome),
        error=np.where(dead, "connection refused", ""),
        sent_s=np.where(dead, np.nan, table.sent_s),
        token_offsets=np.concatenate([[0], np.cumsum(lengths)]),
        token_times_s=table.token_times_s[keep],
    )


class Told:
    """A backend that hands on to another, and writes down in which process it is closed."""

    def __init__(self, inner: Backend, log: Path) -> None:
        self._inner, self._log = inner, log
        self._tell("opened")

    def run(
        self, requests: Sequence[Request], scheduler: Scheduler, settings: RunSettings
    ) -> RunOutput:
        return self._inner.run(requests, scheduler, settings)

    def close(self) -> None:
        self._tell("closed")

    def _tell(self, what: str) -> None:
        with self._log.open("a") as file:
            file.write(f"{what} {os.getpid()}\n")


@dataclass(frozen=True)
class LoggingSystem(SimulatorSystem):
    """The simulator, with a log of when its backends are opened and closed."""

    log: Path = Path()

    def open(self, logs: Path) -> Backend:
        return Told(super().open(logs), self.log)


@dataclass(frozen=True)
class RealTimeSystem(SimulatorSystem):
    """The simulator under a clock that is said to be real; its log tells what became of it."""

    one_at_a_time: ClassVar[bool] = True
    lag_s: ClassVar[float] = 0.0
    dies_at_s: ClassVar[float] = float("inf")
    refuses: ClassVar[bool] = False
    log: ClassVar[Path]

    @classmethod
    def settled(cls, spec: StudySpec) -> StudySpec:
        open_clock = spec.model_copy(update={"clock": None})  # settled ones stay as they are
        return super().settled(open_clock).model_copy(update={"clock": Clock.REAL})

    @staticmethod
    def describe(run: Facts) -> str:
        return f"something real, version {run['versions']['thing']}"

    def identity(self) -> Facts:
        return {**super().identity(), "backend": "real", "clock": Clock.REAL, "hardware": "here"}

    def open(self, logs: Path) -> Backend:
        return Spoilt(
            super().open(logs),
            lag_s=self.lag_s,
            dies_at_s=self.dies_at_s,
            refuses=self.refuses,
            log=self.log,
        )
