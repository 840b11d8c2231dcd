"""Whom a scheduler may admit at this step, beside what it counts itself: tokens, blocks, requests.

A scheduler is shown only what can be admitted: one that plans a batch of a single prompt would else
wait for ever for a prompt that vLLM skips.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import takewhile

from slaibench.schedulers.engines.vllm_view import VllmRequest


def have_adapters(requests: Iterable[VllmRequest], held: set[int], most: int) -> list[VllmRequest]:
    """Those of the requests that can all run together, in their order.

    Whoever runs may be in the next batch, withheld or not, so all of them count.

    Args:
        held: LoRA adapters of those that run.
        most: adapters that a batch may hold (``--max-loras``).
    """
    used = set(held)
    fitting = []
    for request in requests:
        adapter = request.adapter
        if adapter and adapter not in used:
            if len(used) >= most:
                continue
            used.add(adapter)
        fitting.append(request)
    return fitting


def most_urgent(requests: Sequence[VllmRequest]) -> list[VllmRequest]:
    """Those of the first one's priority, in a queue that is ordered by it.

    A scheduler may admit in another order than its queue's; with nobody else to see, it cannot let
    a less urgent one pass.
    """
    if not requests:
        return []
    first = requests[0].inner.priority
    return [*takewhile(lambda request: request.inner.priority == first, requests)]
