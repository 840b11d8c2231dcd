"""How unequal the contexts of a batch's decodes are."""

from __future__ import annotations

from collections.abc import Sequence
from operator import mul

Spread = tuple[int, int]
"""(the longest context, the sum of the contexts' squares), KV tokens.

What a cost model asks of contexts beside their number and sum. Squares over sum is the context that
a KV token read belongs to, on average. Whole numbers, so that whoever adds them up, in whatever
order, gets the same; a plain pair, since one is made for every batch.
"""


def spread_of(contexts: Sequence[int]) -> Spread:
    """Of contexts one by one; of none: zeros."""
    return max(contexts, default=0), sum(map(mul, contexts, contexts))
