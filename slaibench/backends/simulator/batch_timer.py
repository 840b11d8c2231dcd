"""What the simulated engine asks of a cost model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from slaibench.costmodel import Spread


class BatchTimer(Protocol):
    """What the engine asks of a cost model (slaibench.costmodel)."""

    needs_spread: bool

    def batch_time_s(
        self,
        num_decodes: int,
        decode_context_tokens: int,
        prefills: Sequence[tuple[int, int]],
        spread: Spread | None = None,
        draft_tokens: int = 0,
    ) -> float:
        """GPU time of a batch; prefills are (chunk tokens, tokens before the chunk), drafted tokens
        those that decodes verify beside one each."""

    def between_s(self, num_sequences: int) -> float:
        """Time of a step that is not the GPU's and that it waits for."""

    def hidden_s(self, num_sequences: int) -> float:
        """What a step takes the host before the GPU has it, while the one before may run; 0 where
        batches are not decided ahead."""
