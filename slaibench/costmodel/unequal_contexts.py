"""What decodes of unequal context cost more than as many of their mean context."""

from __future__ import annotations

from collections.abc import Sequence
from operator import mul

import numpy as np

from slaibench.catalog import UnequalContexts

MOST_SEQUENCES = 1024
"""Decodes in a batch up to which a number is looked up; beyond, the last one holds."""

Spread = tuple[int, int]
"""(the longest context, the sum of the contexts' squares), KV tokens.

What a cost model needs of contexts beside their number and sum. Squares over sum is the context
that a KV token read belongs to, on average. Whole numbers, so that whoever adds them up, in
whatever order, gets the same; a plain pair, since one is made for every batch.
"""


def spread_of(contexts: Sequence[int]) -> Spread:
    """Of contexts one by one; of none: zeros."""
    return max(contexts, default=0), sum(map(mul, contexts, contexts))


class UnequalContextsTimer:
    """Seconds that the longest context adds to a batch (``UnequalContexts`` has the formula).

    Args:
        unequal: what was measured, of one layer.
        layers: attention layers of the model.
        slowdown: factor on every time.
    """

    def __init__(self, unequal: UnequalContexts, layers: int, slowdown: float = 1.0) -> None:
        scale = layers * slowdown * 1e-9

        def by_decodes(sequences: Sequence[int], ns: Sequence[float]) -> list[float]:
            numbers = np.interp(range(MOST_SEQUENCES + 1), sequences, ns) * scale
            return [float(value) for value in numbers]

        self._decode_s = by_decodes(unequal.decode_sequences, unequal.decode_ns)
        self._mixed_s = by_decodes(unequal.mixed_sequences, unequal.mixed_ns)

    def extra_s(
        self,
        num_decodes: int,
        context_tokens: int,
        prefills: Sequence[tuple[int, int]],
        spread: Spread,
    ) -> float:
        """The extra time, never negative.

        Args:
            num_decodes: at least 1.
            context_tokens: KV tokens they read, all together.
            prefills: prompt chunks: (tokens, KV tokens before them).
            spread: of the contexts.
        """
        longest, squared = spread
        beyond: float = longest - squared / context_tokens
        token_s = self._decode_s
        if prefills:
            token_s = self._mixed_s
            for _, history in prefills:
                beyond = min(beyond, longest - history)
        if beyond <= 0.0:
            return 0.0
        return beyond * (token_s[num_decodes] if num_decodes < MOST_SEQUENCES else token_s[-1])
