"""vLLM's state as a scheduler sees it, and the lists that vLLM itself does not keep."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from vllm.v1.request import RequestStatus

from slaibench.schedulers.base import FormerViewNames
from slaibench.schedulers.engines.vllm_request import VllmRequest


class VllmView(FormerViewNames):
    """``slaibench.schedulers.base.EngineView`` of vLLM; the adapter sets the time and what is free.

    vLLM has one list of those that run, in an order of its own; which of them still prefill, and
    in what order they came, is kept here.

    Args:
        waiting: who can be admitted, in the scheduler's order.
    """

    max_prefilling: int | None = None
    __slots__ = (
        "block_size",
        "decoding",
        "forward_s",
        "free_blocks",
        "now_s",
        "prefilling",
        "total_blocks",
        "waiting",
    )

    def __init__(self, waiting: Sequence[VllmRequest], total_blocks: int, block_size: int) -> None:
        self.now_s = 0.0
        self.forward_s: float | None = None
        self.waiting = waiting
        self.prefilling: list[VllmRequest] = []
        self.decoding: list[VllmRequest] = []
        self.free_blocks = total_blocks
        self.total_blocks = total_blocks
        self.block_size = block_size

    @property
    def promised_blocks(self) -> int:
        """Blocks that unfinished prefills will still take."""
        return sum(request.promised_blocks for request in self.prefilling)

    def admit(self, requests: Iterable[VllmRequest]) -> None:
        """These prefill from now on: their first chunk, or a session's next input."""
        for request in requests:
            request.waiting = False
            self.prefilling.append(request)

    def advance(self, prefills: Iterable[tuple[VllmRequest, int]]) -> None:
        """These chunks are computed: whoever is through decodes from now on."""
        for request, _ in prefills:
            inner = request.inner
            through = inner.num_computed_tokens >= request.prefill_tokens
            if through and inner.status == RequestStatus.RUNNING:
                self.prefilling.remove(request)
                self.decoding.append(request)

    def follow(self, running: Sequence[Any]) -> None:
        """Forget who finished, was aborted or preempted, or waits for a session's next input."""
        resuming = sum(request.resumes for request in self.prefilling)
        if len(running) + resuming == len(self.prefilling) + len(self.decoding):
            return
        self.prefilling = [*filter(_runs, self.prefilling)]
        self.decoding = [*filter(_runs, self.decoding)]


def _runs(request: VllmRequest) -> bool:
    if request.resumes:
        return True
    return not request.waiting and request.inner.status == RequestStatus.RUNNING
