"""Batch times from plain numbers: the models of the two papers, and their bounds."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slaibench.costmodel import StaircaseCostModel


def test_codellama_34b_on_an_a100() -> None:
    # Li, Dai, Peng: t = 11.28 ms + 35.47 ms * ceil(tokens / 128).
    model = StaircaseCostModel(t_lin_s=35.47e-3, t_col_tokens=128, constant_s=11.28e-3)
    for tokens, ms in ((1, 46.75), (128, 46.75), (129, 82.22), (512, 153.16)):
        assert model.batch_time_s(0, 0, [(tokens, 0)]) == pytest.approx(ms * 1e-3)
    # Their boundary at budget 512 with 129 + 112 tokens a request: 13.9 requests/s.
    rate = 512 / model.batch_time_s(512, 0, []) / (129 + 112)
    assert rate == pytest.approx(13.9, abs=0.05)


def test_capacity_of_the_papers_theorem() -> None:
    """Prompts 128 * U{1..8}, outputs min(floor(Exp(200)) + 1, 512): 36.25 requests/s."""
    model = StaircaseCostModel(t_lin_s=4e-3, t_col_tokens=128, per_token_s=5e-6)
    prompt = 128 * 4.5
    output = sum(math.exp(-n / 200) for n in range(512))
    per_token_s = model.batch_time_s(0, 0, [(128, 0)]) / 128
    assert 1 / ((prompt + output) * per_token_s) == pytest.approx(36.25, abs=0.01)


def test_attention_terms() -> None:
    model = StaircaseCostModel(
        t_lin_s=0.0, t_col_tokens=1, decode_attention_s=1e-6, prefill_attention_s=1e-9
    )
    assert model.batch_time_s(2, 3000, []) == pytest.approx(3e-3)
    # 10 tokens after 100: 1000 pairs with history and 55 among themselves.
    assert model.batch_time_s(0, 0, [(10, 100)]) == pytest.approx(1055e-9)
    both = model.batch_time_s(2, 3000, [(10, 100), (1, 0)])
    assert both == pytest.approx(3e-3 + 1056e-9)


@pytest.mark.parametrize(
    ("chunk", "history", "pairs"),
    [
        (4, 0, 16),  # one tile of queries on one of keys, the masked half with it
        (8, 0, 16 + 32),
        (8, 4, 32 + 48),
        (1, 0, 16),  # three queries are padding
        (5, 0, 16 + 32),
        (4, 1, 32),  # the keys' last tile is filled up
        (6, 3, 32 + 48),
        (0, 9, 0),
    ],
)
def test_attention_is_computed_in_whole_tiles(chunk: int, history: int, pairs: int) -> None:
    model = StaircaseCostModel(
        t_lin_s=0.0, t_col_tokens=128, prefill_attention_s=1e-3, attention_tile_tokens=4
    )
    assert model.prefill_pairs(chunk, history) == pairs
    assert model.batch_time_s(0, 0, [(chunk, history)]) == pytest.approx(1e-3 * pairs)


@given(st.integers(1, 600), st.integers(0, 3000), st.sampled_from((1, 2, 16, 128)))
def test_pairs_are_those_of_the_tiles_one_by_one(chunk: int, history: int, tile: int) -> None:
    model = StaircaseCostModel(t_lin_s=0.0, t_col_tokens=tile, prefill_attention_s=1.0)
    ends = [min(start + tile, chunk) for start in range(0, chunk, tile)]
    tiles = sum(math.ceil((history + end) / tile) for end in ends)
    assert model.prefill_pairs(chunk, history) == tile * tile * tiles


def test_an_empty_batch_takes_no_time() -> None:
    model = StaircaseCostModel(t_lin_s=1.0, t_col_tokens=1, constant_s=1.0)
    assert model.batch_time_s(0, 0, []) == 0.0


@given(st.integers(1, 4096), st.integers(1, 512), st.floats(0.1, 10))
def test_slowdown_leaves_the_time_between_steps_alone(
    tokens: int, column: int, slowdown: float
) -> None:
    numbers: dict[str, Any] = {
        "t_lin_s": 1e-3,
        "per_token_s": 1e-6,
        "constant_s": 2e-3,
        "step_overhead_s": 5e-3,
    }
    base = StaircaseCostModel(t_col_tokens=column, **numbers)
    slow = StaircaseCostModel(t_col_tokens=column, slowdown=slowdown, **numbers)
    expected = slowdown * base.batch_time_s(tokens, 0, [])
    assert slow.batch_time_s(tokens, 0, []) == pytest.approx(expected)
    assert slow.step_overhead_s == base.step_overhead_s == 5e-3


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"t_lin_s": -1.0}, "t_lin_s must not be negative, but is -1"),
        ({"per_token_s": float("nan")}, "per_token_s must not be negative, but is nan"),
        ({"t_col_tokens": 0}, "t_col_tokens must be at least 1, not 0"),
        ({"attention_tile_tokens": 0}, "attention_tile_tokens must be at least 1, not 0"),
        ({"slowdown": 0.0}, "slowdown must be positive, not 0"),
    ],
)
def test_bad_numbers_are_refused(numbers: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StaircaseCostModel(**{"t_lin_s": 1.0, "t_col_tokens": 128} | numbers)  # type: ignore[arg-type]
