"""Lower bounds of batch times: below every batch, and on it where the model is that simple."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slaibench.catalog import FormulaAttention, get_profile
from slaibench.catalog.tables import DecodeFactors
from slaibench.costmodel import CostModel, Spread, StaircaseCostModel
from slaibench.costmodel.floor import BatchFloor, Room, batch_floor

ROOM = Room(batch_tokens=4096, decodes=600, cache_tokens=200_000, context_tokens=8192)
STAIRCASE = StaircaseCostModel(
    t_lin_s=0.004,
    t_col_tokens=128,
    per_token_s=5e-6,
    constant_s=0.002,
    decode_attention_s=3e-8,
    prefill_attention_s=2e-9,
    attention_tile_tokens=1,
    step_overhead_s=0.001,
)
TILED = StaircaseCostModel(t_lin_s=0.0, t_col_tokens=128, prefill_attention_s=2e-7)
"""Where padding of attention is most of a batch's time."""
MODELS = (
    "staircase",
    "tiled",
    "h100",
    "h100 synchronous",
    "rtx6000-ada by decodes",
    "rtx6000-ada",
    "rtx4090",
    "rtx-pro-6000",
)


FACTORS = DecodeFactors(
    sequences=(1, 32, 512),
    context=(100, 1000, 8000),
    decode=(0.9, 1.4, 1.0, 0.7, 0.8, 1.5, 1.1, 0.6, 1.2),
    mixed=(1.2, 0.5, 1.0, 1.3, 0.8, 0.4, 1.0, 2.0, 0.9),
)


@cache
def model_of(name: str) -> CostModel | StaircaseCostModel:
    if name == "staircase":
        return STAIRCASE
    if name == "tiled":
        return TILED
    profile = get_profile(name.split(maxsplit=1)[0], "mistral-7b")
    if name.endswith("by decodes"):
        assert isinstance(profile.attention, FormulaAttention)
        profile = replace(profile, attention=replace(profile.attention, by_decodes=FACTORS))
    return CostModel(profile, asynchronous=False if name.endswith("synchronous") else None)


@cache
def floor_of(name: str) -> BatchFloor:
    return batch_floor(model_of(name), ROOM, pairs_per_token=2000.0)


Work = tuple[int, int, list[tuple[int, int]], Spread]


@st.composite
def batches(draw: st.DrawFn) -> Work:
    """Decodes, their context in all, chunks, and how unequal it is; all within ``ROOM``."""
    chunks = draw(
        st.lists(st.tuples(st.integers(1, 1100), st.integers(0, 7000)), min_size=0, max_size=3)
    )
    decodes = draw(st.integers(0 if chunks else 1, ROOM.decodes))
    most = min(ROOM.context_tokens * decodes, ROOM.cache_tokens)
    context = draw(st.integers(decodes, max(most, decodes)))
    # One of the contexts is the longest, the others share what is left.
    others = max(decodes - 1, 0)
    longest = draw(st.integers(-(-context // max(decodes, 1)), context - others))
    squared = longest**2 + (context - longest) ** 2 // max(others, 1)
    return decodes, context, chunks, (longest, squared)


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=150, deadline=None)
@given(batch=batches())
def test_no_batch_is_below_its_floor(name: str, batch: Work) -> None:
    decodes, context, chunks, spread = batch
    model = model_of(name)
    time_s = model.batch_time_s(decodes, context, chunks, spread)
    time_s += model.between_s(decodes + len(chunks))
    mean = context / decodes if decodes else 1.0
    assert floor_of(name).batch_s(decodes, mean, chunks) <= time_s * (1 + 1e-9)


@settings(max_examples=100, deadline=None)
@given(batch=batches())
def test_the_papers_model_is_its_own_floor(batch: Work) -> None:
    decodes, context, chunks, spread = batch
    time_s = STAIRCASE.batch_time_s(decodes, context, chunks, spread) + STAIRCASE.step_overhead_s
    floor_s = floor_of("staircase").batch_s(decodes, context / max(decodes, 1), chunks)
    assert floor_s == pytest.approx(time_s, rel=1e-9)


@pytest.mark.parametrize("name", ["h100", "rtx6000-ada", "rtx4090", "rtx-pro-6000"])
@pytest.mark.parametrize(("decodes", "mean"), [(1, 400), (64, 1000), (128, 1500)])
def test_batches_of_decodes_are_on_it(name: str, decodes: int, mean: int) -> None:
    """But for sampler times that fall with the number of sequences, by noise in the tables."""
    model = model_of(name)
    time_s = model.batch_time_s(decodes, decodes * mean, []) + model.between_s(decodes)
    assert floor_of(name).batch_s(decodes, mean, []) == pytest.approx(time_s, rel=1e-3)


@pytest.mark.parametrize(("name", "share"), [("h100", 0.9), ("rtx6000-ada", 0.97)])
def test_a_chunk_of_whole_waves_is_hardly_above_it(name: str, share: float) -> None:
    """What is left is a chunk's attention to itself, dearer than half a square; of a table, what a
    short chunk's kernel takes at least."""
    model = model_of(name)
    time_s = model.batch_time_s(0, 0, [(512, 2048)]) + model.between_s(1)
    assert floor_of(name).batch_s(0, 1.0, [(512, 2048)]) > share * time_s


@pytest.mark.parametrize("field", ["batch_tokens", "decodes", "cache_tokens", "context_tokens"])
def test_no_room_is_refused(field: str) -> None:
    sizes = {"batch_tokens": 1, "decodes": 1, "cache_tokens": 1, "context_tokens": 1}
    with pytest.raises(ValueError, match=f"{field} must be at least 1, not 0"):
        Room(**{**sizes, field: 0})
