"""The serving engines as systems under test."""

from __future__ import annotations

from dataclasses import dataclass
from multiprocessing import parent_process
from pathlib import Path
from typing import ClassVar

from slaibench.backends.base import Backend, BackendError
from slaibench.backends.engines.base import Engine
from slaibench.backends.engines.options import EngineOptions
from slaibench.backends.sglang.launch import SglangEngine, emulated_sglang, with_plugins
from slaibench.backends.vllm.core import emulated_vllm
from slaibench.backends.vllm.in_process import quiet
from slaibench.backends.vllm.launch import VllmEngine
from slaibench.catalog.profile import Profile
from slaibench.schedulers.base import Scheduler
from slaibench.schedulers.engine_class import EngineClass
from slaibench.schedulers.engine_default import EngineDefault
from slaibench.spec import Device, SpeculationPart
from slaibench.studies import scheduler_info
from slaibench.studies.systems.engine import EngineSystem


@dataclass(frozen=True)
class VllmSystem(EngineSystem):
    """vLLM in this interpreter."""

    TAKES: ClassVar[frozenset[str]] = EngineSystem.TAKES.union(SpeculationPart.model_fields)
    ENGINE: ClassVar[Engine] = VllmEngine()
    VIRTUAL: ClassVar[tuple[str, ...]] = ("slaibench.backends.vllm.core",)
    # The scheduler and the emulated device are named in the server's command line.
    REAL: ClassVar[tuple[str, ...]] = ("slaibench.backends.vllm.launch",)

    @classmethod
    def build(cls, text: str) -> Scheduler:
        if parent_process() is not None:
            quiet()  # a class of vLLM's imports it, before the core is there
        return scheduler_info.without_plugins(text, super().build(text))

    @staticmethod
    def _open_emulated(options: EngineOptions, profile: Profile, logs: Path) -> Backend:
        return emulated_vllm(options, profile)


@dataclass(frozen=True)
class SglangSystem(EngineSystem):
    """SGLang in the interpreter that has it."""

    ENGINE: ClassVar[Engine] = SglangEngine()
    VIRTUAL: ClassVar[tuple[str, ...]] = ("slaibench.backends.sglang.launch",)
    # Plug-ins, which SGLang finds by their entry points.
    REAL: ClassVar[tuple[str, ...]] = (
        "slaibench.backends.sglang.launch",
        "slaibench.backends.sglang.device",
        "slaibench.schedulers.engines.sglang",
    )

    @classmethod
    def build(cls, text: str) -> Scheduler:
        scheduler = super().build(text)
        if isinstance(scheduler, EngineClass):
            raise ValueError(
                f"scheduler {text!r} is a class of vLLM's, which SGLang cannot run: use "
                "--backend vllm"
            )
        if not isinstance(scheduler, EngineDefault):
            return scheduler
        try:
            return with_plugins(scheduler, text)
        except BackendError as error:
            raise ValueError(f"--backend sglang: {error}") from error

    @staticmethod
    def _open_emulated(options: EngineOptions, profile: Profile, logs: Path) -> Backend:
        SglangSystem.ENGINE.check(Device.EMULATED)
        return emulated_sglang(options, profile, logs)
