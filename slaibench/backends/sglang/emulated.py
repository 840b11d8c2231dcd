"""SGLang as a backend in virtual time, in a process that can import it."""

from __future__ import annotations

import os

from slaibench.backends.base import BackendError
from slaibench.backends.engines.emulated import EmulatedCore, EmulatedEngine
from slaibench.backends.engines.options import EngineOptions
from slaibench.backends.sglang.stand_ins import install
from slaibench.backends.simulator.batch_timer import BatchTimer
from slaibench.catalog.profile import Profile
from slaibench.schedulers.engines.sglang_support import RELEASES
from slaibench.schedulers.engines.support import UnsupportedEngineError


def in_this_process(options: EngineOptions, profile: Profile) -> EmulatedEngine:
    """SGLang without a GPU and weights in this process, which must have it and no second one."""
    return EmulatedEngine("sglang", _open_core, options, profile)


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
