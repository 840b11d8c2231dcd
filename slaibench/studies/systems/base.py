"""The contract of a system under test: what of it decides a recording, how it opens, is kept."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

from slaibench.backends.base import Backend, RunOutput
from slaibench.schedulers.base import Scheduler
from slaibench.spec import Clock, StudySpec
from slaibench.studies.scheduler_info import SchedulerInfo

Facts = dict[str, Any]
"""What ``run.json`` holds, or a part of it."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What a study's requests and schedulers need of the system under test.

    Args:
        context_tokens: what the context must hold: the longest request there may be (prompt +
            output), or a little more where lengths are drawn at random.
        token_budget, max_active: the largest limits of any of its schedulers.
        is_stock: whether one of them has limits that the engine chooses.
    """

    context_tokens: int
    token_budget: int
    max_active: int
    is_stock: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """What no request may exceed: ``most_tokens`` (prompt + output) of ``what``."""

    what: str
    most_tokens: int


class SystemUnderTest(Protocol):
    """A backend as a study configures it. A value; it can be sent to worker processes."""

    TAKES: ClassVar[frozenset[str]]
    """Fields of ``StudySpec`` that only some backends take, and this one does."""

    @classmethod
    def settled(cls, spec: StudySpec) -> StudySpec:
        """The specification with what it leaves open filled in; settled ones stay as they are.

        Raises:
            ValueError: values that do not go together, with the way out.
        """

    @classmethod
    def build(cls, text: str) -> Scheduler:
        """A scheduler as this system takes it.

        Raises:
            ValueError: there is none, or not here.
        """

    @classmethod
    def info_of(cls, text: str) -> SchedulerInfo:
        """Options and code of a scheduler. Errors as ``build``."""

    @classmethod
    def of(cls, spec: StudySpec, demand: Demand) -> Self:
        """The system of a settled specification.

        Raises:
            ValueError: an unknown name, or something that this machine cannot serve.
        """

    @classmethod
    def describe(cls, run: Facts) -> str:
        """As ``table.describe_run``, of a recording of this system's."""

    @classmethod
    def modules(cls, clock: Clock) -> tuple[str, ...]:
        """Modules that make recordings under a clock; what they import comes along
        (``studies.code``)."""

    @property
    def one_at_a_time(self) -> bool:
        """Whether runs must not share the machine, since their times are the machine's."""

    def identity(self) -> Facts:
        """Its part of a ``CellSpec``; what means nothing here is left at its default."""

    def limits(self) -> Sequence[Limit]:
        """What no request may exceed."""

    def facts(self) -> Facts:
        """Its part of ``run.json``; what the backend itself says goes before it."""

    def notes(self, output: RunOutput) -> list[str]:
        """What a reader of this run must know besides."""

    def open(self, logs: Path) -> Backend:
        """A new backend.

        Args:
            logs: folder for what an engine of its own says; made when it is needed.

        Raises:
            BackendError: it cannot be had.
        """


class Service:
    """Opens a system's backend when it is first needed, keeps it for the next runs, and closes it.

    Sent to another process, it opens one of its own there.

    Args:
        system: whose backend.
        logs: folder for the log of an engine; None: a temporary one.
    """

    def __init__(self, system: SystemUnderTest, logs: Path | None = None) -> None:
        self._system, self._logs = system, logs
        self._backend: Backend | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a backend."""
        return self._backend is not None

    def backend(self) -> Backend:
        """The open backend.

        Raises:
            BackendError: it cannot be had.
        """
        if self._backend is None:
            logs = self._logs or Path(tempfile.gettempdir()) / "slaibench-logs"
            self._backend = self._system.open(logs)
        return self._backend

    def close(self) -> None:
        """Let go of the backend, if there is one; the next call of ``backend`` opens another."""
        backend, self._backend = self._backend, None
        if backend is not None:
            backend.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return Service, (self._system, self._logs)
