"""SGLang as a backend in virtual time, in a process that can import it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from slaibench.backends.base import BackendError, RunOutput, RunSettings
from slaibench.backends.engines.emulated import EmulatedCore, EmulatedEngine
from slaibench.backends.engines.forked import in_a_copy
from slaibench.backends.engines.options import EngineOptions
from slaibench.backends.sglang.stand_ins import install
from slaibench.backends.sglang.stock import as_shipped_words
from slaibench.backends.simulator.batch_timer import BatchTimer
from slaibench.catalog.profile import Profile
from slaibench.schedulers.base import Scheduler, SchedulerError
from slaibench.schedulers.contained import failure
from slaibench.schedulers.engine_default import EngineDefault
from slaibench.schedulers.engines.sglang_plugins import (
    ALLOWED,
    OURS,
    Hook,
    PluginError,
    load,
    never_called,
    versions_of,
)
from slaibench.schedulers.engines.sglang_support import RELEASES
from slaibench.schedulers.engines.support import UnsupportedEngineError
from slaibench.workloads.request import Request


class EmulatedSglang(EmulatedEngine):
    """``EmulatedEngine`` of SGLang's.

    Args:
        plugins: those of somebody's that are loaded before it starts. Each run is then made in a
            copy of this process, so that what a plug-in keeps in it reaches no other run.
    """

    def __init__(
        self, options: EngineOptions, profile: Profile, plugins: tuple[str, ...] = ()
    ) -> None:
        self._plugins, self._hooks = plugins, list[Hook]()
        super().__init__("sglang", partial(_open_core, plugins, self._hooks), options, profile)

    def run(
        self, requests: Sequence[Request], scheduler: Scheduler, settings: RunSettings
    ) -> RunOutput:
        if not self._plugins:
            output = super().run(requests, scheduler, settings)
        else:
            self._core_for(scheduler)  # before the copy is made, which ends with its run
            serve = partial(self._with_plugins, requests, scheduler, settings)
            output = in_a_copy(serve, (BackendError, SchedulerError))
        if not isinstance(scheduler, EngineDefault):
            return output
        return replace(output, notes=(*output.notes, as_shipped_words(scheduler, self._options)))

    def _with_plugins(
        self, requests: Sequence[Request], scheduler: Scheduler, settings: RunSettings
    ) -> RunOutput:
        try:
            output = super().run(requests, scheduler, settings)
        except (BackendError, SchedulerError):
            raise
        except Exception as error:
            # Somebody else's code may fail in any way at all, and SGLang's after it.
            raise SchedulerError(failure(error)) from error
        versions = {**output.facts["versions"], **versions_of(self._plugins)}
        return replace(
            output,
            facts={**output.facts, "versions": versions},
            notes=(*output.notes, *never_called(self._plugins, self._hooks)),
        )


def in_this_process(
    options: EngineOptions, profile: Profile, plugins: tuple[str, ...] = ()
) -> EmulatedEngine:
    """SGLang without a GPU and weights in this process, which must have it and no second one."""
    return EmulatedSglang(options, profile, plugins)


def _open_core(
    plugins: tuple[str, ...], hooks: list[Hook], options: EngineOptions, timer: BatchTimer
) -> EmulatedCore:
    os.environ.setdefault("SGLANG_USE_CPU_ENGINE", "1")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("SGLANG_ALLOW_OVERWRITE_LONGER_CONTEXT_LEN", "1")
    os.environ[ALLOWED] = ",".join(OURS)
    install()  # before the first import of SGLang
    try:
        RELEASES.check()
        if plugins:
            hooks += load(plugins)
    except (UnsupportedEngineError, PluginError) as error:
        raise BackendError(str(error)) from error
    from slaibench.backends.sglang.core import SglangCore  # noqa: PLC0415  (seconds)

    core = SglangCore(options, timer, with_plugins=bool(plugins))
    if plugins:
        import torch  # noqa: PLC0415

        # Nothing is computed, and threads are not in a copy, which would wait for them for ever. By
        # the environment it is too late where OpenMP was loaded with the process (LD_PRELOAD).
        torch.set_num_threads(1)
    return core
