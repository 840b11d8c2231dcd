"""LoRA adapters under a scheduler: who holds KV blocks uses no more of them than SGLang has places.

SGLang loads the adapters of a batch into ``--max-loras-per-batch`` places, and its own rule admits
nobody who would need one more (``Scheduler.can_schedule_lora_req``). A scheduler knows no adapters:
requests that have to wait for a place are not shown to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from slaibench.schedulers.base import Batch


class Adapters:
    """Asks SGLang who may join whom.

    Args:
        engine: SGLang's scheduler.
    """

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self._active: set[str | None] = set()

    def decided(
        self, schedule: Callable[[Any], Batch], view: Any, ending: Sequence[Any] = ()
    ) -> Batch:
        """The scheduler's batch, of those who may be active together.

        Args:
            schedule: asks the scheduler.
            view: what the scheduler is shown.
            ending: who holds KV blocks besides, until a batch in flight is done.
        """
        if not getattr(self._engine, "enable_lora", False):
            return schedule(view)
        everybody = view.waiting
        view.waiting = self._admissible(everybody, [*view.prefilling, *view.decoding, *ending])
        try:
            batch = schedule(view)
        finally:
            view.waiting = everybody
        return self._trimmed(batch)

    def _admissible(self, waiting: Sequence[Any], holders: Sequence[Any]) -> list[Any]:
        """Those who may join the holders, each by itself, in the same order.

        Args:
            holders: who holds KV blocks; also those whose decodes are withheld.
        """
        engine = self._engine
        self._active = {request.inner.lora_id for request in holders}
        drainer = getattr(engine, "lora_drainer", None)
        if drainer is not None:
            drainer.update_draining_state(
                engine.waiting_queue, [request.inner for request in holders]
            )
        return [request for request in waiting if self._may_join(request, self._active)]

    def _trimmed(self, batch: Batch) -> Batch:
        """A batch without admissions that do not fit beside the ones before them."""
        active = set(self._active)
        prefills = []
        for request, tokens in batch.prefills:
            if request.waiting and not self._may_join(request, active):
                continue
            active.add(request.inner.lora_id)
            prefills.append((request, tokens))
        return Batch(batch.decodes, prefills, batch.preempt, batch.wake_s, batch.critical_decodes)

    def _may_join(self, request: Any, active: set[str | None]) -> bool:
        may: bool = self._engine.can_schedule_lora_req(request.inner, active)
        return may
