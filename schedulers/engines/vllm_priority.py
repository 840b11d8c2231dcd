"""vLLM's promise under ``--scheduling-policy priority``: the least urgent are preempted first."""

from __future__ import annotations

from typing import Any

from slaibench.schedulers.base import Batch, EngineView
from slaibench.schedulers.batching import blocks_left, by_arrival, tokens_of


def least_urgent_first(batch: Batch, view: EngineView) -> list[Any]:
    """All that hold blocks, in the order in which they are to lose them.

    The highest number is the least urgent. Of equal ones those go first whom the scheduler chose,
    in its order; then the latest to arrive.
    """
    place = {id(request): index for index, request in enumerate(batch.preempt)}
    active = sorted([*view.prefilling, *view.decoding], key=by_arrival, reverse=True)
    return sorted(
        active, key=lambda request: (-request.inner.priority, place.get(id(request), len(place)))
    )


def spare_urgent(batch: Batch, view: EngineView, token_budget: int) -> None:
    """Have the least urgent lose their blocks in place of whom the scheduler chose.

    As many blocks come free as the scheduler wanted, if less urgent requests hold as many. Whoever
    is spared decodes in this batch where the batch has room for it, else in a later one.
    """
    chosen, freed = [], 0
    wanted = sum(request.num_blocks for request in batch.preempt)
    for request in least_urgent_first(batch, view):
        if freed >= wanted:
            break
        chosen.append(request)
        freed += request.num_blocks
    losing = set(map(id, chosen))
    spared = [request for request in batch.preempt if id(request) not in losing]
    batch.preempt = chosen
    leave_out(batch, losing)
    decoding = set(map(id, view.decoding))
    for request in spared:
        room = tokens_of(view, batch) + view.tokens_per_decode <= token_budget
        has_block = not request.needs_block or blocks_left(view, batch) > 0
        if id(request) in decoding and room and has_block:
            batch.decodes.append(request)


def leave_out(batch: Batch, losing: set[int]) -> None:
    """Take those out of the batch that lose their blocks.

    Args:
        losing: their identities (``id``).
    """
    critical = batch.decodes[: batch.critical_decodes]
    batch.critical_decodes -= sum(id(request) in losing for request in critical)
    batch.decodes = [request for request in batch.decodes if id(request) not in losing]
    batch.prefills = [prefill for prefill in batch.prefills if id(prefill[0]) not in losing]


def blocks_needed(batch: Batch, block_size: int) -> int:
    """KV blocks that vLLM takes for those of the batch that hold some already."""
    needed = sum(1 for request in batch.decodes if request.needs_block)
    for request, tokens in batch.prefills:
        if not request.waiting:
            computed = request.computed_tokens
            needed += -(-(computed + tokens) // block_size) + -computed // block_size
    return needed
