"""A real engine on an emulated device, in this process and in virtual time."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from slaibench.backends.base import RunOutput, RunSettings
from slaibench.backends.engines.core import CoreRequest
from slaibench.backends.engines.options import EngineOptions
from slaibench.backends.simulator.batch_timer import BatchTimer
from slaibench.backends.virtual import VirtualEngine, refusal, run_virtual
from slaibench.catalog.profile import Profile
from slaibench.costmodel import CostModel
from slaibench.schedulers.base import Scheduler
from slaibench.workloads.generate import prompt_token_ids
from slaibench.workloads.request import Request
from slaibench.workloads.schedule import check_schedule

FIRST_TOKEN_ID = 3
"""Ids below are special in the tokenizers of Llama 2 and Mistral, and in ours."""


class EmulatedCore(VirtualEngine, Protocol):
    """An engine's scheduler and KV cache over a cost model, good for many runs.

    Attributes:
        engine_version: of the engine.
    """

    engine_version: str

    def start_run(self, scheduler: Scheduler) -> None:
        """Begin at time 0 with nothing left of what ran before.

        Raises:
            BackendError: something of the last run is left, or the scheduler asks for too much.
        """

    def end_run(self) -> None:
        """Note what is known only at the end; let go of what was cut off."""

    def close(self) -> None:
        """Let go of the engine."""


OpenCore = Callable[[EngineOptions, BatchTimer], EmulatedCore]


class EmulatedEngine:
    """Serves requests in virtual time (``slaibench.backends.base.Backend``); deterministic.

    The core is started at the first run (some ten seconds) and kept for the next ones.

    Args:
        key: the engine's, for ``versions``.
        open_core: starts it; raises BackendError where the engine is missing, of another version,
            or does not start like that.
        options: what it is started with; without ``kv_blocks``, with the profile's.
        profile: of the GPU that is emulated.
    """

    def __init__(
        self, key: str, open_core: OpenCore, options: EngineOptions, profile: Profile
    ) -> None:
        self._key, self._open_core = key, open_core
        self._kv_blocks = profile.kv_blocks if options.kv_blocks is None else options.kv_blocks
        self._options = replace(options, kv_blocks=self._kv_blocks)
        self._profile = profile
        self._core: EmulatedCore | None = None

    def run(
        self, requests: Sequence[Request], scheduler: Scheduler, settings: RunSettings
    ) -> RunOutput:
        """Serve the requests, each at its due time.

        The scheduler is copied: whatever it learns in a run does not reach the next one.

        Raises:
            ValueError: the requests are no run (``schedule.check_schedule``).
            BackendError: the engine cannot be had (``open_core``).
            SchedulerError: the scheduler broke its contract.
        """
        check_schedule(requests, settings.concurrency)
        options, core = self._options, self._core_for(scheduler)
        refusals = [
            refusal(
                request,
                total_blocks=self._kv_blocks,
                block_size=options.block_size,
                max_context_tokens=options.max_context_tokens,
                speculation=options.speculation,
            )
            for request in requests
        ]
        vocab, drafts = options.model.vocab, options.speculation
        states = [
            CoreRequest(
                request,
                prompt_token_ids(request, settings.seed, vocab, FIRST_TOKEN_ID).tolist(),
                None if drafts is None else drafts.yields(settings.seed, request),
            )
            for request in requests
        ]
        core.start_run(copy.deepcopy(scheduler))
        try:
            output = run_virtual(
                core,
                requests,
                states,
                refusals,
                settings,
                core.end_run,
                delivery_s=self._profile.delivery_ms * 1e-3,
            )
        except BaseException:
            self.close()  # a core that was left in the middle is good for nothing
            raise
        facts = {
            **output.facts,
            "clock": "virtual",
            "kv_blocks": self._kv_blocks,
            "block_size": options.block_size,
            "versions": {self._key: core.engine_version},
        }
        return replace(output, facts=facts)

    def _core_for(self, scheduler: Scheduler) -> EmulatedCore:
        """The core that a scheduler decides in.

        Raises:
            BackendError: it cannot be had.
        """
        if self._core is None:
            options = self._options
            self._core = self._open_core(
                options, CostModel(self._profile, asynchronous=options.asynchronous)
            )
        return self._core

    def close(self) -> None:
        """Stop the core."""
        core, self._core = self._core, None
        if core is not None:
            core.close()
