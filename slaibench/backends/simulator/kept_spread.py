"""The spread of the contexts that batches read, carried on from one batch to the next."""

from __future__ import annotations

from collections.abc import Sequence

from slaibench.backends.simulator.state import SimRequest
from slaibench.costmodel import Spread, spread_of

NOTHING = (0, 0)


class KeptSpread:
    """Knows the spread without looking at every request, while the same ones decode.

    While batches decode everybody, and nobody comes or goes, each context is one longer than in the
    batch before: (x + 1)^2 - x^2 = 2 (x + 1) - 1, added up over all. Counting anew for every
    batch takes half as long as the decodes (``benchmarks.simulator_speed --gpu rtx-pro-6000``).
    """

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: Spread | None = None

    def forget(self) -> None:
        """Somebody began to decode, or no longer does."""
        self._last = None

    def after(self, decodes: Sequence[SimRequest], context: int, everybody: bool) -> Spread:
        """Of a batch whose decodes are done.

        Args:
            context: KV tokens that they read, all together.
            everybody: these are all who are decoding.
        """
        if not decodes:
            return NOTHING  # and no context has changed
        if everybody and self._last is not None:
            longest, squared = self._last
            spread = (longest + 1, squared + 2 * context - len(decodes))
        else:
            spread = spread_of([request.computed_tokens for request in decodes])
        self._last = spread if everybody else None
        return spread
