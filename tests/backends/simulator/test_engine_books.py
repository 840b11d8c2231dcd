"""The engine as real ones are by default: deciding ahead, with a prefix cache, or with both."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from slaibench.backends.base import RunOutput, RunSettings
from slaibench.backends.simulator import backend
from slaibench.backends.simulator.engine import Engine
from slaibench.backends.simulator.prefix_cache import PrefixCache
from slaibench.backends.simulator.radix_cache import RadixCache
from slaibench.schedulers.base import Batch
from slaibench.schedulers.registry import build
from slaibench.workloads.content import Piece
from slaibench.workloads.request import Request
from tests.backends.simulator.random_runs import (
    MILLISECONDS,
    VARIANTS,
    schedulers,
    total_blocks,
    workloads,
)


def check_books(cache: PrefixCache, holders: list[Any]) -> None:
    """Invariant 2: a block is free or held, and by whom it says; what is entered is in it."""
    num_holders = Counter(block for request in holders for block in request.blocks)
    assert num_holders == {block: n for block, n in enumerate(cache._num_holders) if n}
    assert cache._queue.keys().isdisjoint(num_holders)
    assert len(cache._queue) + len(num_holders) == cache.total
    promised = sum(request.num_blocks - len(request.blocks) for request in holders)
    assert cache.free == len(cache._queue) - promised
    entered = {block: key for key, blocks in cache._entered.items() for block in blocks}
    assert entered == {block: key for block, key in enumerate(cache._key_of) if key is not None}
    for request in holders:
        for number in range(request.num_entered):
            assert cache._key_of[request.blocks[number]] == request.keys(number + 1)[number]


def check_tree(cache: RadixCache, holders: list[Any]) -> None:
    """Invariant 2: a block is unused, in the tree, or a request's alone."""
    tree = cache.tree
    holding = [request for request in holders if request.node is not None]
    alone = sum(request.num_taken - request.num_kept for request in holding)
    assert cache.unused + tree.evictable + tree.locked + alone == cache.total
    promised = sum(request.num_blocks - request.num_taken for request in holding)
    assert cache.free == cache.unused + tree.evictable - promised
    assert min(cache.unused, tree.evictable, tree.locked, alone, promised) >= 0


class Watched:
    """A kind of engine whose books are compared with its requests after every step."""

    def __init__(self, kind: type[Engine]) -> None:
        self._kind = kind
        self.engine: Engine | None = None
        self.num_cached = 0
        """Tokens that preempted requests found in the cache."""

    def __call__(self, *args: object, **options: object) -> Engine:
        watched = self

        class Kind(self._kind):  # type: ignore[name-defined, misc]
            def _carry_out(self, batch: Batch) -> Batch:
                before = {request: request.computed_tokens for request in self.waiting}
                done = super()._carry_out(batch)
                watched.num_cached += sum(
                    before.get(request, 0) for request, _ in done.prefills if request in before
                )
                assert done.num_tokens <= self._scheduler.token_budget
                return done

            def step(self) -> Batch:
                batch = super().step()
                active = [*self.prefilling, *self.decoding]
                ended = getattr(self, "_ending", [])
                if self._caching is None:
                    held = sum(request.num_blocks for request in (*active, *ended))
                    assert self.free_blocks + held == self.total_blocks, "invariant 2"
                elif isinstance(self._caching, RadixCache):
                    check_tree(self._caching, [*active, *ended])
                else:
                    check_books(self._caching, [*active, *ended])
                assert len(active) <= self._scheduler.max_active, "invariant 5"
                for request in active:
                    tokens = max(request.computed_tokens, request.prefill_tokens)
                    assert request.num_blocks == -(-tokens // self.block_size), "invariant 2"
                for request in self.waiting:
                    assert 0 <= request.computed_tokens < request.prefill_tokens
                return batch

        self.engine = Kind(*args, **options)
        return self.engine


def beginning_alike(request: Request, shared: int) -> Request:
    """The request with so many tokens before its prompt that all others begin with, too."""
    if not shared:
        return request
    own = Piece(request.request_id, 0, request.prompt_tokens)
    pieces = (Piece(1 << 40, 0, shared), own)
    return replace(request, prompt_tokens=request.prompt_tokens + shared, pieces=pieces)


def run(
    requests: list[Request],
    scheduler: object,
    blocks: int,
    block_size: int,
    *,
    asynchronous: bool,
    prefix_caching: bool,
    cache_rules: str = "vllm",
) -> tuple[RunOutput, Watched]:
    simulator = backend.Simulator(
        MILLISECONDS,
        total_blocks=blocks,
        block_size=block_size,
        asynchronous=asynchronous,
        prefix_caching=prefix_caching,
        cache_rules=cache_rules,
    )
    watched = Watched(simulator._engine)
    simulator._engine = watched  # type: ignore[assignment]
    return simulator.run(requests, scheduler, RunSettings()), watched  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asynchronous", "cache_rules"),
    [(True, None), (False, "vllm"), (True, "vllm"), (False, "sglang"), (True, "sglang")],
)
@pytest.mark.parametrize("variant", VARIANTS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_invariants_hold_as_an_engine_has_it(
    variant: str, asynchronous: bool, cache_rules: str | None, data: st.DataObject
) -> None:
    prefix_caching = cache_rules is not None
    requests = data.draw(workloads())
    shared = data.draw(st.sampled_from([0, 3, 30]), label="shared") if prefix_caching else 0
    requests = [beginning_alike(request, shared) for request in requests]
    block_size = data.draw(st.sampled_from([1, 2, 5, 16]), label="block_size")
    slack = data.draw(st.sampled_from([0, 1, 2, 5, 20, 200]), label="slack")
    scheduler = data.draw(schedulers(variant))
    blocks = total_blocks(requests, block_size, slack)
    output, watched = run(
        *(requests, scheduler, blocks, block_size),
        asynchronous=asynchronous,
        prefix_caching=prefix_caching,
        cache_rules=cache_rules or "vllm",
    )
    table, steps = output.requests, output.steps
    event(f"preempted: {bool(table.num_preemptions.sum())}; found: {watched.num_cached > 0}")
    # 8, 1, 6: arrivals have stopped, so everybody finished, each with its tokens.
    assert table.finished.all()
    assert table.num_tokens.tolist() == [request.output_tokens for request in requests]
    # 2: nobody holds anything any more.
    assert watched.engine is not None
    assert watched.engine.free_blocks == blocks
    # 3: in order, and no token twice.
    assert (table.due_s <= table.first_scheduled_s).all()
    assert (table.first_scheduled_s < table.first_token_s).all()
    for begin, end in itertools.pairwise(table.token_offsets):
        assert (np.diff(table.token_times_s[begin:end]) > 0).all()
    assert (steps.end_s[:-1] <= steps.start_s[1:]).all()
    # Whatever was computed again had been lost; nothing was computed too little.
    most_shared = (len(requests) - 1) * shared
    assert steps.prefill_tokens.sum() >= table.prompt_tokens.sum() - most_shared


def test_prefix_caching_spares_computing_again_what_nobody_took() -> None:
    """Twelve requests in room for three: with it, most of what is preempted is found again."""
    requests = [Request(i, 0.0, 40, 60) for i in range(12)]
    computed = {}
    for caching in (False, True):
        output, watched = run(
            requests,
            build("sarathi:watermark=0"),
            *(60, 5),
            asynchronous=False,
            prefix_caching=caching,
        )
        assert output.requests.num_preemptions.sum() > 0
        assert (watched.num_cached > 0) is caching
        computed[caching] = output.steps.prefill_tokens.sum()
    assert 480 <= computed[True] < computed[False]


def test_without_preemption_prefix_caching_changes_nothing() -> None:
    requests = [Request(i, 0.01 * i, 40, 60) for i in range(12)]
    runs = [
        run(requests, build("sarathi"), 1000, 5, asynchronous=False, prefix_caching=caching)[0]
        for caching in (False, True)
    ]
    for column in ("start_s", "end_s", "prefill_tokens", "decodes", "kv_blocks_used"):
        first, second = (getattr(output.steps, column) for output in runs)
        assert np.array_equal(first, second)
