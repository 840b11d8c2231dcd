"""An engine's requests and state, as our schedulers see them: what vLLM and SGLang have alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from slaibench.schedulers.base import Batch, BatchWork, FormerRequestNames, FormerViewNames
from slaibench.schedulers.service_class import Served, service_class

ATTRIBUTE = "slaibench_request"
"""Our side of a request hangs on the engine's own object, so that nothing is left behind."""


class EngineRequest(Served, FormerRequestNames):
    """``slaibench.schedulers.base.RequestView`` of one request of an engine's.

    Engines allocate KV blocks chunk by chunk; schedulers admit whole prompts. So a request that is
    prefilling counts as holding what its whole prefill will need.

    Args:
        inner: the engine's request.
        request_id: its number in the order of arrival: ties break the same way everywhere.
        arrival_s: when it reached the engine, on the engine's clock.
        block_size: tokens in a KV block.
        look_up: how many of a waiting request's tokens the prefix cache holds.
        said: what the request says of its service class, whatever a client put there.

    Attributes:
        computed: tokens whose KV is in the cache since it was admitted.
    """

    __slots__ = (
        "_block_size",
        "_look_up",
        "arrival_s",
        "inner",
        "prefill_tokens",
        "request_id",
        "scheduler_data",
        "waiting",
    )
    computed: int

    def __init__(
        self,
        inner: Any,
        request_id: int,
        arrival_s: float,
        block_size: int,
        look_up: Callable[[Any], int],
        said: Any,
    ) -> None:
        self.inner = inner
        self.request_id = request_id
        self.arrival_s = arrival_s
        self.waiting = True
        self.prefill_tokens = self.all_tokens
        self.scheduler_data: Any = None
        self.set_class(service_class(said))
        self._block_size = block_size
        self._look_up = look_up

    @property
    def all_tokens(self) -> int:
        """Of the prompt, and generated so far."""
        raise NotImplementedError

    @property
    def computed_tokens(self) -> int:
        return self._look_up(self.inner) if self.waiting else self.computed

    @property
    def num_blocks(self) -> int:
        if self.waiting:
            return 0
        return -(-max(self.prefill_tokens, self.computed) // self._block_size)

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
        self.prefill_tokens = self.all_tokens
        self.scheduler_data = None
        self.waiting = True


def work_of(batch: Batch, *, counted: bool) -> BatchWork:
    """What a batch of an engine's requests computes.

    Args:
        counted: whether their computed tokens hold this batch's already.
    """
    chunks = [
        (tokens, request.computed - (tokens if counted else 0))
        for request, tokens in batch.prefills
    ]
    return BatchWork(
        sum(request.computed for request in batch.decodes) + (0 if counted else len(batch.decodes)),
        chunks,
        [
            request
            for (request, _), (tokens, before) in zip(batch.prefills, chunks, strict=True)
            if before + tokens >= request.prefill_tokens
        ],
    )


R = TypeVar("R", bound=EngineRequest)


class ServingView(FormerViewNames, Generic[R]):
    """``slaibench.schedulers.base.EngineView`` of an engine; the adapter sets time and free blocks.

    Args:
        waiting: who can be admitted, in the scheduler's order.
        total_blocks: KV blocks that requests may hold.
        block_size: tokens in a KV block.
    """

    max_prefilling: int | None = None
    tokens_per_decode: int = 1
    __slots__ = (
        "block_size",
        "decoding",
        "expect",
        "forward_s",
        "free_blocks",
        "now_s",
        "prefilling",
        "total_blocks",
        "waiting",
    )

    def __init__(self, waiting: Sequence[R], total_blocks: int, block_size: int) -> None:
        self.now_s = 0.0
        self.expect: Callable[[], float] | None = None
        self.forward_s: float | None = None
        self.waiting = waiting
        self.prefilling: list[R] = []
        self.decoding: list[R] = []
        self.free_blocks = total_blocks
        self.total_blocks = total_blocks
        self.block_size = block_size

    @property
    def begins_s(self) -> float:
        return self.now_s if self.expect is None else self.expect()

    @property
    def promised_blocks(self) -> int:
        """Blocks that unfinished prefills will still take."""
        return sum(request.promised_blocks for request in self.prefilling)

    def admit(self, requests: Iterable[R]) -> None:
        """These prefill from now on: their first chunk, or a session's next input."""
        for request in requests:
            request.waiting = False
            self.prefilling.append(request)
