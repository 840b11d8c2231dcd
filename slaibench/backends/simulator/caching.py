"""KV blocks with contents: what the simulated engine asks of any prefix cache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from slaibench.backends.simulator.kv_blocks import KvBlocks
from slaibench.backends.simulator.state import SimRequest
from slaibench.backends.virtual import NEVER
from slaibench.catalog.host import engine_release
from slaibench.schedulers.base import Batch
from slaibench.workloads.request import Request

RULES = ("vllm", "sglang")
"""Engines whose prefix cache there is."""
Done = tuple[Any, int]
"""A request, and up to which token its blocks can be found once a batch is done."""


def rules_of(engine: str) -> str:
    """Whose prefix cache stands for that of an engine: its own, or vLLM's where there is none.

    Args:
        engine: name and release, as profiles and recordings have it ("sglang 0.5.17").
    """
    name = engine_release(engine)[0].lower()
    return name if name in RULES else "vllm"


class CachingRequest(SimRequest):
    """A request whose blocks have names; while it waits, ``computed_tokens`` are those of its
    prefill that the cache holds now."""

    __slots__ = ("_cache", "_keys")

    def __init__(self, request: Request, cache: Caching) -> None:
        self._cache = cache
        self._keys = request.block_keys(cache.size)
        super().__init__(request)

    @property
    def computed_tokens(self) -> int:
        return self._cache.cached_tokens(self) if self.waiting else self.computed

    @computed_tokens.setter
    def computed_tokens(self, tokens: int) -> None:
        self.computed = tokens

    def keys(self, count: int) -> Sequence[int]:
        """What each of its first ``count`` full blocks holds, and all before it."""
        return self._keys.first(count)


class Holders(Protocol):
    """The engine whose requests hold the blocks."""

    decoding: list[SimRequest]

    def admit(self, request: SimRequest) -> None:
        """A waiting request prefills from now on."""

    def preempt(self, request: SimRequest) -> None:
        """A request loses its blocks, and waits."""


class Caching(KvBlocks):
    """Blocks that keep what is in them. A request that is admitted finds what others left.

    Attributes:
        step_in_flight: number of the step whose tokens are not known yet, or ``NEVER``.
    """

    step_in_flight = NEVER

    def cached_tokens(self, request: Any) -> int:
        """Tokens of a waiting request that it would not have to compute."""
        raise NotImplementedError

    def look_through(self, prefilling: Sequence[Any]) -> None:
        """A batch is decided next, beside these unfinished prefills."""

    def make_room(self, batch: Batch, engine: Holders) -> None:
        """Change a batch, whose preemptions are carried out, until all in it have their blocks."""
        raise NotImplementedError

    def filled(self) -> list[Done]:
        """What can be found once the batch is done that was carried out last."""
        raise NotImplementedError

    def enter(self, filled: list[Done]) -> None:
        """Their batch is done. Whoever was preempted meanwhile has none."""
        raise NotImplementedError
