"""Who decides in vLLM's core: a scheduler of ours, which steers vLLM's, or vLLM's as it is."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from slaibench.backends.base import BackendError
from slaibench.backends.engines import run_clock
from slaibench.backends.engines.device import VirtualTime
from slaibench.backends.virtual import held_in_words
from slaibench.backends.vllm.batches import DeviceBatch
from slaibench.schedulers.base import Batch, Scheduler
from slaibench.schedulers.engines.step_log import MemoryStepLog
from slaibench.schedulers.engines.support import UnsupportedEngineError


class Decider(Protocol):
    """vLLM's scheduler object, as a core in virtual time speaks to it."""

    def begin(self, scheduler: Scheduler, time: VirtualTime) -> None:
        """A run begins, in which this scheduler decides.

        Raises:
            BackendError: it asks for more than the engine was started for.
        """

    def clock(self) -> AbstractContextManager[None]:
        """Around a step of vLLM's: what time its code reads."""

    def critical_decodes(self, work: DeviceBatch) -> int:
        """Decodes of the batch that was handed over just now that could not wait."""

    def decided(self, work: DeviceBatch | None) -> Batch:
        """What it decided last, of which the device was given ``work``; None: nothing."""

    def holds(self) -> str:
        """Whom it holds, in words."""

    def check(self, steps: Sequence[Any]) -> None:
        """Compare its own account of the steps that are done with the device's.

        Raises:
            BackendError: it is another.
        """


class Steered:
    """A scheduler of ours.

    Args:
        scheduler: ``SlaibenchScheduler``, which it steers.
    """

    def __init__(self, scheduler: Any) -> None:
        self._scheduler = scheduler

    def begin(self, scheduler: Scheduler, time: VirtualTime) -> None:
        self._scheduler.clock = time
        self._log = self._scheduler.step_log = MemoryStepLog()
        try:
            self._scheduler.decide_by(scheduler)
        except UnsupportedEngineError as error:
            raise BackendError(str(error)) from error

    def clock(self) -> AbstractContextManager[None]:
        return nullcontext()

    def critical_decodes(self, work: DeviceBatch) -> int:
        critical: int = self._scheduler.flights.newest.step.critical_decodes
        return critical

    def decided(self, work: DeviceBatch | None) -> Batch:
        batch: Batch = self._scheduler.last_batch
        return batch

    def holds(self) -> str:
        return held_in_words(len(self._scheduler.waiting), self._scheduler.view)

    def check(self, steps: Sequence[Any]) -> None:
        done = len(self._log.steps) - 1
        if done >= 0 and self._log.steps[done] != steps[done]:
            raise BackendError(
                f"step {done} of vLLM's is {self._log.steps[done]}, the device's {steps[done]}"
            )


class AsShipped:
    """vLLM's own scheduler, or a class of somebody's in its place: neither knows of us.

    Args:
        scheduler: an object of it.
    """

    def __init__(self, scheduler: Any) -> None:
        self._scheduler = scheduler

    def begin(self, scheduler: Scheduler, time: VirtualTime) -> None:
        self._now_s = time.now_s

    def clock(self) -> AbstractContextManager[None]:
        return run_clock.shown(self._now_s)

    def critical_decodes(self, work: DeviceBatch) -> int:
        return len(work.contexts)

    def decided(self, work: DeviceBatch | None) -> Batch:
        return Batch() if work is None else Batch(list(work.contexts), list(work.prefills))

    def holds(self) -> str:
        waiting = num_waiting(self._scheduler)
        return f"{waiting} requests waiting and {len(self._scheduler.running)} active"

    def check(self, steps: Sequence[Any]) -> None: ...


def num_waiting(scheduler: Any) -> int:
    """Requests in the queues of a scheduler of vLLM's; some releases have a second one."""
    queues = (scheduler.waiting, getattr(scheduler, "skipped_waiting", ()))
    return sum(map(len, queues))
