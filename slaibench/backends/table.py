"""The serving engines there are; a new one is a package beside this file, and a line here."""

from __future__ import annotations

from slaibench.backends.engines.base import Engine
from slaibench.backends.sglang.launch import SglangEngine
from slaibench.backends.vllm.launch import VllmEngine

ENGINES: dict[str, Engine] = {engine.key: engine for engine in (VllmEngine(), SglangEngine())}
