"""The simulated engine with asynchronous scheduling: each batch is decided a batch early."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from slaibench.backends.simulator.batch_timer import BatchTimer
from slaibench.backends.simulator.caching import Done
from slaibench.backends.simulator.engine import Engine
from slaibench.backends.simulator.kv_blocks import KvBlocks
from slaibench.backends.simulator.state import SimRequest
from slaibench.backends.virtual import NEVER, end_of
from slaibench.schedulers.base import Batch, Scheduler
from slaibench.schedulers.deciding_ahead import DecidingAhead


class AheadEngine(Engine):
    """Decides a batch while the one before it runs, as vLLM does by default since 0.14.

    Whoever generates in the running batch generates in the next one too, unless the running one
    brings its last token: output lengths are known to the engine as limits. What it cannot know
    yet costs a batch of waiting:

    - requests that arrive after a batch was decided are not seen before the next decision;
    - requests that end with the running batch hold their blocks, and count as active, until the
      next one is decided.

    When that leaves nothing to run, it decides again at the batch's end, with everything known.

    The engine's host and its device have a clock each. The host decides batch n + 1 as soon as it
    has the tokens of batch n - 1, then prepares it (``BatchTimer.hidden_s``) and hands it over;
    the device begins it when it has it and is free. So what a step takes the host is hidden, as
    long as the device has more to do.

    Source: vLLM 0.32.0, ``EngineCore.step_with_batch_queue`` (a queue of two batches) and
    ``AsyncScheduler``; on by default since 0.14.0 (vllm-project/vllm#27614).

    Args:
        scheduler, timer, blocks: as ``Engine``.
    """

    expect: Callable[[], float] | None = None

    def __init__(self, scheduler: Scheduler, timer: BatchTimer, blocks: KvBlocks) -> None:
        super().__init__(scheduler, timer, blocks)
        self._unseen: deque[SimRequest] = deque()
        self._ending: list[SimRequest] = []
        """Who gets their last token with the batch that runs."""
        self._running: tuple[Batch, float, float, float | None] | None = None
        """The batch that runs, its begin and end, and how long the device has it."""
        self._host_s = 0.0
        self._ahead = DecidingAhead()

    @property
    def begins_s(self) -> float:
        return self.now_s if self.expect is None else self.expect()

    def add(self, request: SimRequest) -> None:
        """A request arrives; it is seen when a batch is decided next."""
        self._unseen.append(request)

    @property
    def has_work(self) -> bool:
        return bool(self._unseen) or super().has_work

    def holds(self) -> str:
        """Whom it holds, in words."""
        return f"{super().holds()}, {len(self._unseen)} not seen yet"

    def step(self) -> Batch:
        """As ``Engine.step``.

        Raises:
            SchedulerError: the batch is impossible.
        """
        batch = self._decide_ahead()
        if batch is None:
            self._see(self.now_s)
            self._host_s, self.expect = self.now_s, None
            batch = self._scheduler.schedule(self)
        before, ended, filled = self._running, self._ending, self._filled()
        self._running, self._ending = None, []
        self._num_leaving = len(ended)
        if self._caching is not None:
            self._caching.step_in_flight = NEVER if before is None else len(self.steps) - 1
        done = self._carry_out(batch)
        if before is not None:
            self._settle(*before, ended, filled)
        if self._running is not None and not self.has_work:
            self._let_go()  # there is no batch to decide before its end
        return done

    def _decide_ahead(self) -> Batch | None:
        """The batch after the one that runs; None: none runs any more, and nothing is decided."""
        if self._running is None:
            return None
        running, start_s, end_s, _ = self._running
        self._see(self._host_s)
        if not super().has_work:
            self._let_go()  # whoever is left ends with it: there is nothing to decide
            return None
        self.now_s = self._host_s
        batch = self._ahead.decide(self._scheduler, self, running, start_s, len(self._ending))
        self.now_s = end_s
        if batch or batch.preempt:
            return batch
        self._let_go()
        return None

    def _let_go(self) -> None:
        """Wait for the batch that runs."""
        if self._running is not None:
            self._settle(*self._running, self._ending, self._filled())
        self._running, self._ending = None, []

    def _filled(self) -> list[Done]:
        """What can be found once the batch that runs is done."""
        return self._caching.filled() if self._caching is not None else []

    def _see(self, moment_s: float) -> None:
        """Who had arrived by then joins the waiting queue; a batch is decided next."""
        while self._unseen and self._unseen[0].arrival_s <= moment_s:
            super().add(self._unseen.popleft())
        if self._caching is not None:
            self._caching.look_through(self.prefilling)

    def _begin(self, forward_s: float, num_sequences: int) -> tuple[float, float]:
        self._host_s = round(self._host_s + self._timer.hidden_s(num_sequences), 6)
        start_s = max(self._host_s, self.now_s)
        return start_s, end_of(start_s, forward_s + self._timer.between_s(num_sequences))

    def _done(self, batch: Batch, start_s: float, end_s: float) -> None:
        self._running = batch, start_s, end_s, self.forward_s

    def _settle(
        self,
        batch: Batch,
        start_s: float,
        end_s: float,
        forward_s: float | None,
        ended: list[SimRequest],
        filled: list[Done],
    ) -> None:
        """The host has the tokens of a batch: whoever ended with it leaves, and all is told."""
        if self._caching is not None:
            self._caching.enter(filled)
        for request in ended:
            self._kv.release(request)
        now_s, self.now_s = self.now_s, end_s
        self.forward_s = forward_s
        self._host_s = max(self._host_s, end_s)
        self._ahead.done(self._scheduler, batch, start_s, end_s, self)
        self.now_s = now_s

    def _release(self, request: SimRequest) -> None:
        request.left_s = self.now_s
        self.left.append(request)
        self._ending.append(request)
