"""vLLM of 2023: whole prompts go before everything, in batches of their own."""

from __future__ import annotations

from typing import Any

from slaibench.schedulers.base import Batch, EngineView, Scheduler
from slaibench.schedulers.batching import admit, continue_prefills, decode_by_arrival


class PrefillFirst(Scheduler):
    """If a waiting prompt fits, a batch of whole prompts only; else every decode.

    A prompt longer than the token budget (vLLM refused it) is prefilled in chunks, alone.

    Source: Kwon et al., "Efficient Memory Management for LLM Serving with PagedAttention", SOSP
    2023 (its scheduler), as modelled by Li, Dai, Peng, arXiv 2504.07347.
    """

    name = "prefill-first"
    description = "batches of whole prompts whenever one fits, else decodes (vLLM of 2023)"

    def __init__(self, *, token_budget: int = 8192, **limits: Any) -> None:
        super().__init__(token_budget=token_budget, **limits)

    def schedule(self, view: EngineView) -> Batch:
        batch = Batch()
        budget = continue_prefills(view.prefilling, batch, self.token_budget)
        admit(view, self, batch, budget, whole=True)
        if not batch.prefills:
            decode_by_arrival(view, batch, self.token_budget)
            batch.critical_decodes = len(batch.decodes)
        return batch
