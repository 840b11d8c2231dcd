"""Least times of prompts: by hand on a staircase, and below what any cut of them takes."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slaibench.catalog import get_profile
from slaibench.costmodel import CostModel, StaircaseCostModel
from slaibench.costmodel.floor import BatchFloor, Room, batch_floor
from slaibench.costmodel.prompt_floor import prompt_floor

ROOM = Room(batch_tokens=1024, decodes=4, cache_tokens=100_000, context_tokens=8192)
PROFILES = ("rtx6000-ada", "h100", "rtx4090")


@cache
def floor_of(name: str) -> tuple[CostModel, BatchFloor]:
    model = CostModel(get_profile(name, "mistral-7b"))
    return model, batch_floor(model, ROOM, pairs_per_token=2000.0)


def test_on_a_staircase_both_times_can_be_told_by_hand() -> None:
    """1 s a batch and 1 s a tile of 10 tokens, at most 20 tokens: 3 s for 20 tokens at best."""
    model = StaircaseCostModel(t_lin_s=1.0, t_col_tokens=10, constant_s=1.0)
    found = prompt_floor(batch_floor(model, Room(20, 1, 100, 100), 10.0), np.array([1, 10, 20, 35]))
    assert found.work_s == pytest.approx([0.15, 1.5, 3.0, 5.25])
    assert found.alone_s == pytest.approx([2.0, 2.0, 3.0, 6.0])


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(PROFILES),
    chunks=st.lists(st.integers(1, 1024), min_size=1, max_size=8),
    beside=st.integers(0, 300),
)
def test_no_way_to_cut_a_prompt_takes_less(name: str, chunks: list[int], beside: int) -> None:
    model, floor = floor_of(name)
    prompt = sum(chunks)
    times_s, shared_s, history = 0.0, 0.0, 0
    for chunk in chunks:
        times_s += model.step_overhead_s + model.batch_time_s(0, 0, [(chunk, history)])
        other = min(beside, ROOM.batch_tokens - chunk)
        both = [(chunk, history), *([(other, 0)] if other else [])]
        shared_s += model.step_overhead_s + model.batch_time_s(0, 0, both)
        history += chunk
    found = prompt_floor(floor, np.array([prompt]))
    tolerance = 1 + 1e-9
    assert found.alone_s[0] <= times_s * tolerance
    assert found.work_s[0] <= times_s * tolerance
    rest = sum(min(beside, ROOM.batch_tokens - chunk) for chunk in chunks)
    least = prompt_floor(floor, np.array([prompt, *([1] * rest)])).work_s
    # Those beside it are here one-token prompts, which have the fewest pairs.
    assert least.sum() <= shared_s * tolerance


@pytest.mark.parametrize("name", PROFILES)
def test_a_prompt_alone_takes_at_least_its_share(name: str) -> None:
    _, floor = floor_of(name)
    found = prompt_floor(floor, np.arange(1, 3000))
    assert (found.work_s <= found.alone_s * (1 + 1e-9)).all()


def test_a_prompt_without_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 token, not 0"):
        prompt_floor(floor_of("h100")[1], np.array([5, 0]))
