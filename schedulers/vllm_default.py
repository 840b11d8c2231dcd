"""vLLM's own rule, as far as the contract of schedulers can say it."""

from __future__ import annotations

from operator import attrgetter

from slaibench.schedulers.base import Batch, EngineView, RequestView, Scheduler
from slaibench.schedulers.batching import admit

_place = attrgetter("scheduler_data")


class VllmDefault(Scheduler):
    """Whoever runs, in the order of admission, each with all that it lacks; then admissions.

    A decode lacks one token, a prompt its rest; the last one is cut to the token budget. Where no
    block is free, whoever was admitted last is preempted. Waiting requests are taken first come,
    first served, if the blocks of their whole prefill can be had, and none in a step that preempts.

    vLLM takes a prompt's blocks chunk by chunk and may give those that its rest will need to a
    decode; here they are the prompt's from its admission on. So the two differ where the cache is
    full and prompts are unfinished. vLLM also cuts the drafted tokens of a decode that crosses the
    token budget; here it waits. Elsewhere both are the same.

    Source: vLLM 0.32.0, ``vllm/v1/core/sched/scheduler.py`` (``Scheduler.schedule``), with its
    defaults for cards of less than 70 GiB.

    Args:
        token_budget: vLLM's ``--max-num-batched-tokens`` (8,192 on cards of 70 GiB and more).
        max_active: its ``--max-num-seqs`` (1,024 there).
    """

    name = "vllm-default"
    description = "vLLM's own rule, written anew: first come, first served, decodes among prompts"

    def __init__(
        self,
        *,
        token_budget: int = 2048,
        max_active: int = 256,
        watermark: float = 0.0,
    ) -> None:
        super().__init__(token_budget=token_budget, max_active=max_active, watermark=watermark)
        self._num_admitted = 0

    def schedule(self, view: EngineView) -> Batch:
        batch = Batch()
        running: list[RequestView] = sorted([*view.decoding, *view.prefilling], key=_place)
        free, budget = view.free_blocks, self.token_budget
        per_decode = view.tokens_per_decode
        decoding = set(map(id, view.decoding))
        place = 0
        while place < len(running) and budget > 0:
            request = running[place]
            place += 1
            if id(request) not in decoding:
                tokens = min(request.prefill_tokens - request.computed_tokens, budget)
                batch.prefills.append((request, tokens))
                budget -= tokens
                continue
            if budget < per_decode:
                continue
            while request.needs_block and free < 1 and len(running) >= place:
                victim = running.pop()
                batch.preempt.append(victim)
                free += victim.num_blocks
            if len(running) < place:
                break  # it was the last one itself
            free -= request.needs_block
            batch.decodes.append(request)
            budget -= per_decode
        batch.critical_decodes = len(batch.decodes)
        before = len(batch.prefills)
        admit(view, self, batch, budget)
        for request, _ in batch.prefills[before:]:
            request.scheduler_data = self._num_admitted
            self._num_admitted += 1
        return batch
