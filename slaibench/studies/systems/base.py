"""The contract of a venue: what serves a study, what of it decides a recording, how it opens."""

from __future__ import annotations

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
    """What a study's requests and schedulers ask of whatever serves them.

    Args:
        context_tokens: what the context must hold: the longest request there may be (prompt +
            output), or a little more where lengths are drawn at random.
        token_budget, max_active: the largest limits of any of its schedulers.
    """

    context_tokens: int
    token_budget: int
    max_active: int


@dataclass(frozen=True, slots=True)
class Limit:
    """What no request may exceed: ``most_tokens`` (prompt + output) of ``what``."""

    what: str
    most_tokens: int


class SystemUnderTest(Protocol):
    """A backend as a study asks for it. A value; it can be sent to worker processes."""

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
        """A scheduler as this venue takes it.

        Raises:
            ValueError: there is none, or not here.
        """

    @classmethod
    def info_of(cls, text: str) -> SchedulerInfo:
        """Options and code of a scheduler. Errors as ``build``."""

    @classmethod
    def of(cls, spec: StudySpec, demand: Demand) -> Self:
        """The venue of a settled specification.

        Raises:
            ValueError: an unknown name, or something that this machine cannot serve.
        """

    @classmethod
    def describe(cls, run: Facts) -> str:
        """As ``table.describe_run``, of a recording of this venue's."""

    @classmethod
    def modules(cls, clock: Clock) -> tuple[str, ...]:
        """Modules that make recordings under a clock; what they import comes along
        (``study.code``)."""

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
