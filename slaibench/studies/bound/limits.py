"""Bounds of a system: what no scheduler exceeds there, and what none exceeds within its limits."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from slaibench.catalog.profile import Profile
from slaibench.costmodel import CostModel
from slaibench.costmodel.cost_model import LARGEST_BATCH_TOKENS
from slaibench.costmodel.floor import Room, batch_floor
from slaibench.measure.bound import Bound, capacity_bound
from slaibench.measure.work import Work, work_of
from slaibench.studies.prepared import PreparedStudy
from slaibench.studies.source import with_room
from slaibench.studies.systems.profiled import profile_of
from slaibench.workloads.lengths import (
    DESCRIBED_REQUESTS,
    IntArray,
    Lengths,
    LengthSource,
    RecordedSource,
)

NODES = (
    "Of r identical nodes nobody gets more than r times as much; routed uniformly at random, each "
    "is this one node at rate / r."
)
"""The paper's Theorem 1, which our bound follows here, and its random planner."""


class BoundMaker:
    """Bounds of workloads on a study's system.

    Args:
        prepared: its system takes batch times from a profile and knows its KV blocks.

    Raises:
        ValueError: it does not.
    """

    def __init__(self, prepared: PreparedStudy) -> None:
        identity = prepared.system.identity()
        if not identity["kv_blocks"] or identity["profile_fingerprint"] is None:
            raise ValueError(
                f"the bound follows from a profile's batch times and KV blocks, which --backend "
                f"{prepared.spec.backend} lacks here: use --backend sim, or an engine on "
                "--device emulated"
            )
        if prepared.spec.speculative_tokens is not None:
            raise ValueError(
                "the bound counts a token a decode, and --speculative-tokens gives more: leave it "
                "out, or search for the capacity with slaibench capacity"
            )
        self.profile: Profile = profile_of(prepared.spec)
        self.total_blocks = int(identity["kv_blocks"])
        self.block_size = int(identity["block_size"])
        self.most_tokens = min(limit.most_tokens for limit in prepared.system.limits())
        self._max_total = prepared.spec.max_total_tokens
        self._asynchronous: bool = identity.get("async_scheduling", False)

    def __eq__(self, other: object) -> bool:
        """Whether it bounds the same system: the parts of one study each make a maker, and a bound
        takes a second."""
        return isinstance(other, BoundMaker) and self._system == other._system

    def __hash__(self) -> int:
        return hash(self._system)

    @property
    def _system(self) -> tuple[str, int, int, bool]:
        return self.profile.fingerprint, self.total_blocks, self.block_size, self._asynchronous

    def work(self, source: LengthSource) -> Work:
        """The mean work of a workload's requests: of a recorded table's rows, or of 100,000 that
        are drawn."""
        most = self.most_tokens if self._max_total is None else self._max_total
        lengths = lengths_of(source, most)
        longest = with_room(source, int(lengths.total_tokens.max()))
        return work_of(
            lengths.prompt_tokens,
            lengths.output_tokens,
            self.block_size,
            min(longest, self.most_tokens),
        )

    def bound(
        self, work: Work, token_budget: int | None = None, max_active: int | None = None
    ) -> Bound:
        """The bound of a workload, for any scheduler or for those within given limits."""
        return _bound(self, work, token_budget, max_active)

    def compute(self, work: Work, token_budget: int | None, max_active: int | None) -> Bound:
        """``bound``, computed."""
        cache = self.total_blocks * self.block_size
        tokens = min(token_budget or LARGEST_BATCH_TOKENS, cache)
        room = Room(
            batch_tokens=tokens,
            decodes=min(max_active or tokens, tokens, self.total_blocks),
            cache_tokens=cache,
            context_tokens=work.longest,
        )
        model = CostModel(self.profile, asynchronous=self._asynchronous)
        floor = batch_floor(model, room, work.prefill_pairs / work.prefill_tokens)
        return capacity_bound(floor, work, self.total_blocks)


@lru_cache(maxsize=64)
def _bound(
    maker: BoundMaker, work: Work, token_budget: int | None, max_active: int | None
) -> Bound:
    return maker.compute(work, token_budget, max_active)


def lengths_of(source: LengthSource, max_total_tokens: int) -> Lengths:
    """The lengths that a workload's requests are drawn from, longer ones left out."""
    if isinstance(source, RecordedSource):
        lengths = source.recorded
    else:
        lengths = source.sample(DESCRIBED_REQUESTS, np.random.default_rng(0))
    kept: IntArray = np.flatnonzero(lengths.total_tokens <= max_total_tokens)
    return lengths.take(kept)
