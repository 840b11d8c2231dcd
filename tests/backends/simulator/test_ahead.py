"""Asynchronous scheduling: what is known a batch too late, and nothing else, changes."""

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
from slaibench.backends.simulator.ahead import AheadEngine
from slaibench.backends.simulator.engine import Engine
from slaibench.backends.simulator.kv_blocks import KvBlocks
from slaibench.backends.simulator.prefix_cache import PrefixCache
from slaibench.backends.simulator.state import SimRequest
from slaibench.schedulers.base import Batch, EngineView
from slaibench.schedulers.registry import build
from slaibench.schedulers.sarathi import Sarathi
from slaibench.workloads.content import Piece
from slaibench.workloads.request import Request
from tests.backends.simulator.random_runs import (
    MILLISECONDS,
    VARIANTS,
    schedulers,
    total_blocks,
    workloads,
)
from tests.schedulers.scenario import batches_of, name

SECOND = batches_of(1.0)


def written(batch: Batch) -> str:
    return " ".join(
        [
            *(f"-{name(request)}" for request in batch.preempt),
            *(name(request) for request in batch.decodes),
            *(f"{name(request)}+{tokens}" for request, tokens in batch.prefills),
        ]
    )


def served(
    requests: list[Request], scheduler: str, blocks: int = 1000, *, asynchronous: bool = True
) -> list[str]:
    """Batches of a second each, as one reads them."""
    kind = AheadEngine if asynchronous else Engine
    engine = kind(build(scheduler), SECOND, KvBlocks(blocks, 1))
    coming = [SimRequest(request) for request in requests]
    batches = []
    while coming or engine.has_work:
        while coming and coming[0].arrival_s <= engine.now_s:
            engine.add(coming.pop(0))
        if not engine.has_work:
            engine.now_s = coming[0].arrival_s
            continue
        batches.append(written(engine.step()))
    assert engine.free_blocks == engine.total_blocks
    return batches


def test_who_arrives_while_a_batch_runs_waits_for_the_one_after_the_next() -> None:
    requests = [Request(0, 0.0, 1, 5), Request(1, 0.5, 1, 2)]
    assert served(requests, "sarathi") == ["A+1", "A", "A B+1", "A B", "A"]
    assert served(requests, "sarathi", asynchronous=False) == ["A+1", "A B+1", "A B", "A", "A"]


def test_who_ends_holds_its_blocks_while_the_next_batch_is_decided() -> None:
    """C ends with the first batch; its four blocks are not there yet when the second is decided."""
    requests = [Request(0, 0.0, 1, 6), Request(1, 0.0, 1, 2), Request(2, 0.0, 4, 1)]
    scheduler = "sarathi:watermark=0"
    assert served(requests, scheduler, 6) == ["A+1 B+1 C+4", "-B A", "A B+2", "A", "A", "A"]
    at_once = served(requests, scheduler, 6, asynchronous=False)
    assert at_once == ["A+1 B+1 C+4", "A B", "A", "A", "A", "A"]


def test_who_ends_counts_as_active_while_the_next_batch_is_decided() -> None:
    requests = [Request(0, 0.0, 1, 6), Request(1, 0.0, 1, 2), Request(2, 0.0, 1, 1)]
    scheduler = "sarathi:max_active=2"
    assert served(requests, scheduler) == ["A+1 B+1", "A B", "A", "A C+1", "A", "A"]
    assert served(requests, scheduler, asynchronous=False)[2] == "A C+1"


def test_the_limit_of_active_requests_is_the_schedulers_own_again() -> None:
    scheduler = build("sarathi:max_active=2")
    engine = AheadEngine(scheduler, SECOND, KvBlocks(100, 1))
    for number in range(4):
        engine.add(SimRequest(Request(number, 0.0, 1, 2)))
    while engine.has_work:
        engine.step()
        assert scheduler.max_active == 2


def test_with_nothing_to_run_it_looks_again_when_the_batch_is_over() -> None:
    """One at a time, each has left before the next one is decided: nothing is known too late."""
    requests = [Request(i, 0.0, 5, 1) for i in range(4)]
    scheduler = "sarathi:max_active=1"
    assert served(requests, scheduler) == served(requests, scheduler, asynchronous=False)
    assert served(requests, scheduler) == ["A+5", "B+5", "C+5", "D+5"]


class HostAndDevice:
    """A batch has the device for five seconds, and the host for a while before."""

    needs_spread = False

    def __init__(self, hidden_s: float) -> None:
        self._hidden_s = hidden_s

    def batch_time_s(self, *_: object) -> float:
        return 5.0

    def between_s(self, num_sequences: int) -> float:
        return 0.0

    def hidden_s(self, num_sequences: int) -> float:
        return self._hidden_s


@pytest.mark.parametrize(
    ("hidden_s", "starts"), [(2.0, [2.0, 7.0, 12.0]), (6.0, [6.0, 12.0, 18.0])]
)
def test_the_host_is_hidden_as_long_as_the_device_has_more_to_do(
    hidden_s: float, starts: list[float]
) -> None:
    """The first batch waits for it; a host that is slower than its device sets the pace."""
    engine = AheadEngine(build("sarathi"), HostAndDevice(hidden_s), KvBlocks(100, 1))
    engine.add(SimRequest(Request(0, 0.0, 1, 3)))
    while engine.has_work:
        engine.step()
    assert [step[0] for step in engine.steps] == starts


class Listening(Sarathi):
    """Writes down what it is told, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str, float]] = []

    def schedule(self, view: EngineView) -> Batch:
        self.heard.append(("schedule", view.now_s))
        return super().schedule(view)

    def batch_done(self, batch: Batch, start_s: float, end_s: float, view: EngineView) -> None:
        self.heard.append(("done", end_s))


class Ahead(Listening):
    def batch_running(self, batch: Batch, end_s: float, view: EngineView) -> None:
        self.heard.append(("running", end_s))


def heard(scheduler: Listening) -> list[tuple[str, float]]:
    engine = AheadEngine(scheduler, HostAndDevice(1.0), KvBlocks(100, 1))
    engine.add(SimRequest(Request(0, 0.0, 1, 3)))
    while engine.has_work:
        engine.step()
    return scheduler.heard


def test_a_scheduler_hears_the_true_end_of_a_batch_after_its_next_decision() -> None:
    """What batches take is not known before the first is done: it is expected to end at once."""
    first = [("schedule", 0.0), ("running", 1.0), ("schedule", 1.0), ("done", 6.0)]
    second = [("running", 11.0), ("schedule", 6.0), ("done", 11.0), ("done", 16.0)]
    assert heard(Ahead()) == first + second


def test_a_scheduler_that_does_not_listen_hears_of_every_batch_once_and_early() -> None:
    first = [("schedule", 0.0), ("done", 1.0), ("schedule", 1.0)]
    assert heard(Listening()) == [*first, ("done", 11.0), ("schedule", 6.0), ("done", 16.0)]


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
            assert cache._key_of[request.blocks[number]] == request.key(number)


class Watched:
    """A kind of engine whose books are compared with its requests after every step."""

    def __init__(self, kind: type[Engine]) -> None:
        self._kind = kind
        self.engine: Engine | None = None
        self.found_again = 0
        """Tokens that preempted requests found in the cache."""

    def __call__(self, *args: object, **options: object) -> Engine:
        watched = self

        class Kind(self._kind):  # type: ignore[name-defined, misc]
            def _carry_out(self, batch: Batch) -> Batch:
                before = {request: request.computed_tokens for request in self.waiting}
                done = super()._carry_out(batch)
                watched.found_again += sum(
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
) -> tuple[RunOutput, Watched]:
    simulator = backend.Simulator(
        MILLISECONDS,
        total_blocks=blocks,
        block_size=block_size,
        asynchronous=asynchronous,
        prefix_caching=prefix_caching,
    )
    watched = Watched(simulator._engine)
    simulator._engine = watched  # type: ignore[assignment]
    return simulator.run(requests, scheduler, RunSettings()), watched  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asynchronous", "prefix_caching"), [(True, False), (False, True), (True, True)]
)
@pytest.mark.parametrize("variant", VARIANTS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_invariants_hold_as_an_engine_has_it(
    variant: str, asynchronous: bool, prefix_caching: bool, data: st.DataObject
) -> None:
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
    )
    table, steps = output.requests, output.steps
    event(f"preempted: {bool(table.num_preemptions.sum())}; found: {watched.found_again > 0}")
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
    found = (len(requests) - 1) * shared
    assert steps.prefill_tokens.sum() >= table.prompt_tokens.sum() - found


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
        assert (watched.found_again > 0) is caching
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
