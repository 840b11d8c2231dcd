"""QoServe (Niyama): chunks as large as decodes have slack for, prompts by deadline and work."""

from __future__ import annotations

from heapq import merge
from math import inf
from typing import Any

from slaibench.schedulers.base import Batch, EngineView, RequestView, one_of
from slaibench.schedulers.batching import take_prompts
from slaibench.schedulers.slack_chunks import SlackChunks

DUE = ("arrival", "previous")
FORGETS = 0.02
"""Weight of the last batch in the time that a prompt token takes."""


class QoServe(SlackChunks):
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
        options: ``SlackChunks``'.

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
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if not isinstance(alpha, int | float) or not 0 <= alpha < inf:
            raise ValueError(f"alpha must be a number of at least 0, not {alpha!r}")
        self.due = one_of("due", due, DUE)
        self.alpha = alpha
        self._token_s = 0.0

    def schedule(self, view: EngineView) -> Batch:
        batch, started, waiting = self._decodes(view)
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
        super().batch_done(batch, start_s, end_s, view)
        if batch.prefills:
            prompt_tokens = batch.num_tokens + batch.work.draft_tokens - len(batch.decodes)
            a_token_s = (end_s - start_s) / max(1, prompt_tokens)
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
