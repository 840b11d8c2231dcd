"""Sarathi-Serve: decode first, chunked prefills in what is left of the token budget."""

from __future__ import annotations

from typing import Any

from slaibench.schedulers.base import Batch, EngineView, RequestView, Scheduler, one_of
from slaibench.schedulers.batching import admit, decodes_and_started

ORDERS = ("fcfs", "spf")


class Sarathi(Scheduler):
    """Every decode in every batch; then prefills that go on, oldest first; then admissions.

    Source: Agrawal et al., "Taming Throughput-Latency Tradeoff in LLM Inference with
    Sarathi-Serve", OSDI 2024.

    Args:
        order: queue order: ``fcfs``, or ``spf`` (shortest prompt first, without what it found in
            the prefix cache when it came).

    Raises:
        ValueError: an unknown order.
    """

    name = "sarathi"
    description = "decode first, chunked prefill (Sarathi-Serve)"

    def __init__(self, *, order: str = "fcfs", **limits: Any) -> None:
        super().__init__(**limits)
        self.order = one_of("order", order, ORDERS)

    def queue_key(self, request: RequestView) -> Any:
        return request.prefill_tokens - request.computed_tokens if self.order == "spf" else 0

    def schedule(self, view: EngineView) -> Batch:
        batch = Batch()
        budget = decodes_and_started(view, self, batch)
        admit(view, self, batch, budget)
        return batch
