"""Who reads a run is told of batches that no CUDA graph was captured for."""

from __future__ import annotations

import numpy as np
import pytest

from slaibench.backends.engines.graphs import graph_notes
from slaibench.recording.record import StepTable


def steps(*tokens: int) -> StepTable:
    """Batches of a few decodes and a chunk."""
    decodes = np.minimum(tokens, 10).astype(np.int64)
    zeros = np.zeros(len(tokens), dtype=np.int64)
    times = np.arange(len(tokens), dtype=float)
    chunks = np.array(tokens, dtype=np.int64) - decodes
    return StepTable(times, times + 0.5, chunks, decodes, *([zeros] * 5))


def test_the_share_and_the_limit_are_told() -> None:
    (note,) = graph_notes(steps(10, 256, 257, 512), 256)
    assert note.startswith("50% of the batches had more than 256 tokens")
    assert "largest batch: 512 tokens" in note


@pytest.mark.parametrize(
    ("tokens", "captured"),
    [((10, 256), 256), ((512, 512), 0), ((), 256), ((*[8] * 200, 512), 256)],
)
def test_nothing_is_told_where_nothing_is_to_be_told(
    tokens: tuple[int, ...], captured: int
) -> None:
    assert graph_notes(steps(*tokens), captured) == ()
