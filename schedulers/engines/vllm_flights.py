"""Batches that vLLM has handed over and whose tokens are not back: one, or under asynchronous
scheduling two."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slaibench.schedulers.base import Batch, Scheduler
from slaibench.schedulers.engines.step_log import Step
from slaibench.schedulers.engines.vllm_view import VllmRequest


@dataclass(slots=True)
class Flight:
    """A batch in flight.

    Args:
        output: vLLM's, by which it is recognized when it is back.
        scheduler: who decided it; None: vLLM's own rule.
        batch: as vLLM made it.
        step: its record, without times.
        start_s: when it began; None: not yet, as far as is known.
        generated: output tokens of those that decode, when it was launched.
        is_dropped: whether vLLM will throw its tokens away.
    """

    output: Any
    scheduler: Scheduler | None
    batch: Batch
    step: Step
    start_s: float | None = None
    generated: Sequence[int] = ()
    is_dropped: bool = False


class Flights:
    """Batches in flight, the oldest first. vLLM's batches of no tokens are none of them."""

    def __init__(self) -> None:
        self._flights: deque[Flight] = deque()

    def __len__(self) -> int:
        return len(self._flights)

    @property
    def newest(self) -> Flight | None:
        """The one that was handed over last."""
        return self._flights[-1] if self._flights else None

    def add(self, flight: Flight) -> None:
        """A batch is handed over."""
        self._flights.append(flight)

    def back(self, output: Any) -> Flight | None:
        """The batch whose tokens have come; None: an empty one of vLLM's."""
        if self._flights and self._flights[0].output is output:
            return self._flights.popleft()
        return None

    def bring(self, request: VllmRequest) -> bool:
        """Whether one of them brings a request its next token, preempted or not."""
        return any(
            request in flight.batch.decodes or request in flight.batch.work.finished_prefills
            for flight in self._flights
            if not flight.is_dropped
        )

    def drop(self) -> None:
        """vLLM throws their tokens away."""
        for flight in self._flights:
            flight.is_dropped = True
