"""The KV blocks of a device as SGLang keeps them: in a tree of what prompts begin with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from slaibench.backends.simulator.caching import Caching, CachingRequest, Done, Holders
from slaibench.backends.simulator.kv_blocks import check_free
from slaibench.backends.simulator.radix_tree import Node, RadixTree
from slaibench.schedulers.base import Batch
from slaibench.workloads.request import Request


class RadixRequest(CachingRequest):
    """A request with a place in the tree.

    Attributes:
        node: where the beginning ends that it keeps there; None: it holds nothing.
        num_kept: blocks of that beginning.
        num_taken: blocks that it has so far, those among them.
        looked_at: its computed tokens when it was last added to the tree.
        is_ending: whether it has all its tokens.
        num_unknown: of its tokens, those that a batch in flight brings it.
    """

    __slots__ = ("is_ending", "looked_at", "node", "num_kept", "num_taken", "num_unknown")

    def __init__(self, request: Request, cache: RadixCache) -> None:
        self.node: Node | None = None
        self.num_kept = self.num_taken = self.looked_at = self.num_unknown = 0
        self.is_ending = False
        super().__init__(request, cache)


class RadixCache(Caching):
    """Blocks by the rules of SGLang 0.5.23 (``RadixTree``).

    A request that is admitted takes over the longest beginning that it finds, all but its last
    token. What it computes is added to the tree: a chunk when the next batch is decided, a prompt
    and what was generated when their batch is done. What somebody else added meanwhile, it gives
    back. Whoever is preempted leaves there what was added, and the rest comes free.

    Blocks that nobody needs stay until there are too few. Room is made for more than is taken: for
    a block more for each prompt of a batch, and then for one for each decode.

    Source: ``sglang/srt/mem_cache/unified_radix_cache.py``, ``common.py`` and ``allocation.py``,
    ``managers/scheduler_components/batch_result_processor.py``.
    """

    def __init__(self, total: int, size: int) -> None:
        super().__init__(total, size)
        self.tree = RadixTree()
        self.unused = total
        """Blocks that hold nothing."""
        self._promised = 0
        self._rows: list[RadixRequest] = []
        """Who decodes, in SGLang's order: it ends them in it."""
        self._through: list[Done] = []
        self._ended: list[RadixRequest] = []
        self._unknown: list[RadixRequest] = []

    def state_of(self, request: Request) -> RadixRequest:
        return RadixRequest(request, self)

    def cached_tokens(self, request: Any) -> int:
        return self._find(request)[1] * self.size

    def admit(self, request: Any) -> None:
        request.node, found = self._find(request)
        self.tree.lock(request.node)
        request.num_kept = request.num_taken = found
        request.computed_tokens = request.looked_at = found * self.size
        num_blocks = -(-request.prefill_tokens // self.size)
        request.hold(num_blocks, self.size)
        self._promised += num_blocks - found
        self._count()

    def look_through(self, prefilling: Sequence[Any]) -> None:
        for request in prefilling:
            if request.computed > request.looked_at:
                request.looked_at = request.computed
                self._add(request, request.computed)

    def make_room(self, batch: Batch, engine: Holders) -> None:
        """Admit, then take blocks for chunks before those of decodes, as SGLang builds a batch."""
        if batch.preempt:
            self._leave_out(batch)
        if batch.prefills:
            self._take_chunks(batch, engine)
        if batch.decodes:
            self._evict(len(batch.decodes))
        rows = self._rows
        if not batch.prefills and len(batch.decodes) == len(rows):
            return
        decoding: Any = set(batch.decodes)
        through: Any = [
            request
            for request, tokens in batch.prefills
            if request.computed + tokens == request.prefill_tokens < request.final_tokens
        ]
        others = [request for request in rows if request not in decoding]
        self._rows = [*others, *through, *(request for request in rows if request in decoding)]

    def prefill(self, request: Any) -> None:
        computed = request.computed
        if computed == request.prefill_tokens:
            request.is_ending = computed == request.final_tokens
            self._through.append((request, computed))

    def decode(self, request: Any) -> None:
        computed = request.computed
        if computed > request.kv_capacity:
            self._give(request, 1)
            request.hold(request.num_blocks + 1, self.size)
            self._count()
        if computed == request.final_tokens:
            request.is_ending = True
            self._ended.append(request)

    def release(self, request: Any) -> None:
        if request.is_ending:
            return  # until its batch is done
        if request in self._rows:
            self._rows.remove(request)
        # SGLang does not look for the last token that it knows, nor for one that it does not.
        if self.step_in_flight in request.token_steps[-1:]:
            request.num_unknown = 1
            self._unknown.append(request)
        self._let_go(request)

    def filled(self) -> list[Done]:
        ended, filled = self._ended, self._through
        self._ended, self._through = [], []
        if ended:
            leaving = set(ended)
            if len(ended) > 1:
                ended = [request for request in self._rows if request in leaving]
            self._rows = [request for request in self._rows if request not in leaving]
            filled += [(request, request.final_tokens) for request in ended]
        return filled

    def enter(self, filled: list[Done]) -> None:
        for request in self._unknown:
            request.num_unknown = 0
        self._unknown.clear()
        for request, tokens in filled:
            if request.node is None:
                continue
            self._add(request, tokens)
            if request.is_ending and tokens == request.final_tokens:
                self._let_go(request)

    def _find(self, request: RadixRequest) -> tuple[Node, int]:
        most = (request.prefill_tokens - request.num_unknown - 1) // self.size
        return self.tree.find(request.keys(most), most)

    def _add(self, request: RadixRequest, tokens: int) -> None:
        """What a request has computed can be found from now on, as far as blocks are full."""
        tree, node, count = self.tree, request.node, tokens // self.size
        assert node is not None
        keys = request.keys(count)
        new, found = tree.add(keys, count)
        prompt = request.prompt_tokens // self.size
        if 0 < prompt < count:  # what was generated can then be given up alone
            tree.add(keys, prompt)
        self.unused += found - request.num_kept
        tree.unlock(node)
        tree.lock(new)
        request.node, request.num_kept = new, count
        self._count()

    def _let_go(self, request: RadixRequest) -> None:
        node = request.node
        assert node is not None
        self.tree.unlock(node)
        self.unused += request.num_taken - request.num_kept
        self._promised -= request.num_blocks - request.num_taken
        request.node = None
        self._count()

    def _take_chunks(self, batch: Batch, engine: Holders) -> None:
        chunks: list[tuple[Any, int]] = []
        for request, wanted in batch.prefills:
            tokens = wanted
            if request.waiting:
                engine.admit(request)
                # It may find more than when this was decided.
                tokens = min(wanted, request.prefill_tokens - request.computed_tokens)
            chunks.append((request, tokens))
        batch.prefills = chunks
        wanted = sum(tokens for _, tokens in chunks)
        self._evict(-(-wanted // self.size) + len(chunks))
        for request, tokens in chunks:
            num_new = -(-(request.computed_tokens + tokens) // self.size) - request.num_taken
            self._give(request, num_new)
            self._promised -= num_new
        self._count()

    def _give(self, request: RadixRequest, num_blocks: int) -> None:
        check_free(self.unused, num_blocks, request)
        self.unused -= num_blocks
        request.num_taken += num_blocks

    def _evict(self, num_blocks: int) -> None:
        """Have so many unused blocks, as far as there are some that nobody needs."""
        while self.unused < num_blocks:
            evicted = self.tree.evict()
            if not evicted:
                break
            self.unused += evicted
        self._count()

    def _leave_out(self, batch: Batch) -> None:
        """Whom there are no blocks for sits out: those that others share did not come free."""
        free, decodes, prefills = self.unused + self.tree.evictable, [], []
        for decode in batch.decodes:
            free -= decode.needs_block
            if free < 0:
                break
            decodes.append(decode)
        if len(decodes) == len(batch.decodes):
            for request, tokens in batch.prefills:
                computed = request.computed_tokens
                held = 0 if request.waiting else -(-computed // self.size)
                free -= -(-(computed + tokens) // self.size) - held
                if free < 0:
                    break
                prefills.append((request, tokens))
        batch.decodes, batch.prefills = decodes, prefills
        batch.critical_decodes = min(batch.critical_decodes, len(decodes))

    def _count(self) -> None:
        self.free = self.unused + self.tree.evictable - self._promised
