"""The simulated serving engine: KV blocks, queues and the effect of one batch after another.

It carries out what a scheduler decides and refuses what cannot be: each refusal names the
invariant of docs/design.md that the scheduler would have broken.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from slaibench.backends.simulator.batch_timer import BatchTimer
from slaibench.backends.simulator.caching import Caching
from slaibench.backends.simulator.kept_spread import KeptSpread
from slaibench.backends.simulator.kv_blocks import KvBlocks
from slaibench.backends.simulator.refusals import check_decodes, check_limits
from slaibench.backends.simulator.state import Decoded, SimRequest
from slaibench.backends.virtual import NEVER, end_of, held_in_words
from slaibench.schedulers.base import (
    Batch,
    BatchWork,
    FormerViewNames,
    Scheduler,
    SchedulerError,
)
from slaibench.schedulers.waiting import WaitingQueue


class Engine(FormerViewNames):
    """One engine replica in virtual time. It is its own ``slaibench.schedulers.base.EngineView``.

    Args:
        blocks: the KV cache, all of it free.
    """

    def __init__(self, scheduler: Scheduler, timer: BatchTimer, blocks: KvBlocks) -> None:
        self.now_s = 0.0
        self.forward_s: float | None = None
        self.max_prefilling: int | None = None
        self.tokens_per_decode = 1
        self.prefilling: list[SimRequest] = []
        self.decoding: list[SimRequest] = []
        self.total_blocks, self.block_size = blocks.total, blocks.size
        # start, end, prefill tokens, decodes, critical decodes, waiting, active, blocks, preempted
        self.steps: list[tuple[float, float, int, int, int, int, int, int, int]] = []
        self.left: list[SimRequest] = []
        self._queue: WaitingQueue[SimRequest] = WaitingQueue()
        self.waiting: Sequence[SimRequest] = self._queue.requests
        self._decoding_set: set[SimRequest] = set()
        self._shared_steps = array("i")
        self._num_preempted = 0  # since the last step on record
        self._num_leaving = 0  # done, and not let go yet
        self._spread = KeptSpread()
        self._scheduler = scheduler
        self._timer = timer
        self._kv = blocks
        self._caching = blocks if isinstance(blocks, Caching) else None

    def add(self, request: SimRequest) -> None:
        """A request arrives."""
        self._queue.add(request, self._scheduler.queue_key(request))

    @property
    def begins_s(self) -> float:
        return self.now_s

    @property
    def free_blocks(self) -> int:
        return self._kv.free

    @property
    def has_work(self) -> bool:
        return bool(self.waiting or self.prefilling or self.decoding)

    def holds(self) -> str:
        """Whom it holds, in words."""
        return held_in_words(len(self.waiting), self)

    def step(self) -> Batch:
        """Ask the scheduler for a batch and run it; an empty one leaves the clock alone.

        Raises:
            SchedulerError: the batch is impossible.
        """
        if self._caching is not None:
            self._caching.look_through(self.prefilling)
        return self._carry_out(self._scheduler.schedule(self))

    def _carry_out(self, batch: Batch) -> Batch:
        if batch.decodes is self.decoding:
            batch.decodes = list(self.decoding)  # a scheduler may answer with the view's own list
        if batch.preempt:
            batch.preempt = list(batch.preempt)
            for request in batch.preempt:
                self.preempt(request)
        if self._caching is not None:
            self._caching.make_room(batch, self)
        if not batch.decodes and not batch.prefills:
            return batch
        step = len(self.steps)
        context, spread, ended, drafts, yields = self._decode(batch.decodes, step)
        chunks, prefill_tokens, prefilled = self._prefill(batch.prefills)
        if self._caching is not None:
            computed = zip(batch.prefills, chunks, strict=True)
            batch.prefills = [(request, tokens) for (request, _), (tokens, _) in computed]
        num_decodes = len(batch.decodes)
        active = len(self.prefilling) + len(self.decoding) + self._num_leaving
        check_limits(self._scheduler, num_decodes + drafts + prefill_tokens, active)
        batch.work = BatchWork(context, chunks, prefilled, drafts, yields)
        forward = self._timer.batch_time_s(num_decodes, context, chunks, spread, drafts)
        self.forward_s = forward
        start, end = self._begin(forward, num_decodes + len(chunks))
        self.steps.append(
            (
                start,
                end,
                prefill_tokens,
                num_decodes,
                batch.critical_decodes,
                len(self.waiting),
                active,
                self.total_blocks - self.free_blocks,
                self._num_preempted,
            )
        )
        self._num_preempted = 0
        self.now_s = end
        for request in ended:
            self._leave(request)
        for request in prefilled:
            self._finish_prefill(request, step)
        self._done(batch, start, end)
        return batch

    def _begin(self, forward_s: float, num_sequences: int) -> tuple[float, float]:
        """When a batch that is decided now begins and ends."""
        return self.now_s, end_of(self.now_s, forward_s + self._timer.between_s(num_sequences))

    def _done(self, batch: Batch, start_s: float, end_s: float) -> None:
        if self._caching is not None:
            self._caching.enter(self._caching.filled())
        self._scheduler.batch_done(batch, start_s, end_s, self)

    def preempt(self, request: SimRequest) -> None:
        """A request loses its blocks, and waits (``caching.Holders``)."""
        if request in self._decoding_set:
            self._decoding_set.remove(request)
            self.decoding.remove(request)
            request.part()
            self._spread.forget()
        elif request in self.prefilling:
            self.prefilling.remove(request)
        else:
            raise SchedulerError(
                f"invariant 2: request {request.request_id} holds no KV blocks, so it cannot be "
                "preempted"
            )
        self._kv.release(request)
        request.lose_blocks()
        self._num_preempted += 1
        self._queue.put_back(request, self._scheduler.queue_key(request))

    def _decode(self, decodes: Sequence[SimRequest], step: int) -> Decoded:
        """One token for each."""
        # Comparing lists of the same objects is far cheaper than a set; it is the usual case.
        everybody = len(decodes) == len(self.decoding)
        if not everybody or decodes != self.decoding:
            check_decodes(decodes, self._decoding_set)
        context = 0
        ended = []
        for request in decodes:
            tokens = request.computed + 1
            request.computed = tokens
            context += tokens
            if tokens >= request.event_at:
                self._kv.decode(request)
                if tokens == request.final_tokens:
                    ended.append(request)
        if everybody:
            self._shared_steps.append(step)
        else:
            num_shared = len(self._shared_steps)
            for request in decodes:
                if request.shared_from < num_shared:
                    request.settle()
                request.emit(step)
        spread = None
        if self._timer.needs_spread:
            spread = self._spread.after(decodes, context, everybody)
        return Decoded(context, spread, ended)

    def _prefill(
        self, prefills: Sequence[tuple[SimRequest, int]]
    ) -> tuple[list[tuple[int, int]], int, list[SimRequest]]:
        """Advance prompts; returns (chunk, history) pairs, their tokens, and who is through."""
        chunks = []
        total = 0
        through = []
        for request, wanted in prefills:
            tokens = wanted
            if request.waiting:
                self.admit(request)
                if self._caching is not None:  # it may find more than when this was decided
                    tokens = min(wanted, request.prefill_tokens - request.computed_tokens)
            history = request.computed_tokens
            if not 0 < tokens <= request.prefill_tokens - history or request not in self.prefilling:
                raise SchedulerError(
                    f"invariant 6: a prefill of {tokens} tokens for request {request.request_id}, "
                    f"which has {request.prefill_tokens - history} left"
                )
            request.computed_tokens = history + tokens
            self._kv.prefill(request)
            chunks.append((tokens, history))
            total += tokens
            if request.computed_tokens == request.prefill_tokens:
                through.append(request)
        if len(chunks) > 1 and len({request for request, _ in prefills}) < len(chunks):
            raise SchedulerError("invariant 5: a request has two prefill chunks in one batch")
        return chunks, total, through

    def admit(self, request: SimRequest) -> None:
        """A waiting request prefills from now on (``caching.Holders``)."""
        try:
            self._queue.remove(request)
        except ValueError:
            raise SchedulerError(
                f"invariant 1: request {request.request_id} is not in the waiting queue"
            ) from None
        self._kv.admit(request)
        request.waiting = False
        if request.first_step == NEVER:
            request.first_step = len(self.steps)
            request.cached_tokens = request.computed
        self.prefilling.append(request)

    def _finish_prefill(self, request: SimRequest, step: int) -> None:
        """The chunk over the last prompt token also yields the next output token."""
        self.prefilling.remove(request)
        request.emit(step)
        if request.computed_tokens == request.final_tokens:
            self._release(request)
        else:
            self.decoding.append(request)
            self._decoding_set.add(request)
            request.share(self._shared_steps)
            self._spread.forget()

    def _leave(self, request: SimRequest) -> None:
        self.decoding.remove(request)
        self._decoding_set.remove(request)
        request.part()
        self._spread.forget()
        self._release(request)

    def _release(self, request: SimRequest) -> None:
        request.left_s = self.now_s
        self.left.append(request)
        self._kv.release(request)
