"""The simulator backend: a scheduler's decisions, a cost model's times, a virtual clock."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from slaibench.backends.base import RunOutput, RunSettings
from slaibench.backends.simulator.ahead import AheadEngine
from slaibench.backends.simulator.batch_timer import BatchTimer
from slaibench.backends.simulator.caching import RULES
from slaibench.backends.simulator.engine import Engine
from slaibench.backends.simulator.kv_blocks import KvBlocks
from slaibench.backends.simulator.prefix_cache import PrefixCache
from slaibench.backends.simulator.radix_cache import RadixCache
from slaibench.backends.simulator.speculative import SpeculativeEngine, SpeculativeRequest
from slaibench.backends.simulator.state import SimRequest
from slaibench.backends.speculation import Speculation
from slaibench.backends.virtual import refusal, run_virtual
from slaibench.schedulers.base import Scheduler
from slaibench.workloads.request import Request
from slaibench.workloads.schedule import check_schedule


class Simulator:
    """Serves requests in virtual time; deterministic: same input, same bytes (invariant 4).

    Args:
        timer: cost model: how long a batch takes.
        total_blocks: KV blocks of the device.
        block_size: tokens in a block.
        max_context_tokens: longest prompt + output the model takes.
        delivery_s: how much later than its batch ends a client sees a token.
        prefix_caching: common beginnings of prompts are kept, and what is left of a preempted
            request's blocks is found again (``PrefixCache``; with SGLang's rules ``RadixCache``).
        cache_rules: engine whose rules that follows, one of ``caching.RULES``.
        asynchronous: a batch is decided while the one before it runs (``AheadEngine``, by the rules
            of vLLM).
        speculation: what decodes draft (``SpeculativeEngine``); None: nothing.
    """

    def __init__(
        self,
        timer: BatchTimer,
        *,
        total_blocks: int,
        block_size: int = 16,
        max_context_tokens: int | None = None,
        delivery_s: float = 0.0,
        prefix_caching: bool = False,
        cache_rules: str = "vllm",
        asynchronous: bool = False,
        speculation: Speculation | None = None,
    ) -> None:
        if total_blocks < 1 or block_size < 1:
            raise ValueError(
                f"total_blocks and block_size must be at least 1, not {total_blocks}, {block_size}"
            )
        if cache_rules not in RULES:
            raise ValueError(f"cache_rules must be one of {', '.join(RULES)}, not {cache_rules!r}")
        if speculation is not None:
            speculation.check_block(block_size)
            if asynchronous or prefix_caching:
                raise ValueError(
                    "the simulator speculates with neither asynchronous scheduling nor prefix "
                    "caching: leave them out, or speculation"
                )
        self._timer = timer
        self._total_blocks = total_blocks
        self._block_size = block_size
        self._max_context_tokens = max_context_tokens
        self._delivery_s = delivery_s
        self._prefix_caching = prefix_caching
        self._cache_rules = cache_rules
        self._speculation = speculation
        self._engine = AheadEngine if asynchronous else Engine
        self._asynchronous = asynchronous

    def close(self) -> None:
        """Nothing outlives a run."""

    def run(
        self, requests: Sequence[Request], scheduler: Scheduler, settings: RunSettings
    ) -> RunOutput:
        """Serve the requests, each at its due time (slaibench.backends.base.Backend).

        The scheduler is copied: whatever it learns in a run does not reach the next one.

        Raises:
            ValueError: the requests are no run (``schedule.check_schedule``).
        """
        check_schedule(requests, settings.concurrency)
        scheduler = copy.deepcopy(scheduler)
        engine, states = self._start(scheduler, requests, settings.seed)
        refusals = [
            refusal(
                request,
                total_blocks=self._total_blocks,
                block_size=self._block_size,
                max_context_tokens=self._max_context_tokens,
                speculation=self._speculation,
            )
            for request in requests
        ]

        def settle() -> None:
            for state in states:
                state.settle()

        return run_virtual(
            engine,
            requests,
            states,
            refusals,
            settings,
            settle,
            delivery_s=self._delivery_s,
        )

    def _start(
        self, scheduler: Scheduler, requests: Sequence[Request], seed: int
    ) -> tuple[Engine, Sequence[SimRequest]]:
        """A new engine, and its side of the requests."""
        blocks = self._blocks()
        if self._speculation is None:
            engine = self._engine(scheduler, self._timer, blocks)
            return engine, [blocks.state_of(request) for request in requests]
        longest = self._max_context_tokens
        return SpeculativeEngine(self._speculation, scheduler, self._timer, blocks), [
            SpeculativeRequest(request, self._speculation, seed, longest) for request in requests
        ]

    def _blocks(self) -> KvBlocks:
        """The KV cache, all of it free."""
        size = self._total_blocks, self._block_size
        if not self._prefix_caching:
            return KvBlocks(*size)
        if self._cache_rules == "sglang":
            return RadixCache(*size)
        return PrefixCache(*size, late=self._asynchronous)
