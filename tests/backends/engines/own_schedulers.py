"""Schedulers that engines run in processes of their own: by this file's path and their name."""

from __future__ import annotations

from slaibench.schedulers.base import Batch, EngineView, Scheduler


class Never(Scheduler):
    """Runs nothing, and names no time at which it will."""

    def schedule(self, view: EngineView) -> Batch:
        return Batch()


class TwoChunks(Scheduler):
    """Splits its budget between the two oldest prompts: chunks that no engine would choose."""

    name = "two-chunks"

    def schedule(self, view: EngineView) -> Batch:
        batch = Batch(list(view.decoding))
        prompts = [*view.prefilling, *list(view.waiting)[: max(0, 2 - len(view.prefilling))]][:2]
        share = (self.token_budget - len(batch.decodes)) // 2
        for request in prompts:
            rest = request.prefill_tokens - request.computed_tokens
            if request.num_blocks == 0 and len(batch.prefills) == 1:
                share = min(share, self.token_budget - batch.num_tokens)
            batch.prefills.append((request, min(rest, share)))
        return batch


class Naps(Scheduler):
    """Lets its decodes rest between two tokens, and runs nothing meanwhile."""

    name = "naps"
    REST_S = 0.05

    def __init__(self) -> None:
        super().__init__()
        self._awake_s = 0.0

    def schedule(self, view: EngineView) -> Batch:
        if view.now_s < self._awake_s:
            return Batch(wake_s=self._awake_s)
        self._awake_s = view.now_s + self.REST_S
        if view.decoding:
            return Batch(decodes=list(view.decoding))
        first = next(iter([*view.prefilling, *view.waiting]), None)
        if first is None:
            return Batch()
        rest = first.prefill_tokens - first.computed_tokens
        return Batch(prefills=[(first, min(rest, self.token_budget))])
