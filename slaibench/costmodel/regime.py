"""Whether a batch lies outside what a profile was measured for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slaibench.catalog import Regime


@dataclass(frozen=True, slots=True)
class Excess:
    """One way in which a batch is larger than anything measured; its time is extrapolated.

    Args:
        what: the quantity, as a reader would call it.
        value: the batch's.
        measured: the largest that was measured.
    """

    what: str
    value: int
    measured: int

    def __str__(self) -> str:
        return f"{self.what}: {self.value}, measured up to {self.measured}"


def excesses(
    regime: Regime,
    num_decodes: int,
    decode_context_tokens: int,
    prefills: Sequence[tuple[int, int]],
) -> tuple[Excess, ...]:
    """In what the batch goes beyond the regime; empty: in nothing.

    Arguments as ``CostModel.batch_time_s``.
    """
    checks = (
        (
            "tokens in a batch",
            num_decodes + sum(chunk for chunk, _ in prefills),
            regime.batch_tokens,
        ),
        (
            "decodes beside a prefill" if prefills else "decodes in a batch",
            num_decodes,
            regime.mixed_decodes if prefills else regime.decodes,
        ),
        (
            "mean context of decodes",
            -(-decode_context_tokens // num_decodes) if num_decodes else 0,
            regime.context_tokens,
        ),
        (
            "tokens before a chunk",
            max((history for _, history in prefills), default=0),
            regime.context_tokens,
        ),
    )
    return tuple(Excess(*check) for check in checks if check[1] > check[2])
