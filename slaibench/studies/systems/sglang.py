"""SGLang as a venue."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from slaibench.backends.base import Backend
from slaibench.backends.engines.base import Engine
from slaibench.backends.engines.options import EngineOptions
from slaibench.backends.sglang.launch import SglangEngine
from slaibench.catalog.profile import Profile
from slaibench.studies.systems.engine import EngineSystem


@dataclass(frozen=True)
class SglangSystem(EngineSystem):
    """SGLang in the interpreter that has it."""

    ENGINE: ClassVar[Engine] = SglangEngine()
    VIRTUAL: ClassVar[tuple[str, ...]] = ("slaibench.backends.sglang.emulated",)
    # Plug-ins, which SGLang finds by their entry points.
    REAL: ClassVar[tuple[str, ...]] = (
        "slaibench.backends.sglang.launch",
        "slaibench.backends.sglang.device",
        "slaibench.schedulers.engines.sglang",
    )

    @staticmethod
    def _open_emulated(options: EngineOptions, profile: Profile, logs: Path) -> Backend:
        from slaibench.backends.sglang.emulated import emulated_sglang  # noqa: PLC0415

        return emulated_sglang(options, profile, logs)
