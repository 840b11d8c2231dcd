"""A scheduler's batch laid out for vLLM's ``schedule()``, and read back from its outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slaibench.schedulers.base import Batch


def lay_out(batch: Batch, running: list[Any]) -> tuple[list[Any], list[Any]]:
    """Who of those that run is to be seen by vLLM, in this order, and who is not.

    Decodes come first, since vLLM preempts from the tail when blocks run out.
    """
    shown = [request.inner for request in batch.decodes]
    shown += [
        request.inner
        for request, _ in batch.prefills
        if not request.waiting and not request.resumes
    ]
    if len(shown) == len(running):
        return shown, []
    taking_part = set(map(id, shown))
    return shown, [request for request in running if id(request) not in taking_part]


def chunks(batch: Batch) -> dict[str, int]:
    """Tokens of each prefill by request id.

    vLLM gives each the rest of its prompt, as far as the budget goes, and serves those that run
    before those that it admits, whatever the scheduler's order is.
    """
    return {request.inner.request_id: tokens for request, tokens in batch.prefills}


def what_ran(batch: Batch, scheduled: Mapping[str, int]) -> Batch:
    """The batch as vLLM made it.

    Args:
        scheduled: tokens by request id.
    """
    decodes = list(batch.decodes)
    if len(scheduled) != len(batch.decodes) + len(batch.prefills):
        decodes = [request for request in decodes if request.inner.request_id in scheduled]
    prefills = [
        (request, scheduled[request.inner.request_id])
        for request, _ in batch.prefills
        if request.inner.request_id in scheduled
    ]
    critical = min(batch.critical_decodes, len(decodes))
    return Batch(decodes, prefills, list(batch.preempt), batch.wake_s, critical)
