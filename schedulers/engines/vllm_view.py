"""vLLM's state as a policy sees it, and the lists that vLLM itself does not keep."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from vllm.v1.request import RequestStatus

from schedulers.engines.vllm_request import ATTRIBUTE, VllmRequest


class VllmView:
    """``schedulers.base.EngineView`` of vLLM; the adapter sets the time and what is free.

    vLLM has one list of those that run, in an order of its own; which of them still prefill, and
    in what order they came, is kept here.

    Args:
        waiting: the queue, in the policy's order.
    """

    max_started: int | None = None
    __slots__ = (
        "block_size",
        "decoding",
        "forward_s",
        "free_blocks",
        "now_s",
        "started",
        "total_blocks",
        "waiting",
    )

    def __init__(self, waiting: list[VllmRequest], total_blocks: int, block_size: int) -> None:
        self.now_s = 0.0
        self.forward_s: float | None = None
        self.waiting = waiting
        self.started: list[VllmRequest] = []
        self.decoding: list[VllmRequest] = []
        self.free_blocks = total_blocks
        self.total_blocks = total_blocks
        self.block_size = block_size

    @property
    def promised_blocks(self) -> int:
        """Blocks that started prefills will still take."""
        return sum(request.promised_blocks for request in self.started)

    def admit(self, requests: Iterable[VllmRequest]) -> None:
        """These have their first chunk."""
        for request in requests:
            request.waiting = False
            self.started.append(request)

    def advance(self, prefills: Iterable[tuple[VllmRequest, int]]) -> None:
        """These chunks are computed: whoever is through decodes from now on."""
        for request, _ in prefills:
            inner = request.inner
            through = inner.num_computed_tokens >= request.prefill_tokens
            if through and inner.status == RequestStatus.RUNNING:
                self.started.remove(request)
                self.decoding.append(request)

    def follow(self, running: Sequence[Any]) -> None:
        """Forget who finished, was aborted or preempted; take in whom vLLM resumed by itself."""
        if len(running) == len(self.started) + len(self.decoding):
            return
        self.started = [each for each in self.started if _runs(each)]
        self.decoding = [each for each in self.decoding if _runs(each)]
        if len(running) > len(self.started) + len(self.decoding):
            # A session that goes on with more input: vLLM resumes it without asking.
            known = {id(each.inner) for each in (*self.started, *self.decoding)}
            for inner in running:
                if id(inner) not in known:
                    ours: VllmRequest = getattr(inner, ATTRIBUTE)
                    ours.prefill_tokens = inner.num_tokens
                    self.admit([ours])


def _runs(request: VllmRequest) -> bool:
    return not request.waiting and request.inner.status == RequestStatus.RUNNING
