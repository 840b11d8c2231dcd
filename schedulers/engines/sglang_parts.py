"""A scheduler's batch as the batches that SGLang can run: one, or several one after the other.

SGLang runs decodes beside prompts only where nobody in the batch wants logprobs, and a prompt that
is given as embeddings beside no other input (``Scheduler._get_new_batch_prefill_raw``). Whatever a
scheduler decided together is then run in parts, the decodes first, before it decides again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from slaibench.schedulers.base import Batch


class Parts:
    """What is still to be run of the batch that a scheduler decided last."""

    def __init__(self) -> None:
        self._to_come: list[Batch] = []

    def first_of(self, batch: Batch, goes_on: Any) -> Batch:
        """The part of a batch to run now; ``parts`` has the arguments."""
        first, *self._to_come = parts(batch, goes_on)
        return first

    def next(self, view: Any) -> Batch | None:
        """The next part, as far as its requests are still there; None: decide anew."""
        while self._to_come:
            part = still(self._to_come.pop(0), view.waiting, [*view.prefilling, *view.decoding])
            if part:
                return part
        return None

    def drop(self) -> None:
        """Decide anew: somebody lost its blocks."""
        self._to_come = []


def parts(batch: Batch, goes_on: Any = None) -> list[Batch]:
    """The batches to run, in their order; together they are the batch.

    Args:
        goes_on: SGLang's request whose prompt is unfinished; the part that it is in comes before
            other prompts, since SGLang keeps track of one unfinished prompt.
    """
    plain = [prefill for prefill in batch.prefills if not prefill[0].is_embedded]
    groups = [plain, [prefill for prefill in batch.prefills if prefill[0].is_embedded]]
    groups.sort(key=lambda group: all(request.inner is not goes_on for request, _ in group))
    groups = [group for group in groups if group]
    if len(groups) < 2 and (not batch.decodes or not groups or _mix(batch.decodes, groups[0])):
        return [batch]
    first = Batch(batch.decodes, [], batch.preempt, batch.wake_s, batch.critical_decodes)
    rest = [Batch(prefills=group) for group in groups]
    if first.decodes:
        return [first, *rest]
    rest[0].preempt = batch.preempt
    return rest


def _mix(decodes: Sequence[Any], prefills: Sequence[tuple[Any, int]]) -> bool:
    return not (
        any(request.wants_logprobs for request in decodes)
        or any(request.wants_logprobs or request.is_embedded for request, _ in prefills)
    )


def still(batch: Batch, waiting: Sequence[Any], holders: Sequence[Any]) -> Batch:
    """What is left of a part once requests may have been aborted since it was decided.

    Args:
        waiting: who may be admitted now.
        holders: who holds KV blocks.
    """
    present = {id(request) for request in (*waiting, *holders)}
    decodes = [decode for decode in batch.decodes if id(decode) in present and not decode.is_done]
    prefills = [
        prefill
        for prefill in batch.prefills
        if id(prefill[0]) in present and not prefill[0].is_done
    ]
    return Batch(decodes, prefills, critical_decodes=min(batch.critical_decodes, len(decodes)))


@contextmanager
def one_kind_of_input(engine: Any) -> Iterator[None]:
    """While SGLang's own rule builds a batch: it sees prompts of one kind only, ids or embeddings.

    It would put both into one batch, and run the embeddings for all of it.

    Args:
        engine: SGLang's scheduler.
    """
    queue = engine.waiting_queue
    first = engine.chunked_req or next(iter(queue), None)
    kind = getattr(first, "input_embeds", None) is None
    hidden = [
        request for request in queue if (getattr(request, "input_embeds", None) is None) != kind
    ]
    if not hidden:
        yield
        return
    engine.waiting_queue = [
        request for request in queue if all(request is not other for other in hidden)
    ]
    try:
        yield
    finally:
        left = set(map(id, [*engine.waiting_queue, *hidden]))
        queued = set(map(id, queue))
        back = [request for request in engine.waiting_queue if id(request) not in queued]
        engine.waiting_queue = [*(request for request in queue if id(request) in left), *back]
