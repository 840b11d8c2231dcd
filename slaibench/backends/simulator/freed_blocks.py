"""Free KV blocks in the order in which they are used again, and whose tokens are still in them."""

from __future__ import annotations

from collections import deque

from slaibench.backends.simulator.state import SimRequest


class _Run:
    """Blocks that were freed together.

    Args:
        count: how many of them are still free and as they were.
        owner: the preempted request whose tokens they hold; None: nobody will ask for them.
    """

    __slots__ = ("count", "owner")

    def __init__(self, count: int, owner: SimRequest | None = None) -> None:
        self.count = count
        self.owner = owner


class FreedBlocks:
    """What prefix caching leaves of preempted requests, by the rules of vLLM 0.19.

    A block that is full keeps its tokens until another request takes it. Blocks are taken in the
    order in which they were freed, and those of one request from its last to its first, so that
    what is left of a preempted request is always a beginning. While such a request waits, its
    ``computed_tokens`` say how much of it is left; only the rest is computed again.

    Prompts of different requests are taken to have nothing in common.

    Source: ``vllm/v1/core/block_pool.py`` (``free_blocks``, ``get_new_blocks``) and
    ``single_type_kv_cache_manager.py`` (``free``) of 0.19.0. Later versions (0.32 is one) take the
    last block of a request before all others when it was not full; that is a block a request.

    Args:
        total_blocks: of the whole cache, all of them free.
        block_size: tokens in a block.
    """

    def __init__(self, total_blocks: int, block_size: int) -> None:
        self._block_size = block_size
        self._runs = deque([_Run(total_blocks)])
        self._runs_of: dict[SimRequest, _Run] = {}

    @property
    def num_blocks(self) -> int:
        """All free blocks."""
        return sum(run.count for run in self._runs)

    def put(self, num_blocks: int, computed_tokens: int, owner: SimRequest | None = None) -> None:
        """A request lets go of its blocks.

        Args:
            computed_tokens: what is in them.
            owner: the request, if it was preempted and will come back.
        """
        full = min(num_blocks, computed_tokens // self._block_size)
        if full < num_blocks:
            self._runs.append(_Run(num_blocks - full))
        run = _Run(full, owner)
        self._runs.append(run)
        if owner is not None:
            self._runs_of[owner] = run
            self._tell(owner)

    def take(self, num_blocks: int) -> None:
        """The next free blocks get other tokens."""
        while num_blocks:
            run = self._runs[0]
            taken = min(num_blocks, run.count)
            run.count -= taken
            num_blocks -= taken
            if run.owner is not None:
                self._tell(run.owner)
            if not run.count:
                self._runs.popleft()

    def reclaim(self, request: SimRequest) -> int:
        """A request comes back: the blocks in which it finds its tokens are its own again.

        Returns:
            How many they are; they are no longer free.
        """
        run = self._runs_of.pop(request, None)
        if run is None:
            return 0
        num_blocks = request.computed_tokens // self._block_size
        run.count -= num_blocks
        run.owner = None
        return num_blocks

    def _tell(self, request: SimRequest) -> None:
        """Let a waiting request know what is left of it."""
        # Its last token is computed again in any case: the next one comes from it.
        most = (request.prefill_tokens - 1) // self._block_size
        request.computed_tokens = min(self._runs_of[request].count, most) * self._block_size
