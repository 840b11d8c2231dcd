"""How long runs are made."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slaibench.measure.quantile_interval import sound_size
from slaibench.measure.run_length import (
    MEDIAN_SIZE,
    MOST_FOR_MEDIAN,
    MOST_TIMES,
    ROOM,
    Worth,
    next_length,
    wanted_size,
)

FIRST = 1000


def test_a_median_wants_its_own_size_and_a_tail_what_its_upper_end_takes() -> None:
    assert wanted_size(0.5) == MEDIAN_SIZE
    assert wanted_size(0.99) == sound_size(0.99) > 367


def test_runs_that_are_worth_enough_are_long_enough() -> None:
    assert next_length(FIRST, FIRST, [Worth(0.5, MEDIAN_SIZE), Worth(0.99, 1e4)]) is None
    assert next_length(FIRST, FIRST, []) is None


@pytest.mark.parametrize("size", [149.0, 100.0, 75.0, 50.0])
def test_the_next_length_is_what_the_correlation_seen_asks_for_and_some_room(size: float) -> None:
    enough = FIRST * MEDIAN_SIZE / size
    longer = next_length(FIRST, FIRST, [Worth(0.5, size)])
    assert longer == min(FIRST * math.ceil(ROOM * enough / FIRST), MOST_FOR_MEDIAN * FIRST)
    assert longer is not None
    assert longer >= enough


def test_a_median_makes_runs_a_few_times_as_long_and_a_tail_more() -> None:
    assert next_length(FIRST, FIRST, [Worth(0.5, 10.0)]) == MOST_FOR_MEDIAN * FIRST
    assert next_length(FIRST, MOST_FOR_MEDIAN * FIRST, [Worth(0.5, 10.0)]) is None
    assert next_length(FIRST, FIRST, [Worth(0.99, 40.0)]) == 13 * FIRST


def test_nothing_runs_longer_for_a_tail_that_no_length_would_tell() -> None:
    hopeless = sound_size(0.99) / MOST_TIMES - 1
    assert next_length(FIRST, FIRST, [Worth(0.99, hopeless)]) is None
    assert next_length(FIRST, FIRST, [Worth(0.99, hopeless + 2)]) == MOST_TIMES * FIRST


@given(
    first=st.integers(20, 5000),
    times=st.integers(1, MOST_TIMES),
    median=st.floats(0, 1e4),
    tail=st.floats(0, 1e4),
)
def test_it_ends(first: int, times: int, median: float, tail: float) -> None:
    now = times * first
    longer = next_length(first, now, [Worth(0.5, median), Worth(0.99, tail)])
    assert longer is None or now < longer <= MOST_TIMES * first
