"""FasterTransformer: a batch of requests runs to its end before the next one starts."""

from __future__ import annotations

from typing import Any

from slaibench.schedulers.base import Batch, EngineView, Scheduler
from slaibench.schedulers.batching import admit, continue_prefills, decode_by_arrival


class DecodeFirst(Scheduler):
    """Decode until nobody decodes any more, then a batch of whole prompts.

    A prompt longer than the token budget is prefilled in chunks, alone.

    Source: NVIDIA FasterTransformer's request-level batching, as modelled by Li, Dai, Peng, arXiv
    2504.07347.
    """

    name = "decode-first"
    description = "decode until the running batch is empty, then the next prompts"

    def __init__(self, *, token_budget: int = 8192, **limits: Any) -> None:
        super().__init__(token_budget=token_budget, **limits)

    def schedule(self, view: EngineView) -> Batch:
        batch = Batch()
        if view.decoding:
            decode_by_arrival(view, batch, self.token_budget)
            batch.critical_decodes = len(batch.decodes)
            return batch
        budget = continue_prefills(view.prefilling, batch, self.token_budget)
        admit(view, self, batch, budget, whole=True)
        return batch
