"""Steps between measured sizes, and their continuation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slaibench.costmodel.steps import beyond, expand_steps

SIZES = [8, 16, 32, 64]
TIMES = [1.0, 2.0, 3.0, 5.0]


def test_a_size_between_two_measured_ones_takes_as_long_as_the_upper() -> None:
    steps = expand_steps(SIZES, TIMES, 64)
    assert len(steps) == 65
    assert steps[1] == steps[8] == 1.0
    assert steps[9] == steps[16] == 2.0
    assert steps[17] == steps[32] == 3.0
    assert steps[33] == steps[64] == 5.0


def test_an_empty_batch_takes_no_time() -> None:
    assert expand_steps(SIZES, TIMES, 4)[0] == 0.0


def test_beyond_the_last_size_the_last_half_repeats() -> None:
    steps = expand_steps(SIZES, TIMES, 200)
    # From 32 to 64 the time rises by 2; so it does from 64 to 96, and so on.
    assert steps[65] == steps[96] == 7.0
    assert steps[97] == steps[128] == 9.0


@given(st.integers(1, 2000))
def test_past_the_lists_end_it_goes_on_the_same_way(size: int) -> None:
    long, short = expand_steps(SIZES, TIMES, 2000), expand_steps(SIZES, TIMES, 128)
    if size > 128:
        assert beyond(short, size, 32) == pytest.approx(long[size])


def test_an_odd_last_size_repeats_too() -> None:
    # From 4 to 9 the time rises by 2.
    steps = expand_steps([1, 4, 9], [1.0, 2.0, 4.0], 30)
    assert steps[10:20] == [6.0] * 5 + [8.0] * 5


def test_sizes_that_start_past_the_half_repeat_as_a_whole() -> None:
    steps = expand_steps([100, 128], [5.0, 6.0], 200)
    assert steps[128] == 6.0
    assert steps[129] == steps[156] == 7.0
    assert steps[157] == 8.0


def test_noise_never_makes_larger_batches_faster() -> None:
    assert expand_steps([8, 16], [2.0, 1.9], 40)[40] == 1.9
