"""A request inside the simulated engine."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple

from slaibench.backends.virtual import NEVER
from slaibench.costmodel import Spread
from slaibench.schedulers.base import FormerRequestNames
from slaibench.schedulers.service_class import Served, ServiceClass
from slaibench.workloads.request import Request

NOTHING_SHARED: array[int] = array("i")
"""What a request that does not decode shares; never added to."""


class SimRequest(Served, FormerRequestNames):
    """Engine-side state of a request; schedulers see it as ``schedulers.base.RequestView``.

    ``computed`` is a plain counter, stepped once a decode; ``computed_tokens`` is the same slot
    under the name that schedulers know, where no prefix cache has more to say. All that can happen
    at a decode beside the count (a new block, the end) happens at ``event_at``: the hot loop
    compares once.

    A batch that decodes everybody is not noted with each request but once, in the engine's list of
    such batches (``shared_steps``): to note it is most of the time that a decode takes. What of it
    is a request's own moves to ``token_steps`` when it no longer decodes, or decodes apart.
    """

    __slots__ = (
        "arrival_s",
        "cached_tokens",
        "computed",
        "emit",
        "event_at",
        "final_tokens",
        "first_step",
        "kv_capacity",
        "left_s",
        "num_blocks",
        "num_preemptions",
        "prefill_tokens",
        "prompt_tokens",
        "request_id",
        "scheduler_data",
        "shared_from",
        "shared_steps",
        "token_steps",
        "waiting",
    )

    computed: int
    computed_tokens: int

    def __init__(self, request: Request) -> None:
        self.request_id = request.request_id
        self.arrival_s = request.due_s
        self.prompt_tokens = request.prompt_tokens
        self.prefill_tokens = request.prompt_tokens
        self.set_class(ServiceClass.of(request))
        self.computed_tokens = 0
        # The last output token is never fed back, so its KV is never computed.
        self.final_tokens = request.prompt_tokens + request.output_tokens - 1
        self.num_blocks = 0
        self.kv_capacity = 0
        self.event_at = 0
        self.num_preemptions = 0
        self.cached_tokens = 0
        self.first_step = NEVER
        self.left_s = math.nan
        self.waiting = True
        self.scheduler_data: Any = None
        self.token_steps: array[int] = array("i")
        self.emit = self.token_steps.append
        self.shared_steps = NOTHING_SHARED
        self.shared_from = 0

    @property
    def output_tokens(self) -> int:
        return len(self.token_steps) + len(self.shared_steps) - self.shared_from

    def share(self, steps: array[int]) -> None:
        """Decode from now on: batches that are added to these steps are its own too."""
        self.shared_steps = steps
        self.shared_from = len(steps)

    def settle(self) -> None:
        """Have all its steps in ``token_steps``, those that it shared included."""
        steps = self.shared_steps
        if self.shared_from < len(steps):
            self.token_steps.extend(steps[self.shared_from :])
            self.shared_from = len(steps)

    def part(self) -> None:
        """Decode no longer."""
        self.settle()
        self.shared_steps = NOTHING_SHARED
        self.shared_from = 0

    @property
    def needs_block(self) -> bool:
        return self.computed >= self.kv_capacity

    def hold(self, num_blocks: int, block_size: int) -> None:
        """Own this many KV blocks from now on."""
        self.num_blocks = num_blocks
        self.kv_capacity = num_blocks * block_size
        self.event_at = min(self.kv_capacity + 1, self.final_tokens)

    def lose_blocks(self) -> None:
        """Be preempted: everything generated so far becomes part of what must be prefilled."""
        self.prefill_tokens = self.prompt_tokens + len(self.token_steps)
        self.computed_tokens = 0
        self.num_blocks = 0
        self.kv_capacity = 0
        self.num_preemptions += 1
        self.scheduler_data = None
        self.waiting = True


SimRequest.computed_tokens = SimRequest.computed  # two names of one slot


class Decoded(NamedTuple):
    """What the decodes of a batch came to.

    Args:
        context_tokens: KV tokens that they read, those that they wrote among them.
        spread: of their contexts; None: nobody asks.
        ended: who has all its tokens.
        draft_tokens, yields: as ``BatchWork``.
    """

    context_tokens: int
    spread: Spread | None
    ended: list[SimRequest]
    draft_tokens: int = 0
    yields: Sequence[int] = ()
