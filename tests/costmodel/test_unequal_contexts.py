"""What the longest context of a batch adds: its formula, and where it adds nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slaibench.catalog import Profile, TableAttention, UnequalContexts, get_profile
from slaibench.costmodel import CostModel, spread_of

UNEQUAL = UnequalContexts(
    decode_sequences=(2, 10, 20),
    decode_ns=(0.0, 4.0, 24.0),
    mixed_sequences=(2, 10),
    mixed_ns=(30.0, 50.0),
)


def profile(unequal: UnequalContexts | None) -> Profile:
    shipped = get_profile("rtx4090", "mistral-7b")
    assert isinstance(shipped.attention, TableAttention)
    return replace(shipped, attention=replace(shipped.attention, unequal=unequal))


PLAIN, MODEL = CostModel(profile(None)), CostModel(profile(UNEQUAL))
LAYERS = 32


def extra_ns(contexts: list[int], chunks: list[tuple[int, int]], model: CostModel = MODEL) -> float:
    """What it adds that contexts are unequal, one layer."""
    batch = len(contexts), sum(contexts), chunks
    added_s = model.batch_time_s(*batch, spread_of(contexts)) - model.batch_time_s(*batch)
    return added_s / LAYERS * 1e9


def halves(decodes: int) -> list[int]:
    """A token belongs to a context of 1,250 on average, 250 less than the longest."""
    return [500] * (decodes // 2) + [1500] * (decodes // 2)


def test_each_token_beyond_the_weighted_mean_costs_as_much_as_measured() -> None:
    assert extra_ns(halves(10), []) == pytest.approx(4.0 * 250)
    assert extra_ns(halves(16), []) == pytest.approx(16.0 * 250)
    assert extra_ns(halves(10), [(64, 0), (16, 700)]) == pytest.approx(50.0 * 250)


def test_below_and_beyond_what_was_measured_the_last_number_holds() -> None:
    for decodes in (20, 64, 1024, 1500):
        assert extra_ns(halves(decodes), []) == pytest.approx(24.0 * 250)
    assert extra_ns(halves(500), [(16, 0)]) == pytest.approx(50.0 * 250)


def test_a_chunk_with_a_longer_history_hides_the_longest_decode() -> None:
    assert extra_ns(halves(10), [(64, 1400)]) == pytest.approx(50.0 * 100)
    assert extra_ns(halves(10), [(64, 0), (64, 1500)]) == 0.0
    assert extra_ns(halves(10), [(64, 4000)]) == 0.0


def test_equal_contexts_cost_nothing_more() -> None:
    assert extra_ns([1000] * 10, []) == 0.0
    assert extra_ns([5000], [(16, 0)]) == 0.0
    empty = spread_of([])
    assert MODEL.batch_time_s(0, 0, [(512, 0)], empty) == PLAIN.batch_time_s(0, 0, [(512, 0)])
    assert MODEL.batch_time_s(0, 0, [], empty) == 0.0


def test_a_profile_without_it_takes_unequal_contexts_at_their_mean() -> None:
    formula = CostModel(get_profile("h100", "mistral-7b"))
    for model, needs in ((PLAIN, False), (formula, False), (MODEL, True)):
        assert model.needs_spread == needs
        assert (extra_ns(halves(64), [], model) > 0.0) == needs


def test_a_slower_gpu_takes_longer_for_it() -> None:
    slow = CostModel(profile(UNEQUAL), slowdown=1.5)
    assert extra_ns(halves(10), [], slow) == pytest.approx(1.5 * 4.0 * 250)


@given(
    st.sampled_from(("rtx4090", "rtx-pro-6000")),
    st.lists(st.integers(1, 16_000), min_size=1, max_size=200),
    st.lists(st.tuples(st.integers(1, 1024), st.integers(0, 8000)), max_size=3),
)
def test_it_is_the_slow_formula_on_the_profiles_that_ship(
    gpu: str, contexts: list[int], chunks: list[tuple[int, int]]
) -> None:
    shipped = get_profile(gpu, "llama-3.1-8b")
    assert isinstance(shipped.attention, TableAttention)
    unequal = shipped.attention.unequal
    assert unequal is not None
    table = (
        (unequal.mixed_sequences, unequal.mixed_ns)
        if chunks
        else (unequal.decode_sequences, unequal.decode_ns)
    )
    weighted = float(np.average(contexts, weights=contexts))
    floor = max(weighted, *(history for _, history in [(0, 0), *chunks]))
    expected = float(np.interp(len(contexts), *table)) * max(0.0, max(contexts) - floor)
    assert extra_ns(contexts, chunks, CostModel(shipped)) == pytest.approx(expected, abs=1e-3)
