"""Moves that several schedulers share: who gets a block, which prefills go on, who is admitted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import merge
from itertools import repeat
from math import inf
from operator import attrgetter
from typing import Any

from slaibench.schedulers.base import Batch, EngineView, RequestView, Scheduler

_needs_block = attrgetter("needs_block")


def by_arrival(request: RequestView) -> tuple[float, int | str]:
    """Sort key: arrival, then id, so that equal arrivals keep one order everywhere."""
    return (request.arrival_s, request.request_id)


def by_deadline(request: RequestView) -> tuple[float, float]:
    """Of a prompt among prompts: by its deadline, then by arrival; those without one come last."""
    return (request.ttft_due_s, request.arrival_s)


def blocks_for(tokens: int, block_size: int) -> int:
    """KV blocks that hold this many tokens."""
    return -(-tokens // block_size)


def blocks_admitted(view: EngineView, batch: Batch) -> int:
    """KV blocks that the batch's newly admitted requests take."""
    return sum(
        blocks_for(request.prefill_tokens, view.block_size)
        for request, _ in batch.prefills
        if request.num_blocks == 0
    )


def tokens_of(view: EngineView, batch: Batch) -> int:
    """Tokens that the batch takes of a budget: at most, where decodes verify drafted ones."""
    return batch.num_tokens + len(batch.decodes) * (view.tokens_per_decode - 1)


def blocks_left(view: EngineView, batch: Batch) -> int:
    """KV blocks that stay free when the engine has carried out this batch."""
    freed: int = sum(request.num_blocks for request in batch.preempt)
    decoded = sum(1 for request in batch.decodes if request.needs_block)
    return view.free_blocks + freed - decoded - blocks_admitted(view, batch)


def take_decodes(
    view: EngineView,
    batch: Batch,
    candidates: Sequence[RequestView],
    victims: list[RequestView] | None = None,
    room: int | None = None,
) -> None:
    """Put a decode of each candidate into the batch, preempting where KV blocks run out.

    Whoever has a part in the batch already, or was preempted by it, is never a victim, in whatever
    order victims come.

    Args:
        candidates: decoding requests, who comes first takes its block first.
        victims: whom to preempt, the last first, used up as it goes; may hold candidates. With
            none left, a request without a block preempts itself. None: the candidates in their
            order and then the prefilling requests, so that the one admitted last goes first,
            and the first candidate last.
        room: most decodes to add; who is preempted takes up none of it. None: any number.
    """
    room = len(candidates) if room is None else room
    # A decode needs at most one block: with as many free, nobody has to be asked.
    surely_free = view.free_blocks - len(batch.decodes) - blocks_admitted(view, batch)
    if surely_free >= min(len(candidates), room):
        batch.decodes.extend(candidates[:room])
        return
    if not batch.preempt:
        first = candidates[:room]
        if blocks_left(view, batch) >= sum(map(_needs_block, first)):
            batch.decodes.extend(first)
            return
    if victims is None:
        victims = [*candidates, *view.prefilling]
    free = blocks_left(view, batch)
    last = len(batch.decodes) + room
    preempted = set(map(id, batch.preempt))
    spoken_for = preempted | {id(request) for request, _ in batch.prefills}
    spoken_for.update(map(id, batch.decodes))
    for request in candidates:
        if len(batch.decodes) == last:
            break
        if id(request) in preempted:
            continue
        if request.needs_block:
            while free < 1 and id(request) not in preempted:
                victim = victims.pop() if victims else request
                if id(victim) in spoken_for:
                    continue
                batch.preempt.append(victim)
                preempted.add(id(victim))
                spoken_for.add(id(victim))
                free += victim.num_blocks
            if id(request) in preempted:
                continue
            free -= 1
        batch.decodes.append(request)
        spoken_for.add(id(request))


def decode_by_arrival(
    view: EngineView, batch: Batch, budget: int, spared: Sequence[RequestView] = ()
) -> None:
    """Decode whom ``budget`` tokens hold, the earliest-arrived first (Sarathi-Serve, vLLM).

    Where no block is free, the latest-arrived active request is preempted, or the request itself
    when it is that one. ``spared`` prefilling requests are not preempted.
    """
    decoding = view.decoding
    limit = budget // view.tokens_per_decode
    if not decoding or limit < 1:
        return
    if len(decoding) <= limit and view.free_blocks >= len(decoding) + blocks_admitted(view, batch):
        batch.decodes.extend(decoding)  # order only matters where something runs out
        return
    spared_ids = set(map(id, spared))
    active = [request for request in view.prefilling if id(request) not in spared_ids]
    victims = sorted([*decoding, *active], key=by_arrival)
    take_decodes(view, batch, sorted(decoding, key=by_arrival), victims, limit)


def decodes_and_started(view: EngineView, scheduler: Scheduler, batch: Batch) -> int:
    """Every decode, then the prompts that were started, the earliest-arrived first; returns the
    token budget left (Sarathi-Serve)."""
    decode_by_arrival(view, batch, scheduler.token_budget)
    batch.critical_decodes = len(batch.decodes)
    started = view.prefilling
    if len(started) > 1:
        started = sorted(started, key=by_arrival)
    if batch.preempt:
        started = [request for request in started if request not in batch.preempt]
    return continue_prefills(started, batch, scheduler.token_budget - tokens_of(view, batch))


def tokens_given(batch: Batch) -> Iterator[tuple[RequestView, int]]:
    """Who has tokens of a batch that is done, and how many."""
    yield from zip(batch.decodes, batch.work.yields or repeat(1), strict=False)
    yield from zip(batch.work.finished_prefills, repeat(1), strict=False)


def note_due(batch: Batch, from_s: float) -> None:
    """Each request that has tokens of this batch keeps, as ``scheduler_data``, when its next one
    is due: its TBT SLO after a moment for each of them, since a reader has as many to read."""
    yields = batch.work.yields
    if yields:
        for request, tokens in zip(batch.decodes, yields, strict=True):
            request.scheduler_data = from_s + tokens * request.tbt_slo_s
    else:  # written out, since it is done at every step
        for request in batch.decodes:
            request.scheduler_data = from_s + request.tbt_slo_s
    for request in batch.work.finished_prefills:
        request.scheduler_data = from_s + request.tbt_slo_s


def continue_prefills(prefilling: Iterable[RequestView], batch: Batch, budget: int) -> int:
    """Give prompts their next chunks, in the given order; returns the budget left."""
    for request in prefilling:
        if budget < 1:
            break
        tokens = min(request.prefill_tokens - request.computed_tokens, budget)
        batch.prefills.append((request, tokens))
        budget -= tokens
    return budget


def fits(request: RequestView, view: EngineView, free: int, watermark: float) -> bool:
    """Whether the blocks of its whole prefill can be had with the watermark left free.

    An empty cache waives the watermark: a prompt that large would else wait for ever.
    """
    reserve = 0 if free == view.total_blocks else int(watermark * view.total_blocks)
    return blocks_for(request.prefill_tokens, view.block_size) + reserve <= free


def may_admit(view: EngineView, scheduler: Scheduler) -> bool:
    """Whether anybody could be admitted; where not, nobody who waits need be ranked."""
    return (
        bool(view.waiting)
        and len(view.prefilling) + len(view.decoding) < scheduler.max_active
        and view.free_blocks > int(scheduler.watermark * view.total_blocks)
    )


def head_fits(view: EngineView, scheduler: Scheduler) -> bool:
    """Whether the first waiting request could be admitted if nothing else were done now."""
    return (
        bool(view.waiting)
        and len(view.prefilling) + len(view.decoding) < scheduler.max_active
        and fits(view.waiting[0], view, view.free_blocks, scheduler.watermark)
    )


def admit(
    view: EngineView,
    scheduler: Scheduler,
    batch: Batch,
    budget: int,
    *,
    whole: bool = False,
    spared_blocks: int = 0,
    queue: Iterable[RequestView] | None = None,
) -> int:
    """Admit waiting requests in queue order, up to the first that cannot be (head of line).

    A step that preempts admits nobody: whoever was preempted heads the queue and has no room.

    Args:
        budget: token budget left in the batch.
        whole: take only prompts that fit into the budget left as a whole. A prompt longer than
            the scheduler's whole budget is cut nevertheless, if the batch is empty so far.
        spared_blocks: KV blocks that are left to decodes which join the batch afterwards.
        queue: waiting requests in another order than the view's; None: in that.

    Returns:
        Token budget left.
    """
    if batch.preempt or budget < 1 or (queue is None and not head_fits(view, scheduler)):
        return budget
    free = blocks_left(view, batch) - spared_blocks
    active = len(view.prefilling) + len(view.decoding)
    for request in view.waiting if queue is None else queue:
        tokens = request.prefill_tokens - request.computed_tokens
        if whole and tokens > budget and (batch or tokens <= scheduler.token_budget):
            break
        if (
            budget < 1
            or active >= scheduler.max_active
            or not fits(request, view, free, scheduler.watermark)
        ):
            break
        tokens = min(tokens, budget)
        batch.prefills.append((request, tokens))
        budget -= tokens
        free -= blocks_for(request.prefill_tokens, view.block_size)
        active += 1
    return budget


def take_prompts(
    view: EngineView,
    scheduler: Scheduler,
    batch: Batch,
    started: Sequence[RequestView],
    waiting: Iterable[RequestView],
    key: Callable[[RequestView], Any],
    budget: int,
) -> int:
    """Chunks for prompts in the order of a key, whether they are started or waiting.

    The first that cannot be admitted ends admission; started ones go on. Where an engine tracks
    few unfinished prompts (``view.max_prefilling``), those alone pass a started one that the budget
    holds whole. A step that preempts admits nobody.

    Args:
        started: in the order of the key; none that the batch preempts.
        waiting: in the order of the key.
        budget: token budget left in the batch.

    Returns:
        Token budget left.
    """
    free = blocks_left(view, batch)
    active = len(view.prefilling) + len(view.decoding)
    unfinished, most = len(started), view.max_prefilling or inf
    taken = set()
    for request in started if batch.preempt else merge(started, waiting, key=key):
        if budget < 1:
            return budget
        rest = request.prefill_tokens - request.computed_tokens
        if request.num_blocks:
            unfinished -= rest <= budget
        elif (
            active >= scheduler.max_active
            or (rest > budget and unfinished >= most)
            or not fits(request, view, free, scheduler.watermark)
        ):
            break
        else:
            active += 1
            unfinished += rest > budget
            free -= blocks_for(request.prefill_tokens, view.block_size)
        taken.add(id(request))
        budget = continue_prefills([request], batch, budget)
    return continue_prefills((it for it in started if id(it) not in taken), batch, budget)
