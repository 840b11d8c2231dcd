"""SGLang's own rule, as a scheduler of ours: prompts before decodes, and looks for new ones rarely.

It is no scheduler to choose in a study: the engine itself has it (``--scheduler engine``).
"""

from __future__ import annotations

from typing import Any

from slaibench.schedulers.base import Batch, EngineView, Scheduler
from slaibench.schedulers.batching import admit, continue_prefills, decode_by_arrival


class SglangRule(Scheduler):
    """A batch of prompts whenever there is one, the last of them cut to the budget; else decodes.

    Source: SGLang 0.5.9, ``Scheduler.get_next_batch_to_run``, ``PrefillAdder`` and
    ``SchedulerRecvSkipper`` (after a batch of prompts it looks at once).

    Args:
        poll_steps: batches of decodes between two looks at who has arrived.
    """

    name = "sglang-rule"
    description = "prompts first, in chunks of the budget, then decodes (SGLang's own rule)"

    def __init__(self, *, poll_steps: int = 1, **limits: Any) -> None:
        super().__init__(**limits)
        self.poll_steps = poll_steps
        self._since = poll_steps  # batches of decodes since the last look
        self._seen = 0  # who waited then, and waits still

    def schedule(self, view: EngineView) -> Batch:
        if self._since >= self.poll_steps or not view.decoding:
            self._seen, self._since = len(view.waiting), 0
        batch = Batch()
        budget = continue_prefills(view.prefilling, batch, self.token_budget)
        if self._seen:
            started = len(batch.prefills)
            admit(view, self, batch, budget)
            del batch.prefills[started + self._seen :]
            self._seen -= len(batch.prefills) - started
        if batch.prefills:
            self._since = self.poll_steps
            return batch
        decode_by_arrival(view, batch, self.token_budget)
        batch.critical_decodes = len(batch.decodes)
        self._since += 1
        return batch
