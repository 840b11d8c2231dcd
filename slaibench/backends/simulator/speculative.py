"""The simulated engine with speculative decoding: a decode verifies drafted tokens as well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from slaibench.backends.simulator.batch_timer import BatchTimer
from slaibench.backends.simulator.engine import Engine
from slaibench.backends.simulator.kv_blocks import KvBlocks
from slaibench.backends.simulator.refusals import check_decodes
from slaibench.backends.simulator.state import Decoded, SimRequest
from slaibench.backends.speculation import Speculation
from slaibench.costmodel import spread_of
from slaibench.schedulers.base import Scheduler
from slaibench.workloads.request import Request


class SpeculativeRequest(SimRequest):
    """A request whose decodes verify drafted tokens.

    Args:
        speculation: how many.
        seed: of the run.
        longest: most tokens of any request; None: no limit.
    """

    __slots__ = ("_longest", "_most_tokens", "yields")

    def __init__(
        self, request: Request, speculation: Speculation, seed: int, longest: int | None
    ) -> None:
        super().__init__(request)
        self.yields = speculation.yields(seed, request)
        self._most_tokens = speculation.tokens_per_decode
        self._longest = longest

    @property
    def decode_tokens(self) -> int:
        """Tokens that its next decode computes: none beyond the longest request there may be."""
        if self._longest is None:
            return self._most_tokens
        return min(self._most_tokens, self._longest - self.computed_tokens - 1)

    @property
    def needs_block(self) -> bool:
        return self.computed_tokens + self.decode_tokens > self.kv_capacity


class SpeculativeEngine(Engine):
    """Each decode computes one token and some drafted ones, and yields what of them is right.

    The KV of tokens that were rejected is computed anew; the blocks that it lay in stay the
    request's. Whoever ends in the middle of its accepted tokens gets no more than it asked for.

    Source: vLLM 0.32.0, ``Scheduler.schedule`` and ``update_from_output``, with drafts that need
    no KV of their own (``ngram``) and without asynchronous scheduling.

    Args:
        speculation: how many tokens are drafted; the requests know how many are right.
        scheduler, timer, blocks: as ``Engine``.

    Raises:
        SchedulerError: the scheduler's batches hold no decode.
    """

    def __init__(
        self,
        speculation: Speculation,
        scheduler: Scheduler,
        timer: BatchTimer,
        blocks: KvBlocks,
    ) -> None:
        speculation.check_scheduler(scheduler)
        super().__init__(scheduler, timer, blocks)
        self.tokens_per_decode = speculation.tokens_per_decode

    def _decode(self, decodes: Sequence[Any], step: int) -> Decoded:
        """One token for each, and those of the drafted ones that are right."""
        check_decodes(decodes, self._decoding_set)
        contexts: list[int] = []
        yields: list[int] = []
        ended: list[SimRequest] = []
        draft_tokens = 0
        for request in decodes:
            start, tokens = request.computed_tokens, request.decode_tokens
            if request.needs_block:
                self._kv.extend(request)
            given = min(request.yields[request.output_tokens], tokens)
            draft_tokens += tokens - 1
            contexts.append(start + tokens)
            yields.append(given)
            request.computed_tokens = start + given
            request.token_steps.extend([step] * given)
            if request.computed_tokens == request.final_tokens:
                ended.append(request)
        spread = spread_of(contexts) if self._timer.needs_spread else None
        return Decoded(sum(contexts), spread, ended, draft_tokens, yields)
