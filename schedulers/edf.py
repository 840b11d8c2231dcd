"""Earliest deadline first, over prompts and decodes alike."""

from __future__ import annotations

from heapq import merge
from operator import attrgetter, itemgetter
from typing import Any

from slaibench.schedulers.base import Batch, EngineView, RequestView, Scheduler
from slaibench.schedulers.batching import (
    by_deadline,
    note_due,
    take_decodes,
    take_prompts,
    tokens_of,
)

_due_s = attrgetter("scheduler_data")


class Edf(Scheduler):
    """The token budget goes to whoever's next token is due first.

    A prompt's is due its TTFT SLO after it arrived, a decode's its TBT SLO after the batch with the
    previous one. A prompt takes as much of the budget as its rest needs; one that is under way may
    be interrupted by one that is due earlier, and keeps its KV. Prompts without a TTFT SLO come
    after all that have a deadline, by arrival: where nobody has one, this is Sarathi-Serve with
    decodes in the order of their deadlines. Whoever is due last loses its blocks where they run
    out. What the budget's first takers could not use (no blocks for an admission) others get.

    Source: Liu and Layland, J. ACM 20(1), 1973 (deadline driven scheduling); for requests of an
    engine with TTFT and TBT deadlines it is a baseline of arXiv 2503.22562 and others.
    """

    name = "edf"
    description = "earliest deadline first: TTFT of prompts and TBT of decodes in one order"

    def queue_key(self, request: RequestView) -> Any:
        return by_deadline(request)

    def schedule(self, view: EngineView) -> Batch:
        batch = Batch()
        decodes = sorted(view.decoding, key=_due_s)
        started = sorted(view.prefilling, key=by_deadline)
        per_decode = view.tokens_per_decode
        share = self._decodes_first(view, decodes, started)
        victims = sorted(
            [*((_due_s(it), it) for it in decodes), *((it.ttft_due_s, it) for it in started)],
            key=itemgetter(0),
        )
        take_decodes(view, batch, decodes[:share], [request for _, request in victims])
        batch.critical_decodes = len(batch.decodes)
        left = self.token_budget - tokens_of(view, batch)
        if batch.preempt:
            lost = set(map(id, batch.preempt))
            started = [request for request in started if id(request) not in lost]
        left = take_prompts(view, self, batch, started, view.waiting, by_deadline, left)
        if left >= per_decode and not batch.preempt:
            take_decodes(view, batch, decodes[share:], [], left // per_decode)
        return batch

    def batch_done(self, batch: Batch, start_s: float, end_s: float, view: EngineView) -> None:
        note_due(batch, end_s)

    def batch_running(self, batch: Batch, end_s: float, view: EngineView) -> None:
        note_due(batch, end_s)

    def _decodes_first(
        self, view: EngineView, decodes: list[RequestView], started: list[RequestView]
    ) -> int:
        """How many decodes get their tokens before prompts that are due later use the budget up."""
        left, number = self.token_budget, 0
        jobs = merge(
            ((_due_s(it), 0, view.tokens_per_decode) for it in decodes),
            merge(
                ((it.ttft_due_s, 1, it.prefill_tokens - it.computed_tokens) for it in started),
                ((it.ttft_due_s, 1, it.prefill_tokens - it.computed_tokens) for it in view.waiting),
            ),
        )
        for _, is_prompt, tokens in jobs:
            if number == len(decodes) or left < (1 if is_prompt else tokens):
                break
            left -= tokens
            number += not is_prompt
        return number
