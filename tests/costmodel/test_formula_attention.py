"""Attention by formula: each term worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slaibench.catalog import FormulaAttention
from slaibench.costmodel.formula_attention import FormulaAttentionTimer

FORMULA = FormulaAttention(
    layers=32,
    hidden=4096,
    kv_bytes_per_token=131_072,
    kv_bandwidth_gbps=655.36,
    prefill_tflops=131.072,
    decode_launch_us=20.0,
    prefill_launch_us=10.0,
    own_share=0.5,
    mixed_decode_factor=2.0,
    row_tile=64,
    wave_tokens=256,
)
# 131,072 bytes at 655.36 GB/s: 0.2 us a cached token. A pair: 4 * 4096 * 32 / 131.072e12: 4 ns.
TOKEN_S = 0.2e-6
PAIR_S = 4e-9


def test_decodes_read_their_cache_once() -> None:
    expected = 32 * 20e-6 + 100_000 * TOKEN_S
    assert FormulaAttentionTimer(FORMULA).decode_s(50, 100_000) == pytest.approx(expected)


def test_a_first_chunk_attends_to_itself() -> None:
    expected = 32 * 10e-6 + 0.5 * 500 * 500 * PAIR_S
    assert FormulaAttentionTimer(FORMULA).prefill_s([(500, 0)]) == pytest.approx(expected)


def test_history_is_read_in_whole_waves() -> None:
    timer = FormulaAttentionTimer(FORMULA)
    for chunk, rows in ((1, 256), (256, 256), (257, 512), (512, 512), (513, 768)):
        expected = 32 * 10e-6 + (rows * 4000 + 0.5 * chunk * chunk) * PAIR_S
        assert timer.prefill_s([(chunk, 4000)]) == pytest.approx(expected), chunk


def test_a_chunk_with_a_long_history_holds_up_the_others() -> None:
    timer = FormulaAttentionTimer(FORMULA)
    expected = 32 * 10e-6 + (256 * 8000 + 0.5 * (64 * 64 + 900 * 900)) * PAIR_S
    assert timer.prefill_s([(64, 8000), (900, 0)]) == pytest.approx(expected)


def test_decodes_beside_a_chunk_cost_their_factor() -> None:
    timer = FormulaAttentionTimer(FORMULA)
    mixed = timer.mixed_s(10, 50_000, [(500, 0)])
    assert mixed == pytest.approx(timer.prefill_s([(500, 0)]) + 50_000 * 2 * TOKEN_S)


def test_twice_the_bandwidth_halves_the_reading() -> None:
    fast = FormulaAttentionTimer(replace(FORMULA, kv_bandwidth_gbps=2 * 655.36))
    assert fast.decode_s(1, 10**6) == pytest.approx(32 * 20e-6 + 0.5 * 10**6 * TOKEN_S)


@given(
    st.floats(0.5, 3),
    st.lists(st.tuples(st.integers(1, 600), st.integers(0, 9000)), min_size=1, max_size=4),
)
def test_slowdown_scales_every_time(slowdown: float, prefills: list[tuple[int, int]]) -> None:
    base = FormulaAttentionTimer(FORMULA)
    slow = FormulaAttentionTimer(FORMULA, slowdown)
    assert slow.decode_s(3, 999) == pytest.approx(slowdown * base.decode_s(3, 999))
    expected = slowdown * base.mixed_s(3, 999, prefills)
    assert slow.mixed_s(3, 999, prefills) == pytest.approx(expected)
