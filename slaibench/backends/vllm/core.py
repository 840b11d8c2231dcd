"""vLLM on an emulated device, in this process: the core for its mode."""

from __future__ import annotations

from slaibench.backends.engines.emulated import EmulatedEngine
from slaibench.backends.engines.options import EngineOptions
from slaibench.backends.vllm.ahead import AheadCore
from slaibench.backends.vllm.in_process import VllmCore
from slaibench.catalog.profile import Profile


def emulated_vllm(options: EngineOptions, profile: Profile) -> EmulatedEngine:
    """vLLM as a backend that needs no GPU and no weights (``EmulatedEngine``)."""
    kind = AheadCore if options.asynchronous else VllmCore
    return EmulatedEngine("vllm", kind, options, profile)
