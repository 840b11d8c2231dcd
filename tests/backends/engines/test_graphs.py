"""A run reports batches that no CUDA graph was captured for."""

from __future__ import annotations

import numpy as np
import pytest

from slaibench.backends.engines.graphs import GraphUse
from slaibench.recording.record import StepTable


def steps(*tokens: int) -> StepTable:
    """Batches of a few decodes and a chunk."""
    decodes = np.minimum(tokens, 10).astype(np.int64)
    zeros = np.zeros(len(tokens), dtype=np.int64)
    times = np.arange(len(tokens), dtype=float)
    chunks = np.array(tokens, dtype=np.int64) - decodes
    return StepTable(times, times + 0.5, chunks, decodes, *([zeros] * 5))


def used(*tokens: int, captured: int = 256) -> GraphUse:
    use = GraphUse.of(steps(*tokens), captured)
    assert use is not None
    return use


def test_the_share_and_the_sizes_are_on_record() -> None:
    assert used(10, 256, 257, 512).facts() == {
        "captured_tokens": 256,
        "largest_batch_tokens": 512,
        "share_larger": 0.5,
    }


def test_runs_of_an_engine_say_the_same_whatever_their_shares() -> None:
    (note,) = used(10, 256, 257, 512).notes()
    assert note.startswith("batches had more than 256 tokens")
    assert used(300, 1024).notes() == (note,)


@pytest.mark.parametrize("tokens", [(10, 256), (*[8] * 200, 512)])
def test_few_such_batches_are_not_reported(tokens: tuple[int, ...]) -> None:
    assert used(*tokens).notes() == ()


@pytest.mark.parametrize(("tokens", "captured"), [((512, 512), 0), ((), 256)])
def test_without_batches_or_graphs_there_is_nothing_to_say(
    tokens: tuple[int, ...], captured: int
) -> None:
    assert GraphUse.of(steps(*tokens), captured) is None
