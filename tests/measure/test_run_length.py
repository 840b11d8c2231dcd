import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slaibench.measure.quantile_interval import sound_size
from slaibench.measure.run_length import (
    MEDIAN_SIZE,
    MOST_TIMES,
    ROOM,
    Worth,
    next_length,
    wanted_size,
)


def worth(q: float, size: float, *, essential: bool = True) -> Worth:
    return Worth(q, size, essential)


def test_a_median_wants_150_and_a_p99_what_its_upper_end_needs() -> None:
    assert wanted_size(0.5) == MEDIAN_SIZE == 150
    assert wanted_size(0.99) == sound_size(0.99) > 368


def test_runs_that_are_worth_enough_are_long_enough() -> None:
    assert next_length(1000, 1000, [worth(0.5, 150), worth(0.99, sound_size(0.99))]) is None
    assert next_length(1000, 1000, []) is None


@pytest.mark.parametrize(
    ("size", "times"), [(149, 2), (100, 2), (75, 3), (50, 4), (30, 6), (12, 14), (1, 16), (0, 16)]
)
def test_the_next_length_is_what_the_correlation_seen_asks_for_and_some_room(
    size: float, times: int
) -> None:
    assert next_length(1000, 1000, [worth(0.5, size)]) == 1000 * times
    assert times == min(MOST_TIMES, math.ceil(ROOM * 150 / max(size, 1e-9)))


def test_it_grows_from_the_present_length_in_steps_of_the_first() -> None:
    assert next_length(1000, 4000, [worth(0.5, 100)]) == 7000  # 4,000 * 1.65
    assert next_length(1000, 15_000, [worth(0.5, 100)]) == 16_000
    assert next_length(1000, 16_000, [worth(0.5, 100)]) is None


def test_the_percentile_that_is_shortest_of_requests_decides() -> None:
    assert next_length(1000, 1000, [worth(0.5, 100), worth(0.99, 200)]) == 3000
    assert next_length(1000, 1000, [worth(0.5, 50), worth(0.99, 400)]) == 4000


def test_nothing_runs_longer_for_a_tail_that_no_length_would_tell() -> None:
    beyond = sound_size(0.99) / MOST_TIMES - 1
    within = sound_size(0.99) / MOST_TIMES + 1
    assert next_length(1000, 1000, [worth(0.99, beyond, essential=False)]) is None
    assert next_length(1000, 1000, [worth(0.99, within, essential=False)]) == 16_000
    assert next_length(1000, 1000, [worth(0.99, beyond, essential=True)]) == 16_000
    # What longer runs were worth decides again.
    assert next_length(1000, 8000, [worth(0.99, 8 * beyond, essential=False)]) is None


@given(st.integers(20, 5000), st.integers(1, 16), st.floats(0, 1e5), st.floats(0, 1e5))
def test_it_ends(first: int, times: int, median: float, tail: float) -> None:
    """Every length is a longer multiple of the first, up to the most: so no study runs for ever."""
    now = first * times
    longer = next_length(first, now, [worth(0.5, median), worth(0.99, tail, essential=False)])
    if longer is not None:
        assert now < longer <= MOST_TIMES * first
        assert longer % first == 0
