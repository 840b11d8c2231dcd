"""How unequal the contexts of a batch's decodes are."""

from __future__ import annotations

from collections.abc import Sequence
from operator import mul
from typing import NamedTuple


class Spread(NamedTuple):
    """What a cost model asks of unequal contexts beside their number and sum.

    Whole numbers, so that whoever adds them up, in whatever order, gets the same.

    Args:
        longest_tokens: the largest context.
        squared_tokens: the sum of the contexts' squares. Over the sum of the contexts it is the
            context that a KV token read belongs to, on average.
    """

    longest_tokens: int
    squared_tokens: int

    @classmethod
    def of(cls, contexts: Sequence[int]) -> Spread:
        """Of contexts one by one; of none: zeros."""
        return cls(max(contexts, default=0), sum(map(mul, contexts, contexts)))
