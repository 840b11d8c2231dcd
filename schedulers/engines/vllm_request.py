"""A vLLM request as a scheduler sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slaibench.schedulers.base import FormerRequestNames
from slaibench.schedulers.engines.service_class import service_class

ATTRIBUTE = "slaibench_request"
"""Our side of a request hangs on vLLM's own object, so that nothing is left behind when it goes."""


class VllmRequest(FormerRequestNames):
    """``slaibench.schedulers.base.RequestView`` of one request of vLLM's.

    vLLM allocates KV blocks chunk by chunk; schedulers admit whole prompts. So one that is
    prefilling counts as holding what its whole prefill will need.

    Args:
        inner: vLLM's request.
        request_id: its number in the order of arrival: ties break the same way everywhere.
        arrival_s: when it reached the engine, on the engine's clock.
        cached_tokens: how many of a waiting request's tokens the prefix cache holds.

    Attributes:
        resumes: a session with its next input: it holds blocks, and vLLM has not taken it back.
    """

    __slots__ = (
        "_block_size",
        "_cached_tokens",
        "arrival_s",
        "inner",
        "prefill_tokens",
        "request_id",
        "resumes",
        "scheduler_data",
        "tbt_slo_s",
        "tier",
        "waiting",
    )

    def __init__(
        self,
        inner: Any,
        request_id: int,
        arrival_s: float,
        block_size: int,
        cached_tokens: Callable[[Any], int],
    ) -> None:
        self.inner = inner
        self.request_id = request_id
        self.arrival_s = arrival_s
        self.waiting = True
        self.resumes = False
        self.prefill_tokens: int = inner.num_tokens
        self.scheduler_data: Any = None
        extra = getattr(inner.sampling_params, "extra_args", None)
        self.tier, self.tbt_slo_s = service_class(extra)
        self._block_size = block_size
        self._cached_tokens = cached_tokens

    @property
    def prompt_tokens(self) -> int:
        tokens: int = self.inner.num_prompt_tokens
        return tokens

    @property
    def computed_tokens(self) -> int:
        if self.waiting:
            return self._cached_tokens(self.inner)
        tokens: int = self.inner.num_computed_tokens
        return tokens

    @property
    def output_tokens(self) -> int:
        tokens: int = self.inner.num_output_tokens
        return tokens

    @property
    def adapter(self) -> int:
        """Number of its LoRA adapter; 0: none."""
        lora = self.inner.lora_request
        return lora.lora_int_id if lora else 0

    @property
    def num_blocks(self) -> int:
        if self.waiting:
            return 0
        computed: int = self.inner.num_computed_tokens
        return -(-max(self.prefill_tokens, computed) // self._block_size)

    @property
    def promised_blocks(self) -> int:
        """Blocks that the rest of its prefill will take, and that it does not hold yet."""
        size = self._block_size
        held: int = -(-self.inner.num_computed_tokens // size)
        return -(-self.prefill_tokens // size) - held

    @property
    def needs_block(self) -> bool:
        full: bool = self.inner.num_computed_tokens % self._block_size == 0
        return full

    def lose_blocks(self) -> None:
        """Be preempted: everything generated so far becomes part of what must be prefilled."""
        self.prefill_tokens = self.inner.num_tokens
        self.scheduler_data = None
        self.waiting, self.resumes = True, False

    def resume(self) -> None:
        """Hold the blocks of a session's earlier inputs, with another input to prefill."""
        self.waiting, self.resumes = False, True
