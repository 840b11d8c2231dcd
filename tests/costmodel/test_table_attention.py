"""Attention from tables: against scipy's interpolation, and against rows beside the tables."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import RegularGridInterpolator

from slaibench.catalog import TableAttention, get_profile
from slaibench.costmodel.table_attention import TableAttentionTimer

GPUS = ("rtx4090", "rtx-pro-6000")


@cache
def tables(gpu: str) -> TableAttention:
    attention = get_profile(gpu, "llama-3.1-8b").attention
    assert isinstance(attention, TableAttention)
    return attention


@cache
def timer(gpu: str) -> TableAttentionTimer:
    return TableAttentionTimer(tables(gpu))


@cache
def slow_decode(gpu: str) -> RegularGridInterpolator:
    t = tables(gpu)
    shape = len(t.decode_sequences), len(t.decode_context)
    return RegularGridInterpolator(
        (t.decode_sequences, t.decode_context), np.reshape(t.decode_us, shape)
    )


@cache
def slow_mixed(gpu: str) -> RegularGridInterpolator:
    t = tables(gpu)
    axes = (t.mixed_chunk, t.mixed_history, t.mixed_sequences, t.mixed_context)
    shape = [len(axis) for axis in axes]
    return RegularGridInterpolator(axes, np.reshape(t.mixed_us, shape))


def seconds(gpu: str, us: float) -> float:
    return us * 1e-6 * tables(gpu).layers


@given(st.sampled_from(GPUS), st.integers(1, 256), st.integers(16, 16384))
def test_decodes_interpolate_as_scipy_does(gpu: str, sequences: int, context: int) -> None:
    expected = seconds(gpu, slow_decode(gpu)((sequences, context)).item())
    assert timer(gpu).decode_s(sequences, sequences * context) == pytest.approx(expected)


@given(
    st.sampled_from(GPUS),
    st.integers(16, 2048),
    st.integers(0, 16384),
    st.integers(1, 128),
    st.integers(16, 16384),
)
def test_mixed_batches_interpolate_as_scipy_does(
    gpu: str, chunk: int, history: int, sequences: int, context: int
) -> None:
    expected = seconds(gpu, slow_mixed(gpu)((chunk, history, sequences, context)).item())
    time_s = timer(gpu).mixed_s(sequences, sequences * context, [(chunk, history)])
    assert time_s == pytest.approx(expected)


@pytest.mark.parametrize("gpu", GPUS)
def test_a_measured_chunk_takes_what_was_measured(gpu: str) -> None:
    t = tables(gpu)
    us = iter(t.prefill_us)
    for chunk in t.prefill_chunk:
        for history in t.prefill_history:
            time_s = timer(gpu).prefill_s([(chunk, history)])
            assert time_s == pytest.approx(seconds(gpu, next(us)))


def test_against_a_long_history_a_chunks_time_goes_in_waves() -> None:
    """Measured on an RTX PRO 6000 after 16,384 tokens, us: 273: 371, 410: 695, 615: 699, 923: 1048,
    1384: 1418. None of these places is in the table; straight lines are up to 50 % off."""
    for chunk, us in ((273, 371), (410, 695), (615, 699), (923, 1048), (1384, 1418)):
        time_s = timer("rtx-pro-6000").prefill_s([(chunk, 16384)])
        assert time_s == pytest.approx(seconds("rtx-pro-6000", us), rel=0.02), chunk


def test_decodes_cost_more_beside_a_chunk_than_alone() -> None:
    alone = timer("rtx4090").decode_s(16, 16 * 2048)
    chunk = timer("rtx4090").prefill_s([(128, 0)])
    mixed = timer("rtx4090").mixed_s(16, 16 * 2048, [(128, 0)])
    assert mixed > 1.3 * (alone + chunk)


def test_outside_the_tables_times_go_on() -> None:
    attention = timer("rtx4090")
    assert attention.decode_s(4, 4 * 32768) > attention.decode_s(4, 4 * 16384)
    assert attention.decode_s(512, 512 * 256) == pytest.approx(
        2 * attention.decode_s(256, 256 * 256), rel=0.1
    )
    assert attention.decode_s(2048, 2048 * 64) > attention.decode_s(1023, 1023 * 64)
    assert attention.mixed_s(2048, 2048 * 64, [(64, 0)]) > attention.mixed_s(
        1023, 1023 * 64, [(64, 0)]
    )
    assert attention.prefill_s([(64, 32768)]) == pytest.approx(
        2 * attention.prefill_s([(64, 16384)]), rel=0.05
    )


def test_the_lookup_and_the_search_for_a_place_agree_where_they_meet() -> None:
    attention = timer("rtx4090")
    by_table, by_search = attention.decode_s(1023, 1023 * 64), attention.decode_s(1024, 1024 * 64)
    step = by_table - attention.decode_s(1022, 1022 * 64)
    assert by_search - by_table == pytest.approx(step)
    below, above = (attention.mixed_s(n, n * 64, [(64, 0)]) for n in (1023, 1024))
    assert above - below == pytest.approx(below - attention.mixed_s(1022, 1022 * 64, [(64, 0)]))


def test_short_contexts_cost_no_less_than_the_shortest_measured() -> None:
    assert timer("rtx4090").decode_s(8, 8) == timer("rtx4090").decode_s(8, 8 * 16)
    assert timer("rtx4090").prefill_s([(1, 0)]) == timer("rtx4090").prefill_s([(16, 0)])


def test_a_chunk_past_the_table_is_worked_off_in_parts() -> None:
    attention = timer("rtx4090")
    parts = attention.prefill_s([(2048, 0)]) + attention.prefill_s([(2048, 2048)])
    whole = attention.prefill_s([(4096, 0)])
    assert parts - seconds("rtx4090", 10) < whole < parts
    assert attention.mixed_s(8, 8 * 512, [(4096, 0)]) > whole


chunks = st.lists(st.tuples(st.integers(1, 1024), st.integers(0, 8192)), min_size=2, max_size=5)


@given(chunks)
def test_several_chunks_take_no_less_than_the_slowest_and_no_more_than_all(
    prefills: list[tuple[int, int]],
) -> None:
    attention = timer("rtx4090")
    alone = [attention.prefill_s([prefill]) for prefill in prefills]
    together = attention.prefill_s(prefills)
    assert max(alone) <= together <= sum(alone)


def test_two_halves_of_a_wave_run_at_once() -> None:
    # Two chunks of 128 tokens fill the 128 multiprocessors that one of 256 fills.
    attention = timer("rtx4090")
    pair = attention.prefill_s([(128, 8192), (128, 8192)])
    assert pair == pytest.approx(attention.prefill_s([(256, 8192)]), rel=0.02)


def test_many_short_prompts_do_not_attend_to_each_other() -> None:
    attention = timer("rtx4090")
    assert attention.prefill_s([(128, 0)] * 16) < 0.2 * attention.prefill_s([(2048, 0)])
    beside = attention.mixed_s(8, 8 * 512, [(128, 0)] * 16)
    assert beside < 0.5 * attention.mixed_s(8, 8 * 512, [(2048, 0)])


def test_slowdown_scales_every_time() -> None:
    slow = TableAttentionTimer(tables("rtx4090"), slowdown=2.0)
    fast = timer("rtx4090")
    assert slow.decode_s(8, 8 * 1000) == pytest.approx(2 * fast.decode_s(8, 8 * 1000))
    for prefills in ([(300, 100)], [(300, 100), (50, 0)], [(5000, 0)]):
        assert slow.prefill_s(prefills) == pytest.approx(2 * fast.prefill_s(prefills))
        mixed = fast.mixed_s(8, 8 * 1000, prefills)
        assert slow.mixed_s(8, 8 * 1000, prefills) == pytest.approx(2 * mixed)
