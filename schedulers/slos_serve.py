"""SLOs-Serve, in short: prompts are promised their deadlines, or served as best effort."""

from __future__ import annotations

from heapq import heappop, heappush
from math import inf
from operator import attrgetter
from typing import Any

from slaibench.schedulers.base import Batch, EngineView, RequestView
from slaibench.schedulers.batching import by_deadline, note_due, take_prompts
from slaibench.schedulers.slack_chunks import SlackChunks

_Place = tuple[int, float, float]


class SlosServe(SlackChunks):
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
    of the same choice. Its options are those of ``SlackChunks``.
    """

    name = "slos-serve"
    description = "promises deadlines to as many prompts as can keep them (SLOs-Serve)"

    def queue_key(self, request: RequestView) -> Any:
        return by_deadline(request)

    def schedule(self, view: EngineView) -> Batch:
        batch, started, waiting = self._decodes(view)
        if not (started or waiting):
            return batch
        # Who was started goes on, as a rule, and its chunk reads what was computed before.
        computed = max((request.computed_tokens for request in started), default=0)
        room = self._room(view, batch, computed)
        token_s = self._takes_s(view, batch, computed, room) / room if room else inf
        dropped = _not_promised([*started, *waiting], view.begins_s, token_s)

        def place(request: RequestView) -> _Place:
            if request.ttft_slo_s == inf or id(request) in dropped:
                return 1, request.arrival_s, 0.0
            return 0, request.ttft_due_s, request.arrival_s

        started, waiting = sorted(started, key=place), sorted(waiting, key=place)
        take_prompts(view, self, batch, started, waiting, place, room)
        return batch

    def batch_done(self, batch: Batch, start_s: float, end_s: float, view: EngineView) -> None:
        super().batch_done(batch, start_s, end_s, view)
        note_due(batch, end_s)

    def batch_running(self, batch: Batch, end_s: float, view: EngineView) -> None:
        note_due(batch, end_s)


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
