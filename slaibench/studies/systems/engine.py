"""A serving engine as a system under test: on an emulated device, a CPU or a GPU."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

from slaibench.backends.base import Backend, BackendError, RunOutput
from slaibench.backends.engines.base import Engine
from slaibench.backends.engines.extra_args import extra_args
from slaibench.backends.engines.options import EngineOptions
from slaibench.backends.speculation import Speculation
from slaibench.catalog import CatalogError, hub
from slaibench.catalog.model import Model, get_model
from slaibench.catalog.profile import Profile
from slaibench.schedulers.base import Scheduler
from slaibench.spec import DEFAULT_MODEL, Clock, DeploymentPart, Device, StudySpec
from slaibench.studies import scheduler_info
from slaibench.studies.systems.base import Demand, Facts, Limit
from slaibench.studies.systems.installed import installed_version
from slaibench.studies.systems.profiled import (
    describe_profile,
    doubts_of,
    is_asynchronous,
    mode_words,
    names_of,
    profile_facts,
    profile_file_of,
    profile_of,
)
from slaibench.studies.systems.real_engine import (
    hardware_name,
    refuse_too_large,
    spread,
    started_with,
)
from slaibench.studies.systems.regime import regime_notes
from slaibench.studies.systems.speculating import (
    check_speculation,
    speculation_facts,
    speculation_of,
)

SERVED = "slaibench.backends.engines.served"


@dataclass(frozen=True)
class EngineSystem(ABC):
    """An engine, started with what a study needs.

    Attributes:
        ENGINE: which.
        VIRTUAL, REAL: modules of its own that run under such a clock, as ``modules``.

    Args:
        gpu, profile: of an emulated device; None on a real one. ``profile_file``: what another
            process reads it from, where it does not ship.
        hardware: what computes in real time; None under a virtual clock.
        kv_blocks: None: the engine decides.
        asynchronous: whether a batch is decided while the one before runs.
        speculation: what decodes draft, on an emulated device; None: nothing.
        tp: GPUs that share each layer, of an emulated device; 1 on a real one (``spread``).
        doubts: whether the profile is of this GPU and model (``doubts_of``).
    """

    TAKES: ClassVar[frozenset[str]] = frozenset(
        {
            *("device", "clock", "gpu", "profile", "kv_blocks"),
            *("max_context_tokens", "weights", "prefix_caching", "async_scheduling"),
            "engine_args",
            *DeploymentPart.model_fields,
        }
    )

    ENGINE: ClassVar[Engine]
    VIRTUAL: ClassVar[tuple[str, ...]]
    REAL: ClassVar[tuple[str, ...]]

    name: str
    model: Model
    engine_version: str
    device: Device
    clock: Clock
    gpu: str | None
    profile: Profile | None
    profile_file: Path | None
    hardware: str | None
    weights: str | None
    prefix_caching: bool
    max_context_tokens: int
    kv_blocks: int | None
    block_size: int
    token_budget: int
    max_active: int
    engine_args: str | None
    asynchronous: bool = False
    speculation: Speculation | None = None
    tp: int = 1
    doubts: tuple[str, ...] = ()

    @classmethod
    def settled(cls, spec: StudySpec) -> StudySpec:
        device = spec.device or Device.EMULATED
        emulated = device is Device.EMULATED
        if emulated and spec.weights is not None:
            raise ValueError(
                "an emulated device computes nothing and needs no weights: leave --weights out, or "
                "give --device cpu or cuda"
            )
        if not emulated and spec.clock is Clock.VIRTUAL:
            raise ValueError(
                f"what runs on --device {device.value} takes real time: leave --clock virtual out, "
                "or give --device emulated"
            )
        if not emulated and (spec.gpu or spec.profile):
            given = f"--gpu {spec.gpu}" if spec.gpu else f"--profile {spec.profile}"
            raise ValueError(
                f"{given} says whose times to emulate, and --device {device.value} is this "
                f"machine's own: leave {given.split(maxsplit=1)[0]} out, or give --device emulated"
            )
        check_speculation(spec)
        clock = spec.clock or (Clock.VIRTUAL if emulated else Clock.REAL)
        if not emulated:
            spec = spread(spec)
        if device is Device.CPU and spec.async_scheduling:
            raise ValueError("no engine schedules so on a CPU: leave --async-scheduling out")
        if spec.engine_args is not None:
            extra_args(spec.engine_args, cls.ENGINE.flags)
            if clock is Clock.VIRTUAL:
                raise ValueError(
                    "under a virtual clock there is no server to give --engine-args to: leave it "
                    "out, or give --clock real, or --device cpu or cuda"
                )
        model, gpu = names_of(spec)
        served = model if emulated else spec.model or spec.weights or model
        filled = {"device": device, "clock": clock, "model": served}
        return spec.model_copy(update={**filled, "gpu": gpu if emulated else None})

    @classmethod
    def build(cls, text: str) -> Scheduler:
        return scheduler_info.build(text)

    @classmethod
    def info_of(cls, text: str) -> scheduler_info.SchedulerInfo:
        return scheduler_info.of(text, cls.build(text))

    @classmethod
    def of(cls, spec: StudySpec, demand: Demand) -> Self:
        device, clock = spec.device or Device.EMULATED, spec.clock or Clock.VIRTUAL
        name = spec.model or DEFAULT_MODEL
        profile = profile_of(spec) if device is Device.EMULATED else None
        model = get_model(name)
        engine_version = installed_version(cls.ENGINE, device, model)
        if device is Device.CPU:
            refuse_too_large(model, cls.ENGINE.cpu_weight_bytes(model))
        kv_blocks = spec.kv_blocks or (profile.kv_blocks if profile else None)
        block_size = profile.block_size if profile else cls.ENGINE.block_size(device)
        most = [model.max_context_tokens] + ([kv_blocks * block_size] if kv_blocks else [])
        return cls(
            name=name,
            model=model,
            engine_version=engine_version,
            device=device,
            clock=clock,
            gpu=spec.gpu,
            profile=profile,
            profile_file=profile_file_of(spec) if profile and clock is Clock.REAL else None,
            hardware=hardware_name(device) if clock is Clock.REAL else None,
            weights=spec.weights,
            prefix_caching=spec.prefix_caching,
            max_context_tokens=spec.max_context_tokens or min(demand.context_tokens, *most),
            kv_blocks=kv_blocks,
            block_size=block_size,
            # Engines want room for a token of every active request.
            token_budget=max(demand.token_budget, demand.max_active),
            max_active=demand.max_active,
            engine_args=spec.engine_args,
            asynchronous=is_asynchronous(spec, profile, cls.ENGINE.decides_ahead(engine_version)),
            speculation=speculation_of(spec, block_size),
            tp=spec.tp or 1,
            doubts=doubts_of(spec, model, profile) if profile else (),
        )

    @classmethod
    def describe(cls, run: Facts) -> str:
        engine = f"{cls.ENGINE.name} {run['versions'].get(cls.ENGINE.key, '')}".strip()
        spec = run["spec"]
        if run.get("profile"):
            clock = f"{run['backend']['clock']} clock"
            model = " with ".join(filter(None, (spec["model"], spec.get("engine_args"))))
            return (
                f"{engine} on an emulated {spec['gpu']} ({clock}){mode_words(spec)}: {model}, "
                f"{describe_profile(run['profile'])}"
            )
        started = started_with(spec["weights"], spec.get("engine_args"))
        where = f"{engine} on {spec['hardware']}{mode_words(spec)}"
        return f"{where}: measured, {spec['model']} with {started}"

    @property
    def one_at_a_time(self) -> bool:
        return self.clock is Clock.REAL

    def identity(self) -> Facts:
        computes = self.device is not Device.EMULATED
        # Only where there are any: a calibration's folder from before there could be is taken.
        later = {"engine_args": self.engine_args, "async_scheduling": self.asynchronous or None}
        later |= speculation_facts(self.speculation)
        return {
            "backend": self.ENGINE.key,
            "engine": f"{self.ENGINE.key} {self.engine_version}",
            "device": self.device,
            "clock": self.clock,
            "model": self.name,
            "gpu": self.gpu,
            "profile_fingerprint": self.profile.fingerprint if self.profile else None,
            "hardware": self.hardware,
            "weights": self.weights,
            "prefix_caching": self.prefix_caching,
            "max_context_tokens": self.max_context_tokens,
            "kv_blocks": self.kv_blocks,
            "block_size": self.block_size,
            # They size what a real device sets aside, and with it the KV cache.
            "engine_token_budget": self.token_budget if computes else None,
            "engine_max_active": self.max_active if computes else None,
            **{name: value for name, value in later.items() if value is not None},
        }

    @classmethod
    def modules(cls, clock: Clock) -> tuple[str, ...]:
        return cls.VIRTUAL if clock is Clock.VIRTUAL else (SERVED, *cls.REAL)

    def limits(self) -> tuple[Limit, ...]:
        of_model = Limit(f"the context of {self.name}", self.model.max_context_tokens)
        limits = [of_model]
        if self.kv_blocks is not None:
            cache = f"the KV cache ({self.kv_blocks} blocks)"
            limits.append(Limit(cache, self.kv_blocks * self.block_size))
        return (*limits, Limit("the context asked for", self.max_context_tokens))

    def facts(self) -> Facts:
        facts: Facts = {"versions": {self.ENGINE.key: self.engine_version}}
        if self.profile is not None:
            facts["profile"] = profile_facts(self.profile)
            facts["hardware"] = {"gpu": self.gpu, "emulated": True}
        else:
            facts["hardware"] = {"name": self.hardware}
        if self.weights and (commit := hub.commit(self.weights)):
            facts["weights_commit"] = commit  # a branch of the hub moves
        return facts

    def notes(self, output: RunOutput) -> list[str]:
        if self.profile is None:
            return []
        return [*self.doubts, *regime_notes(self.profile, output, self.speculation)]

    def open(self, logs: Path) -> Backend:
        if self.clock is Clock.VIRTUAL:
            assert self.profile is not None
            return self._open_emulated(self._options(), self.profile, logs)
        from slaibench.backends.engines.served import ServedEngine  # noqa: PLC0415

        try:
            weights = self.weights and hub.checkpoint(self.weights)
            options = replace(self._options(), checkpoint=weights)
        except CatalogError as error:
            raise BackendError(f"--weights: {error}") from error
        return ServedEngine(
            self.ENGINE,
            options,
            self.device,
            profile=self.profile,
            profile_file=self.profile_file,
            logs=logs,
        )

    @staticmethod
    @abstractmethod
    def _open_emulated(options: EngineOptions, profile: Profile, logs: Path) -> Backend:
        """The engine on an emulated device, in virtual time."""

    def _options(self) -> EngineOptions:
        return EngineOptions(
            model=self.model,
            checkpoint=self.weights,
            max_context_tokens=self.max_context_tokens,
            token_budget=self.token_budget,
            max_active=self.max_active,
            kv_blocks=self.kv_blocks,
            block_size=self.block_size,
            prefix_caching=self.prefix_caching,
            asynchronous=self.asynchronous,
            speculation=self.speculation,
            tp=self.tp,
            more=extra_args(self.engine_args, self.ENGINE.flags) if self.engine_args else (),
        )
