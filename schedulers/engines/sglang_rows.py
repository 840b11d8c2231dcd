"""Rows of SGLang's batches: some of them taken out for a step, and put back."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Iterable
from typing import Any

from sglang.srt.managers.schedule_batch import ScheduleBatch

from slaibench.schedulers.engines.sglang_view import SglangRequest


def take_rows(batch: Any, request_ids: set[int]) -> tuple[Any, Any]:
    """Take some requests of a decode batch into a batch of their own.

    A row that sits out a step keeps its place in the request table and its KV; its next input
    token lies in a buffer that is indexed by that place, so nothing else has to be kept.

    Args:
        batch: may be changed, and is one of the two that are returned.
        request_ids: ``id()`` of the requests to take, all of them in the batch.

    Returns:
        The rows that were asked for, and the others; either may be of no rows.
    """
    # Where all run, or nobody does, nothing is copied: that is most steps.
    if len(request_ids) == len(batch.reqs):
        return batch, ScheduleBatch(reqs=[])
    if not request_ids:
        return ScheduleBatch(reqs=[]), batch
    ours = [row for row, request in enumerate(batch.reqs) if id(request) in request_ids]
    others = [row for row, request in enumerate(batch.reqs) if id(request) not in request_ids]
    # Filtering binds new tensors and never writes into the old ones: a shallow copy is enough.
    taken = copy.copy(batch)
    taken.sampling_info = copy.copy(batch.sampling_info)
    _own_penalties(taken)
    taken.filter_batch(keep_indices=ours)
    batch.filter_batch(keep_indices=others)
    return taken, batch


def ids_of(requests: Iterable[SglangRequest]) -> set[int]:
    """As ``take_rows`` takes them."""
    return {id(request.inner) for request in requests}


def runs_apart(last_batch: Any, running_batch: Any) -> bool:
    """Whether the rows that decoded last are not among those that decode now and then."""
    if last_batch is None or last_batch is running_batch:
        return False
    decodes: bool = last_batch.forward_mode.is_decode()
    return decodes


def put_back(batch: Any, rows: Any) -> Any:
    """Both together; whoever finished is dropped."""
    rows.filter_batch()
    if rows.is_empty():
        return batch
    if batch.is_empty():
        return rows
    batch.merge_batch(rows)
    return batch


def _own_penalties(batch: Any) -> None:
    """Penalties keep a state per row and point at their batch."""
    shared = getattr(batch.sampling_info, "penalizer_orchestrator", None)
    if shared is None:
        return
    own = copy.copy(shared)
    own.batch = batch
    own.penalizers = {}
    for kind, penalizer in shared.penalizers.items():
        twin = copy.copy(penalizer)
        twin._orchestrator_ref = weakref.ref(own)
        own.penalizers[kind] = twin
    batch.sampling_info.penalizer_orchestrator = own
