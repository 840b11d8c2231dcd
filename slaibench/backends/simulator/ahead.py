"""The simulated engine with asynchronous scheduling: each batch is decided a batch early."""

from __future__ import annotations

from collections import deque

from slaibench.backends.simulator.engine import BatchTimer, Engine
from slaibench.backends.simulator.state import SimRequest
from slaibench.schedulers.base import Batch, Scheduler


class AheadEngine(Engine):
    """Decides a batch when the one before it starts, as vLLM does by default since 0.14.

    Whoever generates in the running batch generates in the next one too, unless the running one
    brings its last token: output lengths are known to the engine as limits. What it cannot know
    yet costs a batch of waiting:

    - requests that arrived after the running batch was started are not seen;
    - requests that end with the running batch hold their blocks, and count as active, until the
      next one is decided.

    When that leaves nothing to run, it decides again at the batch's end, with everything known. The
    view's ``now_s`` is the start of the batch that is decided, not the moment of the decision.

    Source: vLLM 0.19.0, ``EngineCore.step_with_batch_queue`` (a queue of two batches) and
    ``AsyncScheduler``; on by default since 0.14.0 (vllm-project/vllm#27614).

    Args:
        scheduler, timer, total_blocks, block_size, prefix_caching: as ``Engine``.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        timer: BatchTimer,
        total_blocks: int,
        block_size: int,
        *,
        prefix_caching: bool = False,
    ) -> None:
        super().__init__(scheduler, timer, total_blocks, block_size, prefix_caching=prefix_caching)
        self._unseen: deque[SimRequest] = deque()
        self._ended: list[SimRequest] = []
        self._busy_until_s: float | None = None

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
        if self._busy_until_s == self.now_s:
            batch = self._decide_ahead(self.steps[-1][0])
            if batch or batch.preempt:
                return self._run(batch)
        self._see(self.now_s)
        self._let_go()
        return self._run(self._scheduler.schedule(self))

    def _run(self, batch: Batch) -> Batch:
        self._let_go()
        done = self._carry_out(batch)
        self._busy_until_s = self.now_s if done else None
        if not self.has_work:
            self._let_go()  # there is no next batch to wait for
        return done

    def _decide_ahead(self, moment_s: float) -> Batch:
        """The batch that was decided at a moment of which the end of the last one was not known."""
        self._see(moment_s)
        limit = self._scheduler.max_active
        # Who ends still has a place; schedulers count the places of those that they are shown.
        self._scheduler.max_active = limit - len(self._ended)
        try:
            return self._scheduler.schedule(self)
        finally:
            self._scheduler.max_active = limit

    def _see(self, moment_s: float) -> None:
        """Who had arrived by then joins the waiting queue."""
        while self._unseen and self._unseen[0].arrival_s <= moment_s:
            super().add(self._unseen.popleft())

    def _release(self, request: SimRequest) -> None:
        request.left_s = self.now_s
        self.num_left += 1
        self._ended.append(request)

    def _let_go(self) -> None:
        for request in self._ended:
            self._free(request)
        self._ended.clear()
