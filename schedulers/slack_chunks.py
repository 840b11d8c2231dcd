"""Batches of every decode and as many prompt tokens as leave no decode late."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from operator import attrgetter
from typing import Any

from slaibench.schedulers.base import Batch, EngineView, RequestView, Scheduler, whole_number
from slaibench.schedulers.batching import decode_by_arrival, may_admit, tokens_of
from slaibench.schedulers.step_time import StepTime

_context = attrgetter("computed_tokens")


class SlackChunks(Scheduler):
    """Base of schedulers whose batches are so; which prompts, and when a decode is due
    (``scheduler_data``), is theirs to say. Times are learned while it runs (``step_time``).

    Args:
        token_budget: most tokens of a batch.
        least_chunk: prompt tokens that a batch has however little slack there is.
        first_budget: tokens of a batch before times are known.

    Raises:
        ValueError: an option is out of range.
    """

    def __init__(
        self,
        *,
        least_chunk: int = 64,
        first_budget: int = 512,
        token_budget: int = 2048,
        **limits: Any,
    ) -> None:
        super().__init__(token_budget=token_budget, **limits)
        self.least_chunk = whole_number("least_chunk", least_chunk)
        self.first_budget = whole_number("first_budget", first_budget)
        self._times = StepTime()

    def batch_done(self, batch: Batch, start_s: float, end_s: float, view: EngineView) -> None:
        work = batch.work
        tokens = batch.num_tokens + work.draft_tokens
        self._times.learn(tokens, work.context_tokens, work.pairs, end_s - start_s)

    def _decodes(
        self, view: EngineView
    ) -> tuple[Batch, Sequence[RequestView], Sequence[RequestView]]:
        """A batch of every decode, the started prompts that it leaves, and who may be admitted."""
        batch = Batch()
        decode_by_arrival(view, batch, self.token_budget)
        batch.critical_decodes = len(batch.decodes)
        lost = set(map(id, batch.preempt))
        started = [request for request in view.prefilling if id(request) not in lost]
        return batch, started, view.waiting if may_admit(view, self) and not lost else ()

    def _room(self, view: EngineView, batch: Batch, computed: int) -> int:
        """Prompt tokens beside the batch's decodes, the first ones after ``computed`` others."""
        decode_tokens = tokens_of(view, batch)
        most = self.token_budget - decode_tokens
        if not self._times.is_known:
            return min(most, max(self.least_chunk, self.first_budget - decode_tokens))
        slack_s = least_slack_s(batch, view.begins_s)
        return self._times.largest_chunk(
            decode_tokens, _context_of(view, batch), computed, slack_s, self.least_chunk, most
        )

    def _takes_s(self, view: EngineView, batch: Batch, computed: int, chunk: int) -> float:
        """How long the batch would take with so many prompt tokens; 0: not known yet."""
        if not self._times.is_known:
            return 0.0
        tokens, pairs = tokens_of(view, batch) + chunk, chunk * (computed + chunk / 2)
        return self._times.predict_s(tokens, _context_of(view, batch), pairs)


def _context_of(view: EngineView, batch: Batch) -> int:
    """KV tokens that the batch's decodes read."""
    context: int = sum(map(_context, batch.decodes))
    return context + tokens_of(view, batch)


def least_slack_s(batch: Batch, begins_s: float) -> float:
    """Time until the first of a batch's decodes is due (``scheduler_data``); those that are late
    already do not count. Infinite without any."""
    due = (request.scheduler_data for request in batch.decodes)
    return min((due_s for due_s in due if due_s > begins_s), default=inf) - begins_s
