"""The serving engines as systems under test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from slaibench.backends.base import Backend
from slaibench.backends.engines.base import Engine
from slaibench.backends.engines.options import EngineOptions
from slaibench.backends.sglang.launch import SglangEngine, emulated_sglang
from slaibench.backends.vllm.core import emulated_vllm
from slaibench.backends.vllm.launch import VllmEngine
from slaibench.catalog.profile import Profile
from slaibench.spec import Device, SpeculationPart
from slaibench.studies.systems.engine import EngineSystem


@dataclass(frozen=True)
class VllmSystem(EngineSystem):
    """vLLM in this interpreter."""

    TAKES: ClassVar[frozenset[str]] = EngineSystem.TAKES.union(SpeculationPart.model_fields)
    ENGINE: ClassVar[Engine] = VllmEngine()
    VIRTUAL: ClassVar[tuple[str, ...]] = ("slaibench.backends.vllm.core",)
    # The scheduler and the emulated device are named in the server's command line.
    REAL: ClassVar[tuple[str, ...]] = ("slaibench.backends.vllm.launch",)

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

    @staticmethod
    def _open_emulated(options: EngineOptions, profile: Profile, logs: Path) -> Backend:
        SglangSystem.ENGINE.check(Device.EMULATED)
        return emulated_sglang(options, profile, logs)
