"""Deficit longest prefix match: prompts that find most in the prefix cache, fairly by tenant."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from slaibench.schedulers.base import Batch, EngineView, RequestView, Scheduler, whole_number
from slaibench.schedulers.batching import admit, decodes_and_started, tokens_given
from slaibench.schedulers.vtc import checked_weight


class Dlpm(Scheduler):
    """Sarathi-Serve's batches; admitted next is who finds the longest prefix in the cache, as long
    as its tenant has tokens left of its share.

    Each tenant has a balance. It falls by ``prompt_weight`` for each prompt token that has to be
    computed, as its prompt is admitted, and by ``output_weight`` for each token generated. Only
    tenants above 0 are admitted; where nobody who waits is, each of those who wait is given another
    ``quantum``. So a tenant with a long common prefix stays while its share lasts, and no longer.
    Of equal prefixes the older request goes first.

    Source: Cao et al., "Locality-aware Fair Scheduling in LLM Serving", arXiv 2501.14312 (Alg. 1;
    its D2LPM, for several engines, is a router's). Looked at are the ``window`` oldest requests at
    most, since each look goes through the cache: SGLang's own longest-prefix order has such a
    limit as well (128).

    Args:
        quantum: tokens, weighted.
        prompt_weight, output_weight: of a token.
        window: requests, from the oldest.

    Raises:
        ValueError: an option is out of range.
    """

    name = "dlpm"
    description = "longest cached prefix first, fair among tenants (DLPM)"

    def __init__(
        self,
        *,
        quantum: int = 4096,
        prompt_weight: float = 1.0,
        output_weight: float = 2.0,
        window: int = 128,
        **limits: Any,
    ) -> None:
        super().__init__(**limits)
        self.quantum = whole_number("quantum", quantum)
        self.window = whole_number("window", window)
        self.prompt_weight = checked_weight("prompt_weight", prompt_weight)
        self.output_weight = checked_weight("output_weight", output_weight)
        self._balance: dict[str, float] = {}

    def schedule(self, view: EngineView) -> Batch:
        batch = Batch()
        budget = decodes_and_started(view, self, batch)
        full = len(view.prefilling) + len(view.decoding) >= self.max_active
        if budget > 0 and view.waiting and not (full or batch.preempt):
            before = len(batch.prefills)
            admit(view, self, batch, budget, queue=self._in_turn(view))
            for request, _ in batch.prefills[before:]:
                self._charge(request.tenant, self._to_compute(request))
        return batch

    def batch_done(self, batch: Batch, start_s: float, end_s: float, view: EngineView) -> None:
        for request, tokens in tokens_given(batch):
            self._charge(request.tenant, self.output_weight * tokens)

    def _to_compute(self, request: RequestView) -> float:
        return self.prompt_weight * (request.prefill_tokens - request.computed_tokens)

    def _charge(self, tenant: str, tokens: float) -> None:
        self._balance[tenant] = self._balance.get(tenant, 0.0) - tokens

    def _in_turn(self, view: EngineView) -> Iterator[RequestView]:
        """Waiting requests in the order of admission, as far as it is asked for."""
        queue = sorted(islice(view.waiting, self.window), key=lambda it: -it.computed_tokens)
        spent = dict.fromkeys((request.tenant for request in queue), 0.0)
        balance = self._balance
        while queue:
            place = next(
                (i for i, it in enumerate(queue) if balance.get(it.tenant, 0.0) > spent[it.tenant]),
                None,
            )
            if place is None:
                for tenant in {request.tenant for request in queue}:
                    self._charge(tenant, -self.quantum)
                continue
            request = queue.pop(place)
            yield request
            spent[request.tenant] += self._to_compute(request)
