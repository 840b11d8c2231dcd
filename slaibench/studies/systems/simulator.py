"""The simulator as a system under test: a profile's batch times, a virtual clock."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from slaibench.backends.base import Backend, RunOutput
from slaibench.backends.simulator.backend import Simulator
from slaibench.backends.simulator.caching import rules_of
from slaibench.backends.speculation import Speculation
from slaibench.catalog.model import get_model
from slaibench.catalog.profile import Profile
from slaibench.costmodel import CostModel
from slaibench.schedulers.base import Scheduler
from slaibench.schedulers.engine_class import EngineClass
from slaibench.schedulers.engine_default import EngineDefault
from slaibench.spec import (
    DEFAULT_GPU,
    DEFAULT_MODEL,
    Clock,
    DeploymentPart,
    SpeculationPart,
    StudySpec,
)
from slaibench.studies import scheduler_info
from slaibench.studies.systems.base import Demand, Facts, Limit
from slaibench.studies.systems.profiled import (
    describe_profile,
    doubts_of,
    is_asynchronous,
    mode_words,
    names_of,
    profile_facts,
    profile_of,
)
from slaibench.studies.systems.regime import regime_notes
from slaibench.studies.systems.speculating import (
    check_speculation,
    speculation_facts,
    speculation_of,
)


@dataclass(frozen=True)
class SimulatorSystem:
    """The simulator with one profile.

    Args:
        asynchronous: whether a batch is decided while the one before runs.
        speculation: what decodes draft; None: nothing.
        doubts: whether the profile is of this GPU and model (``doubts_of``).
    """

    TAKES: ClassVar[frozenset[str]] = frozenset(
        {
            *("clock", "gpu", "profile", "kv_blocks", "async_scheduling", "max_context_tokens"),
            "prefix_caching",
        }
    ).union(DeploymentPart.model_fields, SpeculationPart.model_fields)

    model: str
    gpu: str
    profile: Profile
    kv_blocks: int
    max_context_tokens: int
    prefix_caching: bool = False
    asynchronous: bool = False
    speculation: Speculation | None = None
    doubts: tuple[str, ...] = ()
    one_at_a_time: ClassVar[bool] = False

    @classmethod
    def settled(cls, spec: StudySpec) -> StudySpec:
        if spec.clock is Clock.REAL:
            raise ValueError("the simulator's clock is virtual: leave --clock out")
        check_speculation(spec)
        model, gpu = names_of(spec)
        filled = {"model": model, "gpu": gpu, "clock": Clock.VIRTUAL}
        return spec.model_copy(update=filled)

    @classmethod
    def build(cls, text: str) -> Scheduler:
        scheduler = scheduler_info.without_plugins(text, scheduler_info.build(text))
        if isinstance(scheduler, EngineClass):
            raise ValueError(
                f"scheduler {text!r} is a class of vLLM's, which only vLLM can run: use "
                "--backend vllm"
            )
        if isinstance(scheduler, EngineDefault):
            raise ValueError(
                f"scheduler {text!r} is the serving engine's own, which the simulator lacks: "
                "use vllm-default (vLLM's rule), or --backend vllm or sglang"
            )
        return scheduler

    @classmethod
    def info_of(cls, text: str) -> scheduler_info.SchedulerInfo:
        return scheduler_info.of(text, cls.build(text))

    @classmethod
    def of(cls, spec: StudySpec, demand: Demand) -> SimulatorSystem:
        profile = profile_of(spec)
        model = get_model(spec.model or DEFAULT_MODEL)
        return cls(
            model=spec.model or DEFAULT_MODEL,
            gpu=spec.gpu or DEFAULT_GPU,
            profile=profile,
            kv_blocks=spec.kv_blocks or profile.kv_blocks,
            max_context_tokens=spec.max_context_tokens or model.max_context_tokens,
            prefix_caching=spec.prefix_caching,
            asynchronous=is_asynchronous(spec, profile),
            speculation=speculation_of(spec, profile.block_size),
            doubts=doubts_of(spec, model, profile),
        )

    @staticmethod
    def describe(run: Facts) -> str:
        spec = run["spec"]
        what = f"{spec['model']} on {spec['gpu']}{mode_words(spec)}"
        return f"simulated {what}: {describe_profile(run['profile'])}"

    def identity(self) -> Facts:
        return {
            "backend": "sim",
            "clock": Clock.VIRTUAL,
            "model": self.model,
            "gpu": self.gpu,
            "profile_fingerprint": self.profile.fingerprint,
            "max_context_tokens": self.max_context_tokens,
            "kv_blocks": self.kv_blocks,
            "block_size": self.profile.block_size,
            "prefix_caching": self.prefix_caching,
            "async_scheduling": self.asynchronous,
            **speculation_facts(self.speculation),
        }

    @staticmethod
    def modules(clock: Clock) -> tuple[str, ...]:
        return "slaibench.backends.simulator.backend", "slaibench.costmodel.cost_model"

    def limits(self) -> tuple[Limit, ...]:
        return (
            Limit(f"the context of {self.model}", self.max_context_tokens),
            Limit(
                f"the KV cache ({self.kv_blocks} blocks)", self.kv_blocks * self.profile.block_size
            ),
        )

    def facts(self) -> Facts:
        return {
            "profile": profile_facts(self.profile),
            "hardware": {"gpu": self.gpu, "simulated": True},
        }

    def notes(self, output: RunOutput) -> list[str]:
        return [*self.doubts, *regime_notes(self.profile, output, self.speculation)]

    def open(self, logs: Path) -> Backend:
        return Simulator(
            CostModel(self.profile, asynchronous=self.asynchronous),
            total_blocks=self.kv_blocks,
            block_size=self.profile.block_size,
            max_context_tokens=self.max_context_tokens,
            delivery_s=self.profile.delivery_ms * 1e-3,
            prefix_caching=self.prefix_caching,
            cache_rules=rules_of(self.profile.engine),
            asynchronous=self.asynchronous,
            speculation=self.speculation,
        )
