"""Virtual token counters: the tenant that was served least is served next."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from slaibench.schedulers.base import Batch, EngineView, RequestView, Scheduler
from slaibench.schedulers.batching import admit, decodes_and_started, tokens_given


class Vtc(Scheduler):
    """Sarathi-Serve's batches; whose prompt is admitted next says each tenant's counter of tokens.

    A tenant's counter grows by ``prompt_weight`` for each token of a prompt as it is admitted, and
    by ``output_weight`` for each token generated. The next prompt is the oldest of the waiting
    tenant whose counter is least. A tenant that comes back to the queue is lifted to the least
    counter there, or, where nobody waits, to that of the tenant that left it last: what was not
    asked for is no credit. Requests that say no tenant are one tenant; with one alone this is
    Sarathi-Serve.

    Source: Sheng et al., "Fairness in Serving Large Language Models", OSDI 2024 (arXiv 2401.00588),
    Alg. 2. Taken from there: counters, lift and choice. Not taken: whole prompts at a time; here
    they are cut as everywhere, and a prompt is charged when it is admitted, once, however often it
    is preempted.

    Args:
        prompt_weight, output_weight: of a token; 1 and 2 are the paper's.

    Raises:
        ValueError: a weight is not a number of at least 0.
    """

    name = "vtc"
    description = "fair among tenants: the one served the fewest tokens is next (VTC)"

    def __init__(
        self, *, prompt_weight: float = 1.0, output_weight: float = 2.0, **limits: Any
    ) -> None:
        super().__init__(**limits)
        self.prompt_weight = checked_weight("prompt_weight", prompt_weight)
        self.output_weight = checked_weight("output_weight", output_weight)
        self._served: dict[str, float] = {}
        self._queued: set[str] = set()
        self._left_last = ""

    def schedule(self, view: EngineView) -> Batch:
        batch = Batch()
        budget = decodes_and_started(view, self, batch)
        by_tenant: dict[str, deque[RequestView]] = {}
        for request in view.waiting:
            by_tenant.setdefault(request.tenant, deque()).append(request)
        self._lift(by_tenant.keys())
        before = len(batch.prefills)
        if by_tenant:
            admit(view, self, batch, budget, queue=self._in_turn(by_tenant))
        for request, _ in batch.prefills[before:]:
            self._left_last = request.tenant
            if not request.output_tokens:
                self._charge(request.tenant, self.prompt_weight * request.prompt_tokens)
        return batch

    def batch_done(self, batch: Batch, start_s: float, end_s: float, view: EngineView) -> None:
        for request, tokens in tokens_given(batch):
            self._charge(request.tenant, self.output_weight * tokens)

    def _charge(self, tenant: str, tokens: float) -> None:
        self._served[tenant] = self._served.get(tenant, 0.0) + tokens

    def _lift(self, queued: Any) -> None:
        """Tenants that are in the queue and were not there lose what they did not ask for."""
        stayed = self._queued & queued
        served = self._served
        if stayed:
            least = min(served.get(tenant, 0.0) for tenant in stayed)
        else:
            least = served.get(self._left_last, 0.0)
        for tenant in queued - stayed:
            served[tenant] = max(served.get(tenant, 0.0), least)
        self._queued = set(queued)

    def _in_turn(self, by_tenant: dict[str, deque[RequestView]]) -> Iterator[RequestView]:
        """Waiting requests in the order of admission, as far as it is asked for."""
        counters = {tenant: self._served[tenant] for tenant in by_tenant}
        while counters:
            tenant = min(counters, key=counters.__getitem__)
            request = by_tenant[tenant].popleft()
            yield request
            if not request.output_tokens:
                counters[tenant] += self.prompt_weight * request.prompt_tokens
            if not by_tenant[tenant]:
                del counters[tenant]


def checked_weight(name: str, value: float) -> float:
    """A weight of an option.

    Raises:
        ValueError: it is not a number of at least 0.
    """
    if not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise ValueError(f"{name} must be a number of at least 0, not {value!r}")
    return value
