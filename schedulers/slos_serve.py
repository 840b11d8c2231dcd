"""SLOs-Serve, in short: prompts are promised their deadlines, or served as best effort."""

from __future__ import annotations

from heapq import heappop, heappush
from math import inf
from operator import attrgetter
from typing import Any

from slaibench.schedulers.base import Batch, EngineView, RequestView, Scheduler, whole_number
from slaibench.schedulers.batching import (
    decode_by_arrival,
    least_slack_s,
    may_admit,
    note_due,
    take_prompts,
    tokens_of,
)
from slaibench.schedulers.step_time import StepTime

_context = attrgetter("computed_tokens")
_Place = tuple[int, float, float]


class SlosServe(Scheduler):
    """Admission that promises: as many prompts as can be in time; others when there is room.

    At each step those that wait for their first token are gone through by deadline. Where the
    promised ones cannot all be in time any more, at the rate at which prompt tokens are computed,
    the longest of them is not promised: that leaves the most in time that can be (Moore, 1968).
    Promised prompts go first, by deadline; the others are best effort, by arrival, and so are
    prompts without a TTFT SLO. Nobody is turned away for good.

    Batches hold every decode and as many prompt tokens as leave every decode in time by its TBT
    SLO; those that are late already do not count.

    Source: Chen et al., "SLOs-Serve", arXiv 2504.08784: soft admission, best-effort tier, batches
    by the strictest TBT. Its dynamic program also chooses among decodes of several tiers and drafts
    by prefix; with prompts alone to choose among, each worth the same, Moore's rule has the optimum
    of the same choice. Times are learned while it runs (``step_time``).

    Args:
        token_budget: most tokens of a batch.
        least_chunk: prompt tokens that a batch has however strict a TBT SLO is.
        first_budget: tokens of a batch before times are known.

    Raises:
        ValueError: an option is out of range.
    """

    name = "slos-serve"
    description = "promises deadlines to as many prompts as can keep them (SLOs-Serve)"

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

    def queue_key(self, request: RequestView) -> Any:
        return (request.ttft_due_s, request.arrival_s)

    def schedule(self, view: EngineView) -> Batch:
        batch = Batch()
        decode_by_arrival(view, batch, self.token_budget)
        batch.critical_decodes = len(batch.decodes)
        lost = set(map(id, batch.preempt))
        started = [request for request in view.prefilling if id(request) not in lost]
        waiting = view.waiting if may_admit(view, self) and not lost else ()
        if not (started or waiting):
            return batch
        # Who was started goes on, as a rule, and its chunk reads what was computed before.
        computed = max((request.computed_tokens for request in started), default=0)
        room, takes_s = self._room(view, batch, computed)
        dropped = _not_promised(
            [*started, *waiting], view.begins_s, takes_s / room if room else inf
        )

        def place(request: RequestView) -> _Place:
            if request.ttft_slo_s == inf or id(request) in dropped:
                return 1, request.arrival_s, 0.0
            return 0, request.ttft_due_s, request.arrival_s

        started, waiting = sorted(started, key=place), sorted(waiting, key=place)
        take_prompts(view, self, batch, started, waiting, place, room)
        return batch

    def batch_done(self, batch: Batch, start_s: float, end_s: float, view: EngineView) -> None:
        work = batch.work
        tokens = batch.num_tokens + work.draft_tokens
        self._times.learn(tokens, work.context_tokens, work.pairs, end_s - start_s)
        note_due(batch, end_s)

    def batch_running(self, batch: Batch, end_s: float, view: EngineView) -> None:
        note_due(batch, end_s)

    def _room(self, view: EngineView, batch: Batch, computed: int) -> tuple[int, float]:
        """Prompt tokens beside the batch's decodes, and how long such a batch takes."""
        decode_tokens = tokens_of(view, batch)
        most = self.token_budget - decode_tokens
        if not self._times.is_known:
            return min(most, max(self.least_chunk, self.first_budget - decode_tokens)), 0.0
        slack_s = least_slack_s(batch, view.begins_s)
        context = sum(map(_context, batch.decodes)) + decode_tokens
        chunk = self._times.largest_chunk(
            decode_tokens, context, computed, slack_s, self.least_chunk, most
        )
        return chunk, self._times.predict_s(
            decode_tokens + chunk, context, chunk * (computed + chunk / 2)
        )


def _not_promised(prompts: list[RequestView], now_s: float, token_s: float) -> set[int]:
    """Whom to leave out so that the most of the others meet their deadlines (``id`` of each).

    Args:
        token_s: time that a prompt token takes.
    """
    dropped: set[int] = set()
    promised: list[tuple[int, int]] = []  # the longest on top
    tokens = 0
    for request in sorted(prompts, key=attrgetter("ttft_due_s")):
        if request.ttft_slo_s == inf:
            break
        rest = request.prefill_tokens - request.computed_tokens
        heappush(promised, (-rest, id(request)))
        tokens += rest
        if now_s + tokens * token_s > request.ttft_due_s:
            longest, who = heappop(promised)
            tokens += longest
            dropped.add(who)
    return dropped
