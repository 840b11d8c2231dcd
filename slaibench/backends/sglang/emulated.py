"""The real SGLang scheduler on an emulated device: a backend that needs no GPU and no weights."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from schedulers.base import Scheduler
from schedulers.engines.sglang_support import UnsupportedSglangError, check_version
from slaibench.backends.base import BackendError, RunOutput, RunSettings
from slaibench.backends.sglang.options import SglangOptions
from slaibench.backends.sglang.stand_ins import install
from slaibench.backends.virtual import check_requests, refusal, run_virtual
from slaibench.catalog.profile import Profile
from slaibench.costmodel import CostModel
from workloads.generate import prompt_token_ids
from workloads.request import Request

if TYPE_CHECKING:
    from slaibench.backends.sglang.core import EmulatedCore

FIRST_TOKEN_ID = 3
"""Ids below are special in the tokenizers of Llama 2 and Mistral."""


class EmulatedSglang:
    """Serves requests in virtual time (``slaibench.backends.base.Backend``); deterministic.

    The scheduler is started at the first run (some ten seconds) and kept for the next ones. One
    of them a process: SGLang keeps its configuration in globals.

    Args:
        options: what SGLang is started with; without ``kv_blocks``, with the profile's.
        profile: of the GPU that is emulated.
    """

    def __init__(self, options: SglangOptions, profile: Profile) -> None:
        blocks = profile.kv_blocks if options.kv_blocks is None else options.kv_blocks
        self._options = replace(options, kv_blocks=blocks)
        self._kv_blocks = blocks
        self._profile = profile
        self._core: EmulatedCore | None = None

    def run(
        self, requests: Sequence[Request], scheduler: Scheduler, settings: RunSettings
    ) -> RunOutput:
        """Serve the requests, each at its due time.

        The scheduler is copied: whatever it learns in a run does not reach the next one.

        Raises:
            ValueError: the requests are not in the order of their due times, or one is of no size.
            BackendError: SGLang is missing, of another version, or does not start like that.
            SchedulerError: the scheduler broke its contract.
        """
        check_requests(requests)
        core = self._started()
        from slaibench.backends.sglang.core import CoreRequest  # noqa: PLC0415  (seconds)

        options, vocab = self._options, self._options.model.vocab
        refusals = [
            refusal(
                request,
                total_blocks=self._kv_blocks,
                block_size=options.block_size,
                max_context_tokens=options.max_context_tokens,
            )
            for request in requests
        ]
        states = [
            CoreRequest(each, prompt_token_ids(each, settings.seed, vocab, FIRST_TOKEN_ID).tolist())
            for each in requests
        ]
        core.start_run(copy.deepcopy(scheduler))
        output = run_virtual(core, requests, states, refusals, settings, core.end_run)
        return replace(output, facts=self._facts())

    def close(self) -> None:
        """Nothing to stop: the scheduler is this process's."""

    def _started(self) -> EmulatedCore:
        if self._core is None:
            os.environ.setdefault("SGLANG_USE_CPU_ENGINE", "1")
            os.environ.setdefault("HF_HUB_OFFLINE", "1")
            install()  # before the first import of SGLang
            try:
                check_version()
            except UnsupportedSglangError as error:
                raise BackendError(str(error)) from error
            from slaibench.backends.sglang.core import EmulatedCore  # noqa: PLC0415  (seconds)

            self._core = EmulatedCore(self._options, CostModel(self._profile))
        return self._core

    def _facts(self) -> dict[str, Any]:
        return {
            "clock": "virtual",
            "kv_blocks": self._kv_blocks,
            "block_size": self._options.block_size,
            "versions": {"sglang": check_version()},
        }
