"""An SGLang request, and SGLang's state, as a scheduler sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from slaibench.schedulers.base import FormerRequestNames, FormerViewNames
from slaibench.schedulers.engines.service_class import service_class

ATTRIBUTE = "slaibench_request"
"""Our side of a request hangs on SGLang's own object, so that nothing is left behind."""


class SglangRequest(FormerRequestNames):
    """``slaibench.schedulers.base.RequestView`` of one request of SGLang's.

    SGLang allocates KV blocks (pages) chunk by chunk; schedulers admit whole prompts. So one
    that is prefilling counts as holding what its whole prefill will need.

    Args:
        inner: SGLang's request.
        request_id: its number in the order of arrival: ties break the same way everywhere.
        arrival_s: when it reached the engine, on the engine's clock.
        look_up: how many of a waiting request's tokens the radix cache holds.
    """

    __slots__ = (
        "_block_size",
        "_look_up",
        "arrival_s",
        "computed",
        "inner",
        "is_embedded",
        "prefill_tokens",
        "request_id",
        "scheduler_data",
        "tbt_slo_s",
        "tier",
        "waiting",
        "wants_logprobs",
        "was_scheduled",
    )

    def __init__(
        self,
        inner: Any,
        request_id: int,
        arrival_s: float,
        block_size: int,
        look_up: Callable[[Any], int],
    ) -> None:
        self.inner = inner
        self.request_id = request_id
        self.arrival_s = arrival_s
        self.waiting = True
        self.was_scheduled = False
        self.computed = 0
        self.prefill_tokens = len(inner.origin_input_ids) + len(inner.output_ids)
        self.scheduler_data: Any = None
        self.tier, self.tbt_slo_s = service_class(inner.sampling_params.custom_params)
        self.is_embedded = getattr(inner, "input_embeds", None) is not None
        self.wants_logprobs = bool(inner.return_logprob)
        self._block_size = block_size
        self._look_up = look_up

    @property
    def computed_tokens(self) -> int:
        return self._look_up(self.inner) if self.waiting else self.computed

    @property
    def prompt_tokens(self) -> int:
        return len(self.inner.origin_input_ids)

    @property
    def output_tokens(self) -> int:
        return len(self.inner.output_ids)

    @property
    def num_blocks(self) -> int:
        if self.waiting:
            return 0
        return -(-max(self.prefill_tokens, self.computed) // self._block_size)

    @property
    def is_done(self) -> bool:
        """Whether it has finished, or was aborted."""
        done: bool = self.inner.finished()
        return done

    @property
    def promised_blocks(self) -> int:
        """Blocks that the rest of its prefill will take, and that it does not hold yet."""
        size = self._block_size
        return -(-self.prefill_tokens // size) + self.computed // -size

    @property
    def needs_block(self) -> bool:
        return self.computed % self._block_size == 0

    def lose_blocks(self) -> None:
        """Be preempted: everything generated so far becomes part of what must be prefilled."""
        self.prefill_tokens = len(self.inner.origin_input_ids) + len(self.inner.output_ids)
        self.computed = 0
        self.scheduler_data = None
        self.waiting = True


class SglangView(FormerViewNames):
    """``EngineView`` of SGLang; the adapter sets the time and what is free.

    Args:
        waiting: the queue, in the scheduler's order.
    """

    max_prefilling: int | None = 1  # SGLang's chunked_req
    __slots__ = (
        "block_size",
        "decoding",
        "forward_s",
        "free_blocks",
        "now_s",
        "prefilling",
        "total_blocks",
        "waiting",
    )

    def __init__(self, waiting: list[SglangRequest], total_blocks: int, block_size: int) -> None:
        self.now_s = 0.0
        # On a GPU a step's device time ends somewhere inside SGLang's processing of its result.
        self.forward_s: float | None = None
        self.waiting = waiting
        self.prefilling: list[SglangRequest] = []
        self.decoding: list[SglangRequest] = []
        self.free_blocks = total_blocks
        self.total_blocks = total_blocks
        self.block_size = block_size

    @property
    def promised_blocks(self) -> int:
        """Blocks that unfinished prefills will still take."""
        return sum(request.promised_blocks for request in self.prefilling)

    def admit(self, requests: Iterable[SglangRequest]) -> None:
        """These have their first chunk."""
        for request in requests:
            request.waiting = False
            self.prefilling.append(request)

    def advance(
        self, decodes: Iterable[SglangRequest], prefills: Iterable[tuple[SglangRequest, int]]
    ) -> None:
        """These tokens are computed: whoever is through with its prefill decodes from now on."""
        for request in decodes:
            request.computed += 1
        for request, tokens in prefills:
            request.computed += tokens
            if request.computed >= request.prefill_tokens:
                self.prefilling.remove(request)
                self.decoding.append(request)

    def drop_finished(self) -> None:
        """Forget who is done or was aborted."""
        self.prefilling = [each for each in self.prefilling if not each.is_done]
        self.decoding = [each for each in self.decoding if not each.is_done]

    def drop(self, request: SglangRequest) -> None:
        """It loses its place, if it has one."""
        for holders in (self.prefilling, self.decoding):
            if request in holders:
                holders.remove(request)
