"""Batches that were too large for an engine's CUDA graphs."""

from __future__ import annotations

import numpy as np

from slaibench.recording.record import StepTable

FEW = 0.01
"""A share of batches that nobody needs to be told of."""


def graph_notes(steps: StepTable, graph_tokens: int) -> tuple[str, ...]:
    """What a reader of a run on a GPU must know of its batches without a CUDA graph.

    The host launches the kernels of such a batch one by one. On a fast GPU that takes longer than
    the kernels do, and as unsteadily as the host is busy (docs/gpu.md).

    Args:
        graph_tokens: most tokens of a batch that the engine captured; 0: it captured none, or
            does not say.
    """
    if not graph_tokens or not len(steps):
        return ()
    tokens = steps.tokens
    share = float(np.mean(tokens > graph_tokens))
    if share < FEW:
        return ()
    return (
        f"{share:.0%} of the batches had more than {graph_tokens} tokens, the most that this "
        "engine captured CUDA graphs for: the host launched their kernels one by one, and may "
        f"have been what they waited for (largest batch: {int(tokens.max())} tokens)",
    )
