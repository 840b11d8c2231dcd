"""The KV blocks of a device with what is in them: a prompt's beginning is found again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import islice
from typing import Any

from slaibench.backends.simulator.caching import Caching, CachingRequest, Done, Holders
from slaibench.backends.simulator.refusals import check_decodes
from slaibench.backends.simulator.state import SimRequest
from slaibench.schedulers.base import Batch
from slaibench.workloads.request import Request


class NamedBlocks(CachingRequest):
    """A request that knows its blocks.

    Attributes:
        blocks: numbers of its blocks, the first first.
        num_entered: how many of them can be found by others.
    """

    __slots__ = ("blocks", "num_entered")

    def __init__(self, request: Request, cache: PrefixCache) -> None:
        self.blocks: list[int] = []
        self.num_entered = 0
        super().__init__(request, cache)

    def hold(self, num_blocks: int, block_size: int) -> None:
        super().hold(num_blocks, block_size)
        # A block that becomes full is an event, not only the token after it.
        self.event_at = min(self.kv_capacity, self.final_tokens)


class PrefixCache(Caching):
    """Blocks by the rules of vLLM 0.32.

    A block that is full is entered under all tokens up to its end. It stays when it is freed, until
    it is given to another request: free blocks are taken in the order in which they became free,
    those of one request from its last to its first; blocks that were never entered go first. A
    request that is admitted takes over the longest beginning that it finds; its last token is
    computed in any case, since the next one comes from it.

    Blocks are taken chunk by chunk; what an unfinished prefill will still need is not free.

    Source: ``vllm/v1/core/block_pool.py``, ``kv_cache_manager.py`` (``allocate_slots``) and
    ``single_type_kv_cache_manager.py`` of 0.32.0.

    Args:
        late: blocks that decodes fill are entered when their batch is done, and not when it is
            decided, since its tokens are not known before (``AsyncScheduler``).
    """

    def __init__(self, total: int, size: int, *, late: bool = False) -> None:
        super().__init__(total, size)
        self._queue: OrderedDict[int, None] = OrderedDict.fromkeys(range(total))
        """Free blocks, the next one to be taken first."""
        self._num_holders = [0] * total
        self._key_of: list[int | None] = [None] * total
        self._entered: dict[int, list[int]] = {}
        """Blocks by key: nearly always one, and of equal ones the oldest is found."""
        self._promised = 0
        self._late = late
        self._filled: list[Done] = []

    def state_of(self, request: Request) -> NamedBlocks:
        return NamedBlocks(request, self)

    def cached_tokens(self, request: NamedBlocks) -> int:
        """Tokens of a waiting request that it would not have to compute."""
        return len(self._hits(request)) * self.size

    def admit(self, request: Any) -> None:
        hits = self._hits(request)
        for block in hits:
            if not self._num_holders[block]:
                del self._queue[block]
            self._num_holders[block] += 1
        request.blocks, request.num_entered = hits, len(hits)
        request.computed_tokens = len(hits) * self.size
        num_blocks = -(-request.prefill_tokens // self.size)
        request.hold(num_blocks, self.size)
        self._promised += num_blocks - len(hits)
        self.free = len(self._queue) - self._promised

    def prefill(self, request: Any) -> None:
        computed = request.computed
        self.take(request, computed)
        self._enter(request, computed // self.size)

    def decode(self, request: Any) -> None:
        computed = request.computed
        if computed > request.kv_capacity:
            self.take(request, computed)
            request.hold(request.num_blocks + 1, self.size)
            self._enter(request, (computed - 1) // self.size)
        if computed % self.size == 0:
            if self._late:
                self._filled.append((request, computed // self.size))
            else:
                self._enter(request, computed // self.size)

    def release(self, request: Any) -> None:
        never_entered: list[int] = []
        entered: list[int] = []
        for block in reversed(request.blocks):
            self._num_holders[block] -= 1
            if not self._num_holders[block]:
                (never_entered if self._key_of[block] is None else entered).append(block)
        for block in reversed(never_entered):
            self._queue[block] = None
            self._queue.move_to_end(block, last=False)
        self._queue.update(dict.fromkeys(entered))
        self._promised -= max(request.num_blocks - len(request.blocks), 0)
        self.free = len(self._queue) - self._promised
        request.blocks, request.num_entered = [], 0

    def filled(self) -> list[Done]:
        filled, self._filled = self._filled, []
        return filled

    def enter(self, filled: list[Done]) -> None:
        for request, num_full in filled:
            if request.blocks:
                self._enter(request, num_full)

    def make_room(self, batch: Batch, engine: Holders) -> None:
        """Preempt until all that go on have their blocks: those that are shared do not come free,
        and no scheduler knows which. As in vLLM the last one goes, and then nobody is admitted."""
        going_on = [chunk for chunk in batch.prefills if not chunk[0].waiting]
        admitted = [chunk for chunk in batch.prefills if chunk[0].waiting]
        batch.prefills = [*going_on, *admitted]
        if self.has_room(len(batch.decodes), going_on):  # nearly always
            return
        check_decodes(batch.decodes, set(engine.decoding))
        line = [(request, request.computed_tokens + 1) for request in batch.decodes]
        line += [(request, request.computed_tokens + tokens) for request, tokens in going_on]
        lost = []
        number = 0
        while number < len(line):
            request, tokens = line[number]
            number += 1
            while not self.take(request, tokens):
                lost.append(line.pop()[0])
                engine.preempt(lost[-1])
                if lost[-1] is request:
                    break
        if lost:
            batch.preempt = [*batch.preempt, *lost]
            batch.decodes = [request for request in batch.decodes if request not in lost]
            batch.prefills = [chunk for chunk in going_on if chunk[0] not in lost]
            batch.critical_decodes = min(batch.critical_decodes, len(batch.decodes))

    def has_room(self, num_decodes: int, chunks: Sequence[tuple[SimRequest, int]]) -> bool:
        """Whether so many decodes and these chunks surely have their blocks."""
        most = num_decodes + sum(tokens // self.size + 2 for _, tokens in chunks)
        return most <= len(self._queue)

    def take(self, request: NamedBlocks, tokens: int) -> bool:
        """Give a request the blocks that so many tokens need, if they can be had."""
        num_new = -(-tokens // self.size) - len(request.blocks)
        if num_new > len(self._queue):
            return False
        self._get(request, num_new)
        if num_new > 0 and tokens <= request.prefill_tokens:
            self._promised -= num_new
        self.free = len(self._queue) - self._promised
        return True

    def _hits(self, request: NamedBlocks) -> list[int]:
        most = (request.prefill_tokens - 1) // self.size
        hits: list[int] = []
        for key in islice(request.keys(most), most):
            blocks = self._entered.get(key)
            if blocks is None:
                break
            hits.append(blocks[0])
        return hits

    def _get(self, request: NamedBlocks, number: int) -> None:
        """The next free blocks are the request's; what was in them is gone."""
        queue, entered = self._queue, self._entered
        num_holders, key_of = self._num_holders, self._key_of
        for _ in range(number):
            block, _ = queue.popitem(last=False)
            num_holders[block] = 1
            key = key_of[block]
            if key is not None:
                key_of[block] = None
                blocks = entered[key]
                blocks.remove(block)
                if not blocks:
                    del entered[key]
            request.blocks.append(block)

    def _enter(self, request: NamedBlocks, num_full: int) -> None:
        entered = request.num_entered
        if num_full <= entered:
            return
        keys = request.keys(num_full)
        for number in range(entered, num_full):
            block, key = request.blocks[number], keys[number]
            self._key_of[block] = key
            self._entered.setdefault(key, []).append(block)
        request.num_entered = num_full
