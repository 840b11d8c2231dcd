"""SGLang's batches from their decision to their tokens: what each is, and what it was as a step."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from slaibench.schedulers.base import Batch, Scheduler
from slaibench.schedulers.deciding_ahead import DecidingAhead
from slaibench.schedulers.engines.engine_view import ATTRIBUTE, work_of
from slaibench.schedulers.engines.sglang_view import SglangRequest
from slaibench.schedulers.engines.step_log import Step


@dataclass(slots=True)
class BatchInFlight:
    """A batch that was decided and whose tokens are not processed.

    Args:
        decided: a scheduler's; empty where SGLang's own rule decided.
        step: its numbers but for its times; None: they are known when it is done.
        new: requests that are in a batch for the first time.

    Attributes:
        getting_tokens: requests that get a token of it, if none of them is stopped.
        ending: those among them for which it is the last: they generate as much as was asked for.
        preempted: those among them that were preempted since, and are to get it all the same.
        handed_s: when the device was given it.
    """

    decided: Batch
    step: Step | None
    new: list[SglangRequest]
    getting_tokens: list[SglangRequest] = field(default_factory=list)
    ending: list[SglangRequest] = field(default_factory=list)
    preempted: list[SglangRequest] = field(default_factory=list)
    handed_s: float = 0.0


class Flight:
    """The batches in flight, oldest first.

    SGLang's overlap loop launches a batch before it processes the tokens of the one before; so two
    are in flight then, and one while a batch is decided. Its other loop has at most one, and none
    while a batch is decided.

    Args:
        overlaps: whether it is the overlap loop.

    Attributes:
        num_preempted: who lost its blocks since the last step.
    """

    def __init__(self, overlaps: bool) -> None:
        self._ahead = DecidingAhead() if overlaps else None
        self.batches: deque[BatchInFlight] = deque()
        self.num_preempted = 0
        self._next: BatchInFlight | None = None
        self._ended_s = 0.0

    @property
    def running(self) -> BatchInFlight | None:
        """The batch that runs while the next one is decided; None: nothing runs."""
        return self.batches[0] if self.batches else None

    @property
    def began_s(self) -> float:
        """When the oldest began on the device: once it was there, and the one before was done."""
        return max(self.batches[0].handed_s, self._ended_s)

    @property
    def ending(self) -> list[SglangRequest]:
        """Who gets its last token with a batch in flight, and holds its blocks until then."""
        return [request for batch in self.batches for request in batch.ending]

    def schedule(self, scheduler: Scheduler, view: Any) -> Batch:
        """What a scheduler has run next."""
        running, view.expect = self.running, None
        if running is None or self._ahead is None:
            return scheduler.schedule(view)
        return self._ahead.decide(
            scheduler, view, running.decided, self.began_s, len(running.ending)
        )

    def decide(self, engine: Any, batch: Batch, new: list[SglangRequest]) -> None:
        """A scheduler's batch was built; it is launched next.

        Args:
            engine: ``slaibench.schedulers.engines.sglang_scheduler.SlaibenchScheduler``.
            new: requests that are in a batch for the first time.
        """
        batch.work = work_of(batch, counted=False)
        self._next = BatchInFlight(batch, self._step(engine, batch), new)

    def launch(self, engine: Any, launched: Any, decided_s: float) -> None:
        """A batch is on its way; nobody waits for it to count its tokens.

        Args:
            engine: as above.
            launched: SGLang's batch.
            decided_s: when it began to be decided, which is a step's begin where nothing else runs.
        """
        batch, self._next = self._next or BatchInFlight(Batch(), None, []), None
        batch.handed_s = decided_s
        if self._ahead is not None:  # a due time is no whole number of the clock's microseconds
            batch.handed_s = max(decided_s, engine.clock.now_s())
        decided, view = batch.decided, engine.view
        view.advance(decided.decodes, decided.prefills)
        batch.getting_tokens = [*decided.decodes, *decided.work.finished_prefills]
        for request in batch.getting_tokens:
            request.tokens_in_flight += 1
            if request.is_ending:
                batch.ending.append(request)
                view.drop(request)
        self.batches.append(batch)
        if self._ahead is not None and engine.scheduler is None:
            self._note_own_rule(engine, launched)

    def _note_own_rule(self, engine: Any, batch: Any) -> None:
        """The newest batch is one that SGLang decided itself.

        Args:
            batch: SGLang's.
        """
        extends = batch.forward_mode.is_extend()
        decodes = len(batch.decoding_reqs or ()) if extends else len(batch.reqs)
        new = []
        for req in batch.reqs:
            ours: SglangRequest = getattr(req, ATTRIBUTE)
            if ours.waiting:
                ours.waiting = False
                engine.in_order.remove(ours)
                if not ours.was_scheduled:
                    ours.was_scheduled = True
                    new.append(ours)
        running = engine.running_batch.reqs if engine.running_batch is not batch else ()
        self.batches[-1].new = new
        self.batches[-1].step = self._step(engine, Batch(critical_decodes=decodes))._replace(
            prefill_tokens=(batch.extend_num_tokens - decodes) if extends else 0,
            decodes=decodes,
            active=len({id(req) for req in (*batch.reqs, *running)}),
        )

    def preempt(self, request: SglangRequest) -> None:
        """A request loses its blocks; SGLang would drop the token that it has in flight.

        It is kept, and is a token to prefill more, where the request's own state allows that.
        """
        self.num_preempted += 1
        running = self.running
        if running is None or not request.tokens_in_flight:
            return
        if request.keeps_token:
            running.preempted.append(request)
        else:
            running.getting_tokens.remove(request)
            request.tokens_in_flight = 0

    def land(self, engine: Any, landed: Any, end_s: float) -> tuple[BatchInFlight, float]:
        """The oldest is done; returns it with its begin.

        Args:
            engine: as above.
            landed: SGLang's batch.
        """
        if self._ahead is None and engine.scheduler is None:
            self._note_own_rule(engine, landed)
        began_s, log = self.began_s, engine.step_log
        batch = self.batches.popleft()
        self._ended_s = end_s
        for request in batch.getting_tokens:
            request.tokens_in_flight -= 1
        for request in batch.new:
            log.first_scheduled(request.inner.rid, began_s)
        if batch.step is not None:
            log.step(batch.step._replace(start_s=began_s, end_s=end_s))
        return batch, began_s

    def report(
        self,
        scheduler: Scheduler,
        batch: BatchInFlight,
        times_s: tuple[float, float],
        view: Any,
    ) -> None:
        """Have the scheduler learn of a batch that is done, with its begin and end."""
        if self._ahead is None:
            scheduler.batch_done(batch.decided, *times_s, view)
        else:
            self._ahead.done(scheduler, batch.decided, *times_s, view)

    def _step(self, engine: Any, batch: Batch) -> Step:
        view = engine.view
        num_preempted, self.num_preempted = self.num_preempted, 0
        return Step(
            start_s=0.0,
            end_s=0.0,
            prefill_tokens=sum(tokens for _, tokens in batch.prefills),
            decodes=len(batch.decodes),
            critical_decodes=batch.critical_decodes,
            waiting=len(engine.waiting_queue),
            active=len(view.prefilling) + len(view.decoding) + len(self.ending),
            kv_blocks_used=view.total_blocks - engine.pages.free(),
            preemptions=num_preempted,
        )


def deliver(engine: Any, preempted: list[SglangRequest], batch: Any, result: Any) -> None:
    """Give requests that were preempted while a batch ran the tokens that it brings them.

    SGLang would compute them again (``is_retracted`` in its batch result processor).

    Args:
        engine: ``slaibench.schedulers.engines.sglang_scheduler.SlaibenchScheduler``.
        batch, result: SGLang's, not processed yet.
    """
    if not preempted:
        return
    if result.copy_done is not None:
        result.copy_done.synchronize()
    waiting = set(map(id, engine.waiting_queue))
    wanted = {id(request.inner) for request in preempted} & waiting  # the others were aborted
    for req, token in zip(batch.reqs, result.next_token_ids.tolist(), strict=True):
        if id(req) not in wanted:
            continue
        req.output_ids.append(token)
        req.update_finish_state()
        if req.finished():  # a stop token: it holds nothing, and SGLang sends what it has
            engine.waiting_queue = [other for other in engine.waiting_queue if other is not req]
            engine.in_order.remove(getattr(req, ATTRIBUTE))
            req.time_stats.set_completion_time()


class NotedStreamer:
    """Hands everything on to SGLang's own.

    Whoever hears of a token may act on it at once, so a step must have ended before.

    Args:
        inner: SGLang's.
        begins: called before anything goes out.
    """

    def __init__(self, inner: Any, begins: Callable[[], Any]) -> None:
        self._inner, self._begins = inner, begins

    def stream_output(self, *args: Any, **kwargs: Any) -> Any:
        self._begins()
        return self._inner.stream_output(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
