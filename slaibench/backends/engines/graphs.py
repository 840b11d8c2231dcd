"""Batches that were too large for an engine's CUDA graphs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from slaibench.recording.record import StepTable

FEW = 0.01
"""A share of batches that is not worth a warning."""


@dataclass(frozen=True, slots=True)
class GraphUse:
    """How many batches of a run had a CUDA graph.

    The host launches the kernels of one that had none one by one. On a fast GPU that takes longer
    than the kernels do, and as unsteadily as the host is busy (docs/gpu.md).

    Args:
        captured_tokens: most tokens of a batch that the engine captured.
        largest_batch_tokens: of those that it ran.
        share_larger: of the batches, how many had more tokens than it captured; 0 to 1.
    """

    captured_tokens: int
    largest_batch_tokens: int
    share_larger: float

    @classmethod
    def of(cls, steps: StepTable, captured_tokens: int) -> GraphUse | None:
        """Of a run's steps; None: it has none, or the engine captured nothing or does not say."""
        if not captured_tokens or not len(steps):
            return None
        tokens = steps.tokens
        return cls(captured_tokens, int(tokens.max()), float(np.mean(tokens > captured_tokens)))

    def facts(self) -> dict[str, Any]:
        """For a recording's ``run.json``."""
        return asdict(self)

    def notes(self) -> tuple[str, ...]:
        """What a reader must know; with no number of its run, so that many say it once."""
        if self.share_larger < FEW:
            return ()
        return (
            f"batches had more than {self.captured_tokens} tokens, the most that this engine "
            "captured CUDA graphs for: the host launched their kernels one by one, and may have "
            "been what they waited for (cuda_graphs in run.json has the share of such batches)",
        )
