"""Deciding a batch while the one before it runs: what every engine that does so has to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from inspect import unwrap
from typing import Any, Protocol

from slaibench.schedulers.base import Batch, EngineView, Scheduler
from slaibench.schedulers.step_time import StepTime


class AheadView(EngineView, Protocol):
    """A view that an engine can move to when a batch will begin."""

    begins_s: Any


@dataclass(slots=True)
class DecidingAhead:
    """When the batch that runs will be done, and a decision that takes it for done.

    How long a batch takes is learned while the engine runs (``StepTime``), for every scheduler
    alike; until that is known, batches are taken to last their mean. It decides how many deadlines
    are missed: judged from the moment of the decision, SLAI's decodes come a batch late.
    """

    _time: StepTime = field(default_factory=StepTime)
    _mean_s: float = 0.0
    _num_batches: int = 0

    def decide(
        self,
        scheduler: Scheduler,
        view: AheadView,
        running: Batch,
        began_s: float,
        num_ending: int,
    ) -> Batch:
        """What the scheduler has run next, when ``running`` is over.

        Args:
            view: the state that is assumed after ``running``; ``now_s`` is now.
            began_s: when ``running`` began, or will as soon as the device is free.
            num_ending: requests that get their last token with ``running``. Each still has its
                place, and schedulers count the places of those that they are shown.
        """
        end_s = max(view.now_s, began_s + self._expected_s(running))
        view.begins_s = end_s
        if unwrap(type(scheduler).batch_running) is Scheduler.batch_running:
            running.is_reported = True
            scheduler.batch_done(running, began_s, end_s, view)
        else:
            scheduler.batch_running(running, end_s, view)
        limit = scheduler.max_active
        scheduler.max_active = limit - num_ending
        try:
            return scheduler.schedule(view)
        finally:
            scheduler.max_active = limit

    def done(
        self,
        scheduler: Scheduler | None,
        batch: Batch,
        start_s: float,
        end_s: float,
        view: EngineView,
    ) -> None:
        """A batch's tokens are out.

        Args:
            scheduler: that decided it; None: one that is to hear nothing.
            start_s, end_s: when the device began and ended it.
            view: the newest state.
        """
        took_s = end_s - start_s
        self._num_batches += 1
        self._mean_s += (took_s - self._mean_s) / self._num_batches
        work = batch.work
        self._time.learn(batch.num_tokens, work.context_tokens, work.pairs, took_s)
        if scheduler is not None and not batch.is_reported:
            batch.is_reported = True
            scheduler.batch_done(batch, start_s, end_s, view)

    def _expected_s(self, batch: Batch) -> float:
        if not self._time.is_known:
            return self._mean_s
        work = batch.work
        expected_s = self._time.predict_s(batch.num_tokens, work.context_tokens, work.pairs)
        return max(expected_s, 0.0)
