"""Deciding a batch while the one before it runs: what every engine that does so has to do."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import cache
from inspect import unwrap
from typing import Any, Protocol

from slaibench.schedulers.base import Batch, EngineView, Scheduler
from slaibench.schedulers.step_time import StepTime

MOST_UNLEARNED = 5000
"""Batches that are kept until somebody asks; older ones would count for less than a hundredth."""
_Features = tuple[int, int, float]


class AheadView(EngineView, Protocol):
    """A view whose engine can say when a batch will begin.

    Attributes:
        expect: says it; None: now.
    """

    expect: Callable[[], float] | None


class DecidingAhead:
    """When the batch that runs will be done, and a decision that takes it for done.

    How long a batch takes is learned while the engine runs (``StepTime``), for every scheduler
    alike; until that is known, batches are taken to last their mean. It decides how many deadlines
    are missed: judged from the moment of the decision, SLAI's decodes come a batch late. Learning
    costs more than most decisions, so it waits until somebody asks.
    """

    def __init__(self) -> None:
        self._time = StepTime()
        self._mean_s = 0.0
        self._num_batches = 0
        self._unlearned: deque[tuple[_Features, float]] = deque(maxlen=MOST_UNLEARNED)
        self._running: tuple[Batch, _Features] | None = None
        self._began_s = self._now_s = 0.0
        self._end_s: float | None = None

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
        self._running = running, _features(running)
        self._began_s, self._now_s, self._end_s = began_s, view.now_s, None
        view.expect = self._expected_end_s
        kind: Any = type(scheduler)
        own, hears_end = _listens(kind)
        if own:
            scheduler.batch_running(running, self._expected_end_s(), view)
        else:
            running.is_reported = True
            if hears_end:
                scheduler.batch_done(running, began_s, self._expected_end_s(), view)
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
        running = self._running
        features = running[1] if running and running[0] is batch else _features(batch)
        self._unlearned.append((features, took_s))
        if scheduler is not None and not batch.is_reported:
            batch.is_reported = True
            scheduler.batch_done(batch, start_s, end_s, view)

    def _expected_end_s(self) -> float:
        if self._end_s is None:
            self._end_s = max(self._now_s, self._began_s + self._expected_s())
        return self._end_s

    def _expected_s(self) -> float:
        """How long the batch that runs will take."""
        unlearned = self._unlearned
        while unlearned:
            features, took_s = unlearned.popleft()
            self._time.learn(*features, took_s)
        if not self._time.is_known or self._running is None:
            return self._mean_s
        return max(self._time.predict_s(*self._running[1]), 0.0)


def _features(batch: Batch) -> _Features:
    """What a batch's time is predicted from: tokens, context read and pairs."""
    work = batch.work
    if not batch.prefills:
        return len(batch.decodes), work.context_tokens, 0.0
    return batch.num_tokens, work.context_tokens, work.pairs


@cache
def _listens(kind: Any) -> tuple[bool, bool]:
    """Whether a class of schedulers hears of batches that run, and of their ends."""
    return (
        unwrap(kind.batch_running) is not Scheduler.batch_running,
        unwrap(kind.batch_done) is not Scheduler.batch_done,
    )
