"""Highest response ratio next, in batches no longer than the nearest TBT deadline allows."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from heapq import heapify, heappop
from itertools import accumulate
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
    blocks_for,
    blocks_left,
    continue_prefills,
    fits,
    may_admit,
    note_due,
    take_decodes,
    tokens_of,
)
from slaibench.schedulers.step_time import ALMOST_SURELY, Pace, StepTime

STARTED = ("ranked", "first")
SIZES = ("efficient", "deadline", "budget")
FULL = 0.96
"""Share of KV blocks in use from which no decode is withheld any more (SLAI's threshold)."""
FORGETS = 0.05

_Ranked = tuple[float, int, RequestView]
"""The place of a prompt, a tie breaker, and the prompt."""
_due_s = attrgetter("scheduler_data")
_context = attrgetter("computed_tokens")


class Hrrn(Scheduler):
    """Decodes that cannot wait, then prompts by response ratio, then other decodes.

    A request's next token is due its TBT SLO after the batch with its previous one (after as many
    as that batch gave, ``note_due``). A decode cannot wait when it is due within ``ahead`` batches;
    from ``scarce`` of the KV blocks in use on that horizon widens, until none is withheld. Of the
    prompts that one is next whose ``(waited + patience) / remaining prompt tokens`` is highest,
    whether it was started or not; an interrupted one keeps its KV. What a waiting one would find in
    the prefix cache does not remain. TTFT targets make no difference. The batch is as large as
    ``token_budget``, or some tiles smaller: of the sizes whose predicted end meets the earliest TBT
    deadline that can be met, that which takes least time a prompt token.

    Where a batch is decided while another runs, deadlines are met from the expected begin of the
    one that is decided, and the learned times are one batch old. Who ends with the running one by a
    stop token is not known, and may get a decode in vain.

    Args:
        patience_s: how long a prompt waits, at least, before its wait counts much; ``inf``:
            shortest remaining prompt first, without any bound on the wait of long ones.
        backlog: times the time that the queue takes: patience while that is more than
            ``patience_s``. A wait counts only against the waits of the time: in overload, which
            makes everybody wait, it must not turn the order into first come, first served.
        started: ``ranked`` among the waiting, or ``first``: never interrupted.
        size: of a batch: ``efficient`` as said, the largest that meets the ``deadline``, or always
            the token ``budget``.
        tile: steps in which a batch is made smaller, tokens; 1: to the token.
        ahead: batches, of the recent mean time of those with prompts.
        scarce: share of KV blocks; 1: decodes are withheld however full the cache is.
        max_started: most prompts that may be unfinished at a time (as an engine's own limit, if it
            has one): with 1, only those pass a started one that the rest of the batch holds whole.

    Raises:
        ValueError: an option out of its range.
    """

    name = "hrrn"
    description = "highest response ratio next, batches sized to TBT deadlines"

    def __init__(
        self,
        *,
        patience_s: float = 2.0,
        started: str = "ranked",
        size: str = "efficient",
        tile: int = 256,
        ahead: float = 3.0,
        scarce: float = 0.8,
        backlog: float = 3.0,
        max_started: float = inf,
        token_budget: int = 1024,
        **limits: Any,
    ) -> None:
        super().__init__(token_budget=token_budget, **limits)
        if not isinstance(patience_s, int | float) or not patience_s > 0:
            raise ValueError(f"patience_s must be above 0, not {patience_s!r}")
        if not isinstance(ahead, int | float) or not 1 <= ahead < inf:
            raise ValueError(f"ahead must be at least 1 batch, not {ahead!r}")
        if not isinstance(scarce, int | float) or not 0 <= scarce <= 1:
            raise ValueError(f"scarce must be in [0, 1], not {scarce!r}")
        self.max_started = inf if max_started == inf else whole_number("max_started", max_started)
        if not isinstance(backlog, int | float) or not 0 <= backlog < inf:
            raise ValueError(f"backlog must be at least 0 and finite, not {backlog!r}")
        self.patience_s, self.backlog = patience_s, backlog
        self.ahead, self.scarce = ahead, scarce
        self.started = one_of("started", started, STARTED)
        self.size = one_of("size", size, SIZES)
        self.tile = whole_number("tile", tile)
        self._with_prompts, self._alone = StepTime(), StepTime()
        self._pace = Pace()
        self._typical_s = 0.0

    def schedule(self, view: EngineView) -> Batch:
        batch = Batch()
        order = sorted(view.decoding, key=_due_s)
        num_critical = bisect_right(order, view.begins_s + self._horizon_s(view), key=_due_s)
        prompts = self._ranked(view)
        victims: list[RequestView] = []
        if view.free_blocks < num_critical:
            # Whoever is preempted for a decode is the started prompt that would come last.
            victims = [request for _, _, request in sorted(prompts) if request.num_blocks]
        per_decode = view.tokens_per_decode
        take_decodes(view, batch, order[:num_critical], victims, self.token_budget // per_decode)
        if batch.preempt:
            prompts = [prompt for prompt in prompts if prompt[2] not in batch.preempt]
            heapify(prompts)
        batch.critical_decodes = len(batch.decodes)
        decode_tokens = tokens_of(view, batch)
        context = sum(map(_context, batch.decodes)) + decode_tokens
        left = self.token_budget - decode_tokens
        if prompts and left > 0:
            room = self._room(view, order, decode_tokens, context, prompts[0][2])
            left = self._take_prompts(view, batch, prompts, room)
        others = [] if batch.preempt else order[num_critical:][: left // per_decode or not batch]
        if others:
            most = self._others(view, order, batch, context, others)
            take_decodes(view, batch, others, [], most)
        return batch

    def batch_done(self, batch: Batch, start_s: float, end_s: float, view: EngineView) -> None:
        took_s, work = end_s - start_s, batch.work
        model = self._with_prompts if batch.prefills else self._alone
        tokens = batch.num_tokens + work.draft_tokens
        model.learn(tokens, work.context_tokens, work.pairs, took_s)
        if batch.prefills or not self._typical_s:
            change = took_s - self._typical_s
            self._typical_s += change * FORGETS if self._typical_s else change
        note_due(batch, end_s)

    def batch_running(self, batch: Batch, end_s: float, view: EngineView) -> None:
        note_due(batch, end_s)

    def _horizon_s(self, view: EngineView) -> float:
        """A token that is due within it cannot wait for a later batch."""
        used = 1 - view.free_blocks / view.total_blocks
        if not self._typical_s or (used >= FULL and self.scarce < 1):
            return inf
        widened = (FULL - self.scarce) / (FULL - used) if used > self.scarce else 1.0
        return self.ahead * self._typical_s * max(widened, 1.0)

    def _ranked(self, view: EngineView) -> list[_Ranked]:
        """Prompts as a heap, the next one at its top: (place, tie breaker, request)."""
        queue_s = len(view.waiting) * self._pace.interval_s
        patience_s = max(self.patience_s, self.backlog * queue_s)
        since_s = view.now_s + patience_s
        endless = self.patience_s == inf
        ranked: list[_Ranked] = []
        for request in view.prefilling:
            rest = request.prefill_tokens - request.computed_tokens
            place = rest if endless else rest / (since_s - request.arrival_s)
            ranked.append((place if self.started == "ranked" else -1.0, len(ranked), request))
        # Where nobody can be admitted, nobody need be ranked: a queue may be long.
        for request in view.waiting if may_admit(view, self) else ():
            rest = request.prefill_tokens - request.computed_tokens
            place = rest if endless else rest / (since_s - request.arrival_s)
            ranked.append((place, len(ranked), request))
        heapify(ranked)
        return ranked

    def _room(
        self,
        view: EngineView,
        order: Sequence[RequestView],
        decode_tokens: int,
        context: int,
        first: RequestView,
    ) -> int:
        """Tokens for prompts beside these decodes: at least one, and up to a tile, whatever is
        due, so that prompts go on where decodes alone take as long as they may."""
        budget = self.token_budget
        model = self._with_prompts
        if self.size == "budget":
            return budget - decode_tokens
        least = min(budget, max(self.tile, decode_tokens + 1))
        if not model.is_known:
            return min(budget, max(least, 2 * self.tile)) - decode_tokens
        allowed_s = self._allowed_s(view, order, model, model.predict_s(least, context, 0.0))
        computed = first.computed_tokens
        best, best_s = 0, inf
        for tokens in range(budget, least, -self.tile):
            chunk = tokens - decode_tokens
            takes_s = model.predict_s(tokens, context, chunk * (computed + chunk / 2))
            if takes_s <= allowed_s and takes_s / chunk < best_s:
                best, best_s = chunk, takes_s / chunk
                if self.size == "deadline":
                    break
        return best or least - decode_tokens

    def _allowed_s(
        self, view: EngineView, order: Sequence[RequestView], model: StepTime, least_s: float
    ) -> float:
        """How long the batch may last by the earliest deadline that it can meet."""
        first = bisect_left(order, view.begins_s + least_s, key=_due_s)
        if first == len(order):
            return inf
        due_s: float = _due_s(order[first])
        return due_s - view.begins_s - ALMOST_SURELY * model.error_s

    def _take_prompts(
        self, view: EngineView, batch: Batch, prompts: list[_Ranked], room: int
    ) -> int:
        """Chunks in the order of the heap, which is used up; returns the room left."""
        active = len(view.prefilling) + len(view.decoding)
        unfinished = len(view.prefilling)
        before = active
        most = min(self.max_started, view.max_prefilling or inf)
        free = blocks_left(view, batch)
        if batch.preempt:  # such a step admits nobody
            prompts = _admitted(prompts)
        while prompts and room > 0:
            _, _, request = heappop(prompts)
            rest = request.prefill_tokens - request.computed_tokens
            if request.num_blocks:
                unfinished -= rest <= room
            else:
                # One that stays unfinished has to be tracked by the engine from then on. The first
                # that cannot be admitted ends admission.
                if not (
                    active < self.max_active
                    and (rest <= room or unfinished < most)
                    and fits(request, view, free, self.watermark)
                ):
                    prompts = _admitted(prompts)
                    continue
                active += 1
                free -= blocks_for(request.prefill_tokens, view.block_size)
            room = continue_prefills([request], batch, room)
        self._pace.admitted(active - before, view.now_s, len(view.waiting))
        return room

    def _others(
        self,
        view: EngineView,
        order: Sequence[RequestView],
        batch: Batch,
        context: int,
        others: Sequence[RequestView],
    ) -> int:
        """How many decodes that could wait are taken along; all, if no deadline is in the way.

        Args:
            context: KV tokens that the batch reads without them.
        """
        most = len(others)
        model = self._with_prompts if batch.prefills else self._alone
        if self.size == "budget" or not model.is_known:
            return most
        tokens, pairs = tokens_of(view, batch), _pairs(batch)

        def takes_s(number: int, context: int) -> float:
            more = number * view.tokens_per_decode
            return model.predict_s(tokens + more, context + more, pairs)

        allowed_s = self._allowed_s(view, order, model, takes_s(0, context))
        if takes_s(most, context + sum(map(_context, others))) <= allowed_s:  # nearly always
            return most
        contexts = [*accumulate(map(_context, others), initial=context)]
        return bisect_right(
            range(1, most), allowed_s, key=lambda number: takes_s(number, contexts[number])
        ) or int(not batch)


def _admitted(prompts: Sequence[_Ranked]) -> list[_Ranked]:
    """Those prompts of a heap that hold blocks already, as a heap."""
    admitted = [prompt for prompt in prompts if prompt[2].num_blocks]
    heapify(admitted)
    return admitted


def _pairs(batch: Batch) -> float:
    """``BatchWork.pairs`` of a batch that is not begun."""
    pairs: float = sum(
        tokens * (request.computed_tokens + tokens / 2) for request, tokens in batch.prefills
    )
    return pairs
