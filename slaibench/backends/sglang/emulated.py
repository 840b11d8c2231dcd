"""SGLang as a backend in virtual time, in a process that can import it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from slaibench.backends.base import BackendError, RunOutput, RunSettings
from slaibench.backends.engines.emulated import EmulatedCore, EmulatedEngine
from slaibench.backends.engines.options import EngineOptions
from slaibench.backends.sglang.stand_ins import install
from slaibench.backends.simulator.batch_timer import BatchTimer
from slaibench.catalog.profile import Profile
from slaibench.schedulers.base import Scheduler
from slaibench.schedulers.engine_default import EngineDefault, own_budget
from slaibench.schedulers.engines.sglang_support import RELEASES
from slaibench.schedulers.engines.support import UnsupportedEngineError
from slaibench.workloads.request import Request


class EmulatedSglang(EmulatedEngine):
    """``EmulatedEngine`` of SGLang's."""

    def __init__(self, options: EngineOptions, profile: Profile) -> None:
        super().__init__("sglang", _open_core, options, profile)

    def run(
        self, requests: Sequence[Request], scheduler: Scheduler, settings: RunSettings
    ) -> RunOutput:
        output = super().run(requests, scheduler, settings)
        if not isinstance(scheduler, EngineDefault):
            return output
        options = self._options
        others = []
        if not options.asynchronous:
            others.append("synchronous scheduling (stock: overlap)")
        if not options.prefix_caching:
            others.append("no radix cache (stock: on)")
        tokens, active = own_budget(scheduler) or options.token_budget, options.max_active
        limits = "limits of its own"
        if tokens is not None and active is not None:
            limits = f"chunks of {tokens:,} tokens, {active:,} requests"
        differs = f"; differs from stock: {', '.join(others)}" if others else ""
        words = f"SGLang as shipped: {limits}{differs}"
        return replace(output, notes=(*output.notes, words))


def in_this_process(options: EngineOptions, profile: Profile) -> EmulatedEngine:
    """SGLang without a GPU and weights in this process, which must have it and no second one."""
    return EmulatedSglang(options, profile)


def _open_core(options: EngineOptions, timer: BatchTimer) -> EmulatedCore:
    os.environ.setdefault("SGLANG_USE_CPU_ENGINE", "1")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("SGLANG_ALLOW_OVERWRITE_LONGER_CONTEXT_LEN", "1")
    install()  # before the first import of SGLang
    try:
        RELEASES.check()
    except UnsupportedEngineError as error:
        raise BackendError(str(error)) from error
    from slaibench.backends.sglang.core import SglangCore  # noqa: PLC0415  (seconds)

    return SglangCore(options, timer)
