"""The tables of a profile, from operators asked one place after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from slaibench.operators.aiconfigurator import Operators, Value

FloatArray = npt.NDArray[np.float64]

ONE_BY_ONE = 128
"""Tokens up to which a mixture of experts is asked at every number: how many experts a batch needs
grows with each token, and a staircase keeps the upper value (gpt-oss: 18 % off at worst else)."""
DENSE = (1, 2, 4, *range(8, 256, 8), *range(256, 512, 16))
SPARSE = (*range(512, 4096, 64), *range(4096, 8192, 128), 8192, 10240, 12288, 16384)
"""A staircase is above what lies between two of its sizes, which in steps of 256 made chunks of
2,049 to 3,200 tokens up to 22 % too long (L40S), and in these up to 6 % (H100: 8 and 4 %)."""
SEQUENCES = (1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 160, 192, 256, 320, 384, 448, 512)
CONTEXTS = (
    *(16, 128, 256, 512, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 12288, 16384),
    *(24576, 32768, 49152, 65536, 98304, 131072),
)
CHUNKS = (1, 16, 32, 64, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 8192, 16384)
HISTORIES = (0, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072)
LOGITS = "logits"
"""In the name of the output head, which runs once a sequence."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Which operators go with what, by their places in the library's lists."""

    token: tuple[int, ...]
    attention: tuple[int, ...]
    logits: tuple[int, ...]


@dataclass(frozen=True)
class Measured:
    """One deployment's operators on the axes of a profile.

    Args:
        most_context: tokens of the longest request.
        experts: whether it is a mixture of experts.
        windowed: whether some layers look back no further than a window.
    """

    operators: Operators
    most_context: int
    experts: bool
    windowed: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "_sources", Counter())

    @cached_property
    def tokens(self) -> tuple[int, ...]:
        """Batch sizes of the token operators."""
        first = range(1, ONE_BY_ONE) if self.experts else ()
        return tuple(sorted({*first, *DENSE, *SPARSE}))

    @cached_property
    def contexts(self) -> tuple[int, ...]:
        """Contexts of decodes."""
        return _up_to(CONTEXTS, self.most_context)

    @cached_property
    def chunks(self) -> tuple[int, ...]:
        """Lengths of prompt chunks."""
        return _up_to(CHUNKS, min(self.most_context, CHUNKS[-1]))

    @cached_property
    def histories(self) -> tuple[int, ...]:
        """Tokens before a chunk."""
        return _up_to(HISTORIES, self.most_context)

    @cached_property
    def generation(self) -> Parts:
        """A decode's operators: what its context changes is attention."""
        return self._parts(
            self.operators.num_generation,
            lambda i: self.operators.generation([i], 16, 64),
            lambda i: self.operators.generation([i], 16, min(8192, self.most_context)),
        )

    @cached_property
    def context(self) -> Parts:
        """A chunk's operators: what comes before it changes attention."""
        return self._parts(
            self.operators.num_context,
            lambda i: self.operators.context([i], 512),
            lambda i: self.operators.context([i], 512, min(8192, self.most_context)),
        )

    @property
    def full_attention(self) -> float:
        """1 where every layer reads the whole context, so that its bytes are a bound; else 0."""
        return 0.0 if self.windowed else 1.0

    def token_ms(self) -> FloatArray:
        """Operators of every token of a decode, by the batch sizes of ``tokens``."""
        return np.array([self._token_ms(tokens) for tokens in self.tokens])

    def _token_ms(self, tokens: int) -> float:
        return self._sum(self.operators.generation(self.generation.token, tokens, 64))

    def logits_ms(self) -> FloatArray:
        """The output head, by the numbers of ``SEQUENCES``."""
        logits = self.generation.logits
        return np.array([self._sum(self.operators.generation(logits, n, 64)) for n in SEQUENCES])

    def decode_ms(self) -> FloatArray:
        """Attention of decodes: ``SEQUENCES`` x ``contexts``."""
        attention = self.generation.attention
        return np.array(
            [
                [self._sum(self.operators.generation(attention, n, m)) for m in self.contexts]
                for n in SEQUENCES
            ]
        )

    def chunk_ms(self) -> FloatArray:
        """Attention of one chunk: ``chunks`` x ``histories``.

        With what the token operators of a chunk take beyond those of as many decodes. Of most
        models they are the same; shared experts run beside the others for decodes only.
        """
        attention = self.context.attention
        return np.array(
            [
                [self._sum(self.operators.context(attention, c, h)) + more for h in self.histories]
                for c in self.chunks
                for more in [self._chunk_more_ms(c)]
            ]
        )

    def _chunk_more_ms(self, chunk: int) -> float:
        own = self._sum(self.operators.context(self.context.token, chunk))
        return max(own - self._token_ms(chunk), 0.0)

    @property
    def shares(self) -> dict[str, float]:
        """What share of the time that was asked for is measured, and what fitted, by source."""
        sources: Counter[str] = self._sources  # type: ignore[attr-defined]
        total = sum(sources.values())
        return {source: time / total for source, time in sorted(sources.items())}

    def _sum(self, values: Sequence[Value]) -> float:
        for value in values:
            self._sources[value.source] += value.ms  # type: ignore[attr-defined]
        return sum(value.ms for value in values)

    @staticmethod
    def _parts(
        count: int,
        near: Callable[[int], tuple[Value, ...]],
        far: Callable[[int], tuple[Value, ...]],
    ) -> Parts:
        token, attention, logits = [], [], []
        for index in range(count):
            value = near(index)[0]
            if LOGITS in value.name:
                logits.append(index)
            elif value.ms != far(index)[0].ms:
                attention.append(index)
            else:
                token.append(index)
        return Parts(tuple(token), tuple(attention), tuple(logits))


def _up_to(places: Sequence[int], most: int) -> tuple[int, ...]:
    kept = [place for place in places if place < most]
    return (*kept, most)
