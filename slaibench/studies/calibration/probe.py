"""A scheduler that runs wanted batches, one after the other, and writes down how long each took.

An engine's process loads this file by its path (``slaibench.schedulers.registry``), so it needs
nothing of the harness.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from slaibench.schedulers.base import Batch, EngineView, Scheduler, SchedulerError

DECODER, PROMPT = "decoder-", "prompt-"
"""Begin the tiers of a plan's requests; the number in the plan follows."""
NO_VISIT = -1
"""Stands for the cell of a step that the plan does not ask for: prompts of the pool, the end."""
WRITE_EVERY = 16
"""Steps: what a run that is cut loses at most."""
PATIENCE_S = 60.0
"""How long after the last arrival the rest of the requests may take."""


class Probe(Scheduler):
    """Carries out a plan (``slaibench.studies.calibration.probe_plan.ProbePlan``).

    First the pool's prompts are computed, and their decodes withheld. Then every step is the next
    visit: so many decodes of the pool beside such chunks. Each step becomes a line of
    ``<plan>.steps``: a JSON list of cell, start, end, device time (or null), decodes, KV tokens
    that they read, and the chunks, each (tokens, tokens before it). Times are the engine's.

    Args:
        plan: path of its file.

    Raises:
        ValueError: no such plan.
    """

    name = "probe"
    description = "runs the batches of a plan, to measure them"

    def __init__(self, *, plan: str, token_budget: int = 512, max_active: int = 128) -> None:
        super().__init__(token_budget=token_budget, max_active=max_active, watermark=0.0)
        self.plan = plan
        try:
            values = json.loads(Path(plan).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ValueError(f"plan {plan!r} cannot be read: {error}") from error
        self._num_decoders: int = values["num_decoders"]
        self._num_prompts: int = values["num_prompts"]
        self._visits: list[Any] = values["visits"]
        self._pool: list[Any] = []
        self._prompts: list[Any] = []
        self._done = 0
        self._seen = (0, 0.0)  # arrivals, and when their number last changed
        self._decided: tuple[Any, ...] | None = None
        self._lines: list[str] = []
        self._mode = "w"

    def schedule(self, view: EngineView) -> Batch:
        if not self._pool and not self._all_there(view):
            return Batch()
        unready = [
            request for request in self._pool if request.computed_tokens < request.prefill_tokens
        ]
        if unready:
            return self._noted(NO_VISIT, self._fill(unready))
        if self._done < len(self._visits):
            cell, start, count, chunks = self._visits[self._done]
            pool = self._pool
            decodes = [pool[(start + offset) % len(pool)] for offset in range(count)]
            prefills = [(self._prompts[number], tokens) for number, tokens in chunks]
            return self._noted(cell, Batch(decodes, prefills))
        # Nothing is left if everything went to plan; whatever is must not be left for ever.
        batch = Batch(list(view.decoding)[: self.token_budget])
        return self._noted(NO_VISIT, batch or self._fill([*view.prefilling, *view.waiting]))

    def batch_done(self, batch: Batch, start_s: float, end_s: float, view: EngineView) -> None:
        if self._decided is None:
            return
        cell, tokens, *rest = self._decided
        self._decided = None
        if cell != NO_VISIT:
            if batch.num_tokens != tokens:
                raise SchedulerError(
                    f"the engine ran {batch.num_tokens} tokens where the plan's visit "
                    f"{self._done} has {tokens}"
                )
            self._done += 1
        line = [cell, round(start_s, 6), round(end_s, 6), view.forward_s, *rest]
        self._lines.append(json.dumps(line) + "\n")
        through = not (view.waiting or view.prefilling or view.decoding)
        if through or len(self._lines) >= WRITE_EVERY:
            with Path(f"{self.plan}.steps").open(self._mode, encoding="utf-8") as file:
                file.writelines(self._lines)
            self._mode = "a"
            self._lines.clear()

    def _all_there(self, view: EngineView) -> bool:
        """Whether every request has arrived; if so, they are sorted by what they are for.

        Raises:
            SchedulerError: some do not come.
        """
        wanted, there = self._num_decoders + self._num_prompts, len(view.waiting)
        if there != self._seen[0]:
            self._seen = (there, view.now_s)
        if there < wanted:
            if there and view.now_s - self._seen[1] > PATIENCE_S:
                raise SchedulerError(f"only {there} of the plan's {wanted} requests arrived")
            return False
        by_tier = {request.tier: request for request in view.waiting}
        self._pool = [by_tier[f"{DECODER}{number}"] for number in range(self._num_decoders)]
        self._prompts = [by_tier[f"{PROMPT}{number}"] for number in range(self._num_prompts)]
        return True

    def _fill(self, prompts: list[Any]) -> Batch:
        """As much of these prompts as the budget holds, in their order."""
        batch, budget = Batch(), self.token_budget
        for request in prompts:
            if budget < 1:
                break
            tokens = min(request.prefill_tokens - request.computed_tokens, budget)
            batch.prefills.append((request, tokens))
            budget -= tokens
        return batch

    def _noted(self, cell: int, batch: Batch) -> Batch:
        """Keep what the batch is before it runs, since running it moves every context."""
        context = sum(request.computed_tokens + 1 for request in batch.decodes)
        chunks = [(tokens, request.computed_tokens) for request, tokens in batch.prefills]
        self._decided = (cell, batch.num_tokens, len(batch.decodes), context, chunks)
        return batch
