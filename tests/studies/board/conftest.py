"""Rows and replays to build tests from."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from slaibench.studies.board.causes import Cause
from slaibench.studies.board.fit import Replayed
from slaibench.studies.board.replay import Latency
from slaibench.studies.board.rows import Configuration, Row, Source
from slaibench.studies.board.study import Score

FITTED = Configuration("h100", "vllm", "0.12.0", "Qwen/Qwen3-32B", "", 4, 1, 1)
HELD_OUT = Configuration("h100", "vllm", "0.12.0", "Qwen/Qwen3-32B", "", 2, 1, 1)


def row(
    configuration: Configuration = FITTED,
    *,
    concurrency: int = 4,
    prompt_tokens: int = 500,
    output_tokens: int = 60,
    ttft_ms: float = 100.0,
    tpot_ms: float = 10.0,
    source: Source = Source.INFERENCEMAX,
) -> Row:
    return Row(
        configuration,
        source,
        prompt_tokens,
        output_tokens,
        concurrency,
        ttft_ms,
        tpot_ms,
        measurements=1,
        ttft_spread=0.0,
        tpot_spread=0.0,
    )


@pytest.fixture
def make_row() -> Callable[..., Row]:
    return row


@pytest.fixture
def replayed() -> Callable[..., Replayed]:
    def make(
        of: Row, tpot_ms: float, ttft_ms: float = 100.0, causes: frozenset[Cause] = frozenset()
    ) -> Replayed:
        return Replayed(of, True, "LlamaForCausalLM", causes, Latency(ttft_ms, tpot_ms))

    return make


@pytest.fixture
def score() -> Callable[..., Score]:
    """With errors of so much in TPOT and TTFT."""

    def make(
        tpot: float,
        ttft: float = 0.0,
        configuration: Configuration = HELD_OUT,
        causes: frozenset[Cause] = frozenset(),
    ) -> Score:
        of = row(configuration)
        ours = Latency(of.ttft_ms * (1 + ttft), of.tpot_ms * (1 + tpot))
        return Score(of, causes, ours, library=Latency(of.ttft_ms, of.tpot_ms * 2))

    return make
