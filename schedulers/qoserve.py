"""QoServe (Niyama): chunks as large as decodes have slack for, prompts by deadline and work."""

from __future__ import annotations

from heapq import merge
from math import inf
from operator import attrgetter
from typing import Any

from slaibench.schedulers.base import (
    Batch,
    EngineView,
    RequestView,
    Scheduler,
    one_of,
    whole_number,
)
from slaibench.schedulers.batching import (
    decode_by_arrival,
    least_slack_s,
    may_admit,
    take_prompts,
    tokens_of,
)
from slaibench.schedulers.step_time import StepTime

_context = attrgetter("computed_tokens")
DUE = ("arrival", "previous")
FORGETS = 0.02
"""Weight of the last batch in the time that a prompt token takes."""


class QoServe(Scheduler):
    """Every decode in every batch, and beside them the largest chunk that no decode is late for.

    Token n of a request is due ``arrival + ttft_slo_s + (n - 1) * tbt_slo_s``, so that a request
    whose first token came early has slack to give. The batch is as large, up to ``token_budget``,
    as its predicted time stays within the least slack of a decode; those that are late already
    count for nothing. A request without a TTFT SLO is owed each token its TBT SLO after the last.

    Prompts, started or not, go by ``deadline + alpha * (time that its rest will take)``: alpha 0 is
    earliest deadline first, a large one shortest remaining prompt first. A prompt that cannot meet
    its deadline any more is relegated: it goes after all that can, by arrival among its like, and
    so does not make others late. Those without a TTFT SLO come between the two.

    Source: Goel et al., "Niyama", arXiv 2503.22562 (as QoServe: ASPLOS 2026), Sec. 3: deadlines,
    dynamic chunking, hybrid priority, eager relegation. Not taken: requests with a deadline for
    their last token (no target of ours is one), relegation of less important requests before others
    would be late, and the trained predictor of batch times; here times are learned while it runs
    (``step_time``). Until they are known a batch has ``first_budget`` tokens.

    Args:
        due: from what later tokens are due: ``arrival``, as said, or each a TBT SLO after the
            ``previous`` one, which is stricter where the first token came early, and what our
            measures count by.
        alpha: seconds of deadline that a second of work is worth.
        token_budget: most tokens of a batch.
        least_chunk: prompt tokens that a batch has however little slack there is.
        first_budget: tokens of a batch before times are known.

    Raises:
        ValueError: an option is out of range.
    """

    name = "qoserve"
    description = "chunks as large as decodes' slack, hybrid priority, relegation (QoServe, Niyama)"

    def __init__(
        self,
        *,
        due: str = "arrival",
        alpha: float = 1.0,
        least_chunk: int = 64,
        first_budget: int = 512,
        token_budget: int = 2048,
        **limits: Any,
    ) -> None:
        super().__init__(token_budget=token_budget, **limits)
        if not isinstance(alpha, int | float) or not 0 <= alpha < inf:
            raise ValueError(f"alpha must be a number of at least 0, not {alpha!r}")
        self.due = one_of("due", due, DUE)
        self.alpha = alpha
        self.least_chunk = whole_number("least_chunk", least_chunk)
        self.first_budget = whole_number("first_budget", first_budget)
        self._times = StepTime()
        self._token_s = 0.0

    def schedule(self, view: EngineView) -> Batch:
        batch = Batch()
        decode_by_arrival(view, batch, self.token_budget)
        batch.critical_decodes = len(batch.decodes)
        lost = set(map(id, batch.preempt))
        started = [request for request in view.prefilling if id(request) not in lost]
        waiting = view.waiting if may_admit(view, self) and not lost else ()
        ranked = {id(it): self._place(it, view.begins_s) for it in (*started, *waiting)}

        def place(request: RequestView) -> tuple[int, float]:
            return ranked[id(request)]

        if ranked:
            started, waiting = sorted(started, key=place), sorted(waiting, key=place)
            first = next(merge(started, waiting, key=place))
            room = self._room(view, batch, first.computed_tokens)
            take_prompts(view, self, batch, started, waiting, place, room)
        return batch

    def batch_done(self, batch: Batch, start_s: float, end_s: float, view: EngineView) -> None:
        work, took_s = batch.work, end_s - start_s
        tokens = batch.num_tokens + work.draft_tokens
        self._times.learn(tokens, work.context_tokens, work.pairs, took_s)
        if batch.prefills:
            a_token_s = took_s / max(1, tokens - len(batch.decodes))
            change = a_token_s - self._token_s
            self._token_s += change * (FORGETS if self._token_s else 1.0)
        self._note_due(batch, end_s)

    def batch_running(self, batch: Batch, end_s: float, view: EngineView) -> None:
        self._note_due(batch, end_s)

    def _note_due(self, batch: Batch, end_s: float) -> None:
        """Each request that has tokens of this batch keeps when its next one is due."""
        for request in (*batch.decodes, *batch.work.finished_prefills):
            from_s = end_s
            if self.due == "arrival" and request.ttft_slo_s < inf:
                from_s = request.ttft_due_s + (request.output_tokens - 1) * request.tbt_slo_s
            request.scheduler_data = from_s + request.tbt_slo_s

    def _place(self, request: RequestView, now_s: float) -> tuple[int, float]:
        """Of a prompt: those that can meet a deadline, those without one, those that are late."""
        takes_s = (request.prefill_tokens - request.computed_tokens) * self._token_s
        if request.ttft_slo_s == inf:
            return 1, request.arrival_s + self.alpha * takes_s
        if now_s + takes_s > request.ttft_due_s:
            return 2, request.arrival_s
        return 0, request.ttft_due_s + self.alpha * takes_s

    def _room(self, view: EngineView, batch: Batch, computed: int) -> int:
        """Prompt tokens beside the batch's decodes, the first ones after ``computed`` others."""
        decode_tokens = tokens_of(view, batch)
        most = self.token_budget - decode_tokens
        if not self._times.is_known:
            return min(most, max(self.least_chunk, self.first_budget - decode_tokens))
        slack_s = least_slack_s(batch, view.begins_s)
        context = sum(map(_context, batch.decodes)) + decode_tokens
        return self._times.largest_chunk(
            decode_tokens, context, computed, slack_s, self.least_chunk, most
        )
