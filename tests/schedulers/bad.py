"""Schedulers nobody should use: the tests must notice every one of them.

``LongestPromptFirst`` keeps the contract and serves badly. The others break the contract, each in
one way, and are Sarathi otherwise.
"""

from __future__ import annotations

import math
from typing import Any

from slaibench.schedulers.base import Batch, EngineView, RequestView, Scheduler
from slaibench.schedulers.batching import admit, continue_prefills, decode_by_arrival
from slaibench.schedulers.sarathi import Sarathi


class LongestPromptFirst(Scheduler):
    """The longest prompts first, and nobody decodes while a prompt could run."""

    name = "longest-prompt-first"

    def queue_key(self, request: RequestView) -> Any:
        return -request.prefill_tokens

    def schedule(self, view: EngineView) -> Batch:
        batch = Batch()
        admit(view, self, batch, continue_prefills(view.prefilling, batch, self.token_budget))
        if not batch:
            decode_by_arrival(view, batch, self.token_budget)
        return batch


class OverBudget(Sarathi):
    """One prompt token more than the budget, as soon as there is one."""

    def schedule(self, view: EngineView) -> Batch:
        self.token_budget += 1
        try:
            return super().schedule(view)
        finally:
            self.token_budget -= 1


class OverActive(Sarathi):
    def schedule(self, view: EngineView) -> Batch:
        self.max_active += 1
        try:
            return super().schedule(view)
        finally:
            self.max_active -= 1


class DecodesTwice(Sarathi):
    def schedule(self, view: EngineView) -> Batch:
        batch = super().schedule(view)
        batch.decodes += batch.decodes[:1]
        return batch


class DecodesWaiting(Sarathi):
    def schedule(self, view: EngineView) -> Batch:
        return Batch(decodes=[*view.decoding, *view.waiting])


class DecodesStarted(Sarathi):
    """Does not wait for the rest of a prompt."""

    def schedule(self, view: EngineView) -> Batch:
        if view.prefilling:
            return Batch(decodes=list(view.prefilling))
        return super().schedule(view)


class PrefillsTwice(Sarathi):
    """Two chunks of one prompt in one batch: the second needs the first one's KV."""

    def schedule(self, view: EngineView) -> Batch:
        request = view.waiting[0]
        return Batch(prefills=[(request, 1), (request, 1)])


class PrefillsTooMuch(Sarathi):
    def schedule(self, view: EngineView) -> Batch:
        batch = super().schedule(view)
        batch.prefills = [(request, tokens + 1) for request, tokens in batch.prefills]
        return batch


class PrefillsNothing(Sarathi):
    def schedule(self, view: EngineView) -> Batch:
        return Batch(prefills=[(request, 0) for request in view.waiting])


class PrefillsFinished(Sarathi):
    """Keeps a request it has seen and prefills it once more when it is gone."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._seen: RequestView | None = None

    def schedule(self, view: EngineView) -> Batch:
        if self._seen is None:
            self._seen = view.waiting[0]
            return super().schedule(view)
        return Batch(prefills=[(self._seen, 1)])


class IgnoresMemory(Sarathi):
    """Admits everybody at once, blocks or no blocks."""

    def schedule(self, view: EngineView) -> Batch:
        return Batch(prefills=[(request, 1) for request in view.waiting])


class DecodesWithoutBlocks(Sarathi):
    """Never preempts anybody."""

    def schedule(self, view: EngineView) -> Batch:
        batch = super().schedule(view)
        if batch.preempt:
            return Batch(decodes=list(view.decoding))
        return batch


class PreemptsWaiting(Sarathi):
    def schedule(self, view: EngineView) -> Batch:
        return Batch(preempt=list(view.waiting))


class PreemptsTwice(Sarathi):
    def schedule(self, view: EngineView) -> Batch:
        if view.decoding:
            return Batch(preempt=[view.decoding[0], view.decoding[0]])
        return super().schedule(view)


class Stalls(Sarathi):
    """Runs nothing, ever."""

    def schedule(self, view: EngineView) -> Batch:
        return Batch()


class StallsAndAsksToBeWoken(Sarathi):
    def schedule(self, view: EngineView) -> Batch:
        return Batch(wake_s=view.now_s + 1e-3)


class WakesNever(Sarathi):
    def schedule(self, view: EngineView) -> Batch:
        return Batch(wake_s=math.inf)


class WakesInThePast(Sarathi):
    def schedule(self, view: EngineView) -> Batch:
        return Batch(wake_s=view.now_s)


class AdmitsAndPreempts(Sarathi):
    """Throws away each chunk that it has just computed."""

    def schedule(self, view: EngineView) -> Batch:
        if view.prefilling:
            return Batch(preempt=list(view.prefilling))
        return Batch(prefills=[(view.waiting[0], 1)])
