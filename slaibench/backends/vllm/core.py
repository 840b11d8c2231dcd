"""vLLM on an emulated device, in this process: the core for its mode and for who decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from slaibench.backends.base import RunOutput, RunSettings
from slaibench.backends.engines.emulated import EmulatedCore, EmulatedEngine
from slaibench.backends.engines.options import EngineOptions
from slaibench.backends.vllm.ahead import AheadCore
from slaibench.backends.vllm.in_process import VllmCore
from slaibench.backends.vllm.stock import as_shipped
from slaibench.catalog.profile import Profile
from slaibench.costmodel import CostModel
from slaibench.schedulers.base import Scheduler
from slaibench.schedulers.engine_default import EngineDefault
from slaibench.workloads.request import Request


class EmulatedVllm(EmulatedEngine):
    """``EmulatedEngine`` of vLLM's.

    Schedulers of ours share one core. Where vLLM's own scheduler decides, or a class in its place,
    each run has a core of its own (a tenth of a second, once vLLM is imported): what such an object
    keeps from its requests does not reach the next run.
    """

    def __init__(self, options: EngineOptions, profile: Profile) -> None:
        self._kind = AheadCore if options.asynchronous else VllmCore
        super().__init__("vllm", self._kind, replace(options, emulated_gpu=profile.gpu), profile)
        self._own: EmulatedCore | None = None

    def run(
        self, requests: Sequence[Request], scheduler: Scheduler, settings: RunSettings
    ) -> RunOutput:
        output = super().run(requests, scheduler, settings)
        if not isinstance(scheduler, EngineDefault):
            return output
        words = as_shipped(scheduler, self._options).words
        return replace(output, notes=(*output.notes, words))

    def _core_for(self, scheduler: Scheduler) -> EmulatedCore:
        if not isinstance(scheduler, EngineDefault):
            return super()._core_for(scheduler)
        self._close_own()
        options = as_shipped(scheduler, self._options).options
        timer = CostModel(self._profile, asynchronous=options.asynchronous)
        self._own = self._kind(options, timer, scheduler)
        return self._own

    def close(self) -> None:
        super().close()
        self._close_own()

    def _close_own(self) -> None:
        core, self._own = self._own, None
        if core is not None:
            core.close()


def emulated_vllm(options: EngineOptions, profile: Profile) -> EmulatedVllm:
    """vLLM as a backend that needs no GPU and no weights (``EmulatedEngine``)."""
    return EmulatedVllm(options, profile)
