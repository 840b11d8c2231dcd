"""Orca-style mixed batches: prompts first, decodes in what is left of the token budget."""

from __future__ import annotations

from slaibench.schedulers.base import Batch, EngineView, Scheduler
from slaibench.schedulers.batching import admit, continue_prefills, decode_by_arrival


class Orca(Scheduler):
    """Prefill first, then every decode that still fits, in one batch.

    Prompts go in whole as far as the budget reaches; the one that crosses it is cut, so that the
    batch is full whenever there is work for it (work conservation, on which its throughput
    optimality rests, needs that).

    Source: Yu et al., "Orca", OSDI 2022, as modelled by Li, Dai, Peng, arXiv 2504.07347.
    """

    name = "orca"
    description = "prefill first, decodes mixed into the same batch"

    def schedule(self, view: EngineView) -> Batch:
        batch = Batch()
        budget = continue_prefills(view.prefilling, batch, self.token_budget)
        # An admission must not push out whoever runs: every decode has its block first.
        needed = sum(1 for request in view.decoding if request.needs_block)
        if needed <= view.free_blocks:
            budget = admit(view, self, batch, budget, spared_blocks=needed)
        in_batch = [request for request, _ in batch.prefills]
        decode_by_arrival(view, batch, budget, spared=in_batch)
        batch.critical_decodes = len(batch.decodes)
        return batch
