"""SGLang as a backend in virtual time: in the process that has it, and from any other."""

from __future__ import annotations

import os
from pathlib import Path

from slaibench.backends.base import Backend, BackendError
from slaibench.backends.engines.emulated import EmulatedCore, EmulatedEngine
from slaibench.backends.engines.options import EngineOptions
from slaibench.backends.engines.subprocess_backend import SubprocessBackend
from slaibench.backends.sglang.launch import SglangEngine, python
from slaibench.backends.sglang.stand_ins import install
from slaibench.backends.simulator.engine import BatchTimer
from slaibench.catalog.profile import Profile
from slaibench.schedulers.engines.sglang_support import RELEASES
from slaibench.schedulers.engines.support import UnsupportedEngineError
from slaibench.spec import Device


def emulated_sglang(options: EngineOptions, profile: Profile, logs: Path) -> Backend:
    """SGLang as a backend that needs no GPU and no weights, in the Python that has it.

    Always in a process of its own, since a process can have one SGLang only.

    Args:
        logs: folder for what it prints.

    Raises:
        BackendError: there is none here, or none that can be steered.
    """
    SglangEngine().check(Device.EMULATED)
    return elsewhere(options, profile, logs)


def elsewhere(options: EngineOptions, profile: Profile, logs: Path) -> Backend:
    """The same, unchecked."""
    return SubprocessBackend(SglangEngine.name, python(), in_this_process, (options, profile), logs)


def in_this_process(options: EngineOptions, profile: Profile) -> EmulatedEngine:
    """The same in this process, which must have SGLang and no other one."""
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
