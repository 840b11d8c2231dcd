"""Runs that another load generator measured: there is nothing to open, only to read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NoReturn

from slaibench.backends.base import RunOutput
from slaibench.schedulers.base import Scheduler
from slaibench.spec import Clock, StudySpec
from slaibench.studies.scheduler_info import SchedulerInfo
from slaibench.studies.systems.base import Demand, Facts, Limit

BACKEND = "imported"
UNKNOWN = "unknown"
"""A model or hardware that nobody named."""
TBT_SLO_S = 0.1
"""What targets of the one tier compare with, where nobody says another."""
WAY_OUT = (
    "imported runs cannot be run again: slaibench import reads their files, slaibench report makes "
    "pages of them, and slaibench replay --url measures a server"
)
AGAIN = "slaibench import, with the files that these recordings name"
"""How their recordings are made again."""


@dataclass(frozen=True, slots=True)
class Labels:
    """What a result file does not say.

    Args:
        scheduler: what the server's scheduler is called in tables and pages.
        model: in place of what the file says; None: that.
        workload: what the requests are called; runs of one name are of one study.
        hardware: what ran.
        tbt_slo_s: the time between tokens that targets of the tier compare with, seconds.
    """

    scheduler: str
    model: str | None = None
    workload: str = BACKEND
    hardware: str = UNKNOWN
    tbt_slo_s: float = TBT_SLO_S


@dataclass(frozen=True)
class ImportedSystem:
    """Whatever the other tool measured.

    Args:
        model: what it called the model.
        hardware: what ran, as the user says.
    """

    TAKES: ClassVar[frozenset[str]] = frozenset()

    model: str
    hardware: str
    one_at_a_time: ClassVar[bool] = True

    @classmethod
    def settled(cls, spec: StudySpec) -> StudySpec:
        raise ValueError(WAY_OUT)

    @classmethod
    def build(cls, text: str) -> Scheduler:
        raise ValueError(WAY_OUT)

    @classmethod
    def info_of(cls, text: str) -> SchedulerInfo:
        raise ValueError(WAY_OUT)

    @classmethod
    def of(cls, spec: StudySpec, demand: Demand) -> ImportedSystem:
        raise ValueError(WAY_OUT)

    @classmethod
    def describe(cls, run: Facts) -> str:
        facts, spec = run[BACKEND], run["spec"]
        return f"{facts['tool']}: measured by it, model {spec['model']} on {spec['hardware']}"

    @classmethod
    def modules(cls, clock: Clock) -> tuple[str, ...]:
        room = "slaibench.studies.interchange."
        return (f"{room}foreign_run", f"{room}vllm_bench", f"{room}aiperf")

    def identity(self) -> Facts:
        return {
            "backend": BACKEND,
            "clock": Clock.REAL,
            "model": self.model,
            "hardware": self.hardware,
        }

    def limits(self) -> Sequence[Limit]:
        return ()

    def facts(self) -> Facts:
        return {}

    def notes(self, output: RunOutput) -> list[str]:
        return []

    def open(self, logs: Path) -> NoReturn:
        raise ValueError(WAY_OUT)
