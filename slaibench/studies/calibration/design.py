"""Which batches are measured: cells over tokens, decodes, contexts and histories, and their order.

Three *phases*, each with its pool of decoding requests: short, middle and long contexts. A *cell*
is a batch of one composition; some are held out, which no fit sees. A round visits every cell of
every phase once, in an order of its own, so that a slow minute of the machine falls on all kinds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any

import numpy as np

from slaibench.studies.calibration.probe_plan import ProbePlan, Visit

TILE = 64
"""Matrix multiplications work in tiles of 64, 128 or 256 tokens: both sides of each multiple."""
FINE_UNTIL = 512
COARSE = 4
"""Beyond that, of every fourth."""
GRAPHS = 8
"""CUDA graphs are captured for decodes in steps of 8 (and 1, 2, 4): both sides of some."""
SPARE_ACTIVE = 2
"""Requests that prefill beside the pool."""
CACHE_SHARE = 0.85
"""Of the KV cache: what a pool fills at the most."""
HELD_OUT_EVERY = 5
PAIRS = 12
"""Batches of several whole prompts in a phase."""
SHORT_TOKENS = 32
DECODES_EACH = 96
"""More than any request of a pool decodes in a round: room that its context must have."""
FILLER_WEIGHT = 0.1
STRIDE = 7919
"""A prime beyond any pool: cells begin at requests all over it."""
DESIGN_SEED = 20_261_126
"""Cells are the same in every round and calibration; only their order is the round's own."""


class ProbeKind(StrEnum):
    """What is in a batch."""

    DECODE = "decode"
    PREFILL = "prefill"
    MIXED = "mixed"


@dataclass(frozen=True, slots=True)
class ProbeScope:
    """What a profile is to hold for.

    Args:
        token_budget: largest batch.
        max_active: most requests at a time.
        context_tokens: longest request.
        cache_tokens: KV tokens that the engine has room for.
    """

    token_budget: int
    max_active: int
    context_tokens: int
    cache_tokens: int

    def __post_init__(self) -> None:
        if self.max_active <= SPARE_ACTIVE:
            raise ValueError(
                f"max_active {self.max_active} leaves no decodes to measure beside prefills; give "
                f"at least {SPARE_ACTIVE + 1}"
            )
        if self.token_budget <= self.max_active:
            raise ValueError(
                f"a token budget of {self.token_budget} leaves no room for a chunk beside "
                f"{self.max_active} decodes; give more than that"
            )
        if self.context_tokens < 2 * DECODES_EACH:
            raise ValueError(
                f"a context of {self.context_tokens} tokens is too short to vary; give at least "
                f"{2 * DECODES_EACH}"
            )
        if self.cache_tokens < 2 * self.context_tokens:
            raise ValueError(
                f"the KV cache holds {self.cache_tokens} tokens, which is not two requests of "
                f"{self.context_tokens}: give more --kv-blocks, or a smaller --max-context-tokens"
            )


@dataclass(frozen=True, slots=True)
class ProbeLimits:
    """What an engine is started for: the scope, but for what only a started engine knows."""

    token_budget: int
    max_active: int
    context_tokens: int

    def scope(self, cache_tokens: int) -> ProbeScope:
        """With the KV tokens that the engine has room for.

        Raises:
            ValueError: limits that leave nothing to measure.
        """
        return ProbeScope(self.token_budget, self.max_active, self.context_tokens, cache_tokens)


@dataclass(frozen=True, slots=True)
class ProbeCell:
    """A batch that is measured once a round.

    Args:
        decodes: of the phase's pool.
        chunks: (tokens, tokens before them).
        held_out: kept from the fit.
        filler: only leads to the next one of its prompt; there are many alike.
    """

    decodes: int
    chunks: tuple[tuple[int, int], ...]
    held_out: bool
    filler: bool = False

    @property
    def weight(self) -> float:
        """How much it counts in a fit."""
        return FILLER_WEIGHT if self.filler else 1.0

    @property
    def kind(self) -> ProbeKind:
        if not self.chunks:
            return ProbeKind.DECODE
        return ProbeKind.MIXED if self.decodes else ProbeKind.PREFILL


@dataclass(frozen=True, slots=True)
class Phase:
    """The cells of one pool.

    Args:
        pool: prompt tokens of the requests that decode.
        units: cells that are visited one right after the other: chunks of one prompt; indices.
    """

    name: str
    pool: tuple[int, ...]
    cells: tuple[ProbeCell, ...]
    units: tuple[tuple[int, ...], ...]

    def plan(self, seed: int) -> ProbePlan:
        """One visit of every cell, in the order that the seed gives."""
        random = np.random.default_rng(seed)
        visits = []
        prompts = 0
        for unit in random.permutation(len(self.units)):
            members = self.units[unit]
            for index in members:
                cell = self.cells[index]
                alone = len(members) == 1
                numbers = range(prompts, prompts + len(cell.chunks)) if alone else [prompts]
                chunks = zip(numbers, (tokens for tokens, _ in cell.chunks), strict=True)
                # The same in every round, so that only the order moves a cell's contexts.
                first = index * STRIDE % len(self.pool)
                visits.append(Visit(index, first, cell.decodes, tuple(chunks)))
            prompts += len(self.cells[members[0]].chunks)
        return ProbePlan(self.pool, tuple(visits))


def token_sizes(budget: int) -> list[int]:
    """Token counts of a batch that are measured: multiples of a tile, and one token more."""
    small = [1, *(size for size in (8, 16, 24, 32, 48) if size < budget)]
    edges = [*range(TILE, min(budget, FINE_UNTIL), TILE)]
    edges += range(FINE_UNTIL, budget, COARSE * TILE)
    return sorted({*small, *edges, *(edge + 1 for edge in edges), budget})


def decode_counts(most: int) -> list[int]:
    """Numbers of decodes that are measured."""
    edges = [size for size in (4, GRAPHS, 16, 24, 32, 48, 64, 96, 128, 192, 256) if size < most]
    return sorted({1, min(2, most), *edges, *(edge + 1 for edge in edges), most})


def between(sizes: Sequence[int]) -> list[int]:
    """The middle of every gap between neighbours."""
    return [(low + high) // 2 for low, high in pairwise(sizes) if high - low > 1]


def phases(scope: ProbeScope) -> list[Phase]:
    """All cells; the same for the same scope."""
    random = np.random.default_rng(DESIGN_SEED)
    size = scope.max_active - SPARE_ACTIVE
    room = (scope.context_tokens - DECODES_EACH) * 2 // 3
    fits = int(CACHE_SHARE * (scope.cache_tokens - scope.context_tokens)) // size - DECODES_EACH
    long = max(SHORT_TOKENS, min(room, fits))
    levels = {"short": SHORT_TOKENS, "middle": (SHORT_TOKENS + long) // 2, "long": long}
    return [
        _phase(name, _pool(level, size), scope, single=name == "short", random=random)
        for name, level in levels.items()
    ]


def _pool(level: int, size: int) -> tuple[int, ...]:
    """Contexts around a level, from half of it to one and a half."""
    return tuple(int(tokens) for tokens in np.linspace(level / 2, 1.5 * level, size))


class _Growing:
    """Cells and units of a phase as they are drawn up."""

    def __init__(self) -> None:
        self.cells: list[ProbeCell] = []
        self.units: list[tuple[int, ...]] = []

    def add(self, *cells: ProbeCell) -> None:
        begin = len(self.cells)
        self.cells += cells
        self.units.append(tuple(range(begin, begin + len(cells))))


def _phase(
    name: str, pool: tuple[int, ...], scope: ProbeScope, *, single: bool, random: Any
) -> Phase:
    growing = _Growing()
    most = len(pool)
    counts = decode_counts(most)
    for number in counts:
        growing.add(ProbeCell(number, (), held_out=False))
    for number in between(counts):
        growing.add(ProbeCell(number, (), held_out=True))
    if single:
        sizes = [size for size in token_sizes(scope.token_budget) if size < scope.context_tokens]
        for tokens in sizes:
            growing.add(ProbeCell(0, ((tokens, 0),), held_out=False))
        for tokens in between([size for size in sizes if size % TILE != 1]):
            growing.add(ProbeCell(0, ((tokens, 0),), held_out=True))
    for walk in _walks(most, scope, random):
        growing.add(*walk)
    for number in range(PAIRS):
        growing.add(_pair(number, most, scope, random))
    return Phase(name, pool, tuple(growing.cells), tuple(growing.units))


def _walks(most: int, scope: ProbeScope, random: Any) -> list[list[ProbeCell]]:
    """Prompts cut so that chunks of all lengths come after histories of all lengths."""
    stride = min(scope.token_budget, scope.context_tokens // 4)
    histories = list(range(0, scope.context_tokens - stride + 1, stride))
    if len(histories) > 8:
        histories = histories[:2] + histories[3 :: max(1, (len(histories) - 3) // 5)]
    lengths = sorted({max(1, round(stride * share)) for share in (1, 0.75, 0.5, 0.25, 0.125, 0.04)})
    beside = sorted({0, 1, most // 8, most // 4, most // 2, most})
    walks: list[list[ProbeCell]] = [[] for _ in range(2 * len(lengths))]
    drawn = 0
    for history, following in pairwise([*histories, 0]):
        chunks = random.permutation(lengths * 2)
        decodes = np.resize(random.permutation(beside * 2), len(walks))
        for walk, chunk, count in zip(walks, chunks, decodes, strict=True):
            # A prompt's last token is followed by one of output.
            end = scope.context_tokens - 1 - history
            tokens = min(int(chunk), scope.token_budget - int(count), end)
            drawn += 1
            held_out = drawn % HELD_OUT_EVERY == 0
            walk.append(ProbeCell(int(count), ((tokens, history),), held_out))
            at = history + tokens
            while at < following:
                filler = min(scope.token_budget, following - at)
                walk.append(ProbeCell(0, ((filler, at),), held_out=False, filler=True))
                at += filler
    return walks


def _pair(number: int, most: int, scope: ProbeScope, random: Any) -> ProbeCell:
    """Several whole prompts in one batch, as schedulers admit them under load."""
    count = SPARE_ACTIVE
    decodes = int(random.integers(0, most + 1)) if number % 3 else 0
    room = min(scope.token_budget - decodes, scope.context_tokens - 1)
    total = int(random.integers(count, room + 1))
    first = int(random.integers(1, total))
    chunks = ((first, 0), (total - first, 0))
    return ProbeCell(decodes, chunks, held_out=number % HELD_OUT_EVERY == 0)
