"""The least TTFT: against enumeration, and below what every scheduler shows."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slaibench.measure.ttft_bound import RESOLUTION_S, least_ttft_s, most_on_time


def arrays(*columns: list[float]) -> tuple[np.ndarray, ...]:
    return tuple(np.array(column, dtype=np.float64) for column in columns)


def can_all_be_on_time(due: list[float], work: list[float], within: float) -> bool:
    """Any demand in an interval must fit into it: necessary and sufficient on one machine with
    interruption."""
    for start in due:
        for end in (each + within for each in due):
            inside = [w for d, w in zip(due, work, strict=True) if d >= start and d + within <= end]
            if inside and sum(inside) > end - start + 1e-12:
                return False
    return True


jobs = st.lists(
    st.tuples(st.sampled_from([0, 1, 1, 2, 5]), st.sampled_from([1, 2, 3, 6])),
    min_size=1,
    max_size=7,
)


@settings(max_examples=200, deadline=None)
@given(jobs=jobs, within=st.sampled_from([1, 2, 3, 4, 6, 9]))
def test_the_largest_set_is_that_of_enumeration(jobs: list[tuple[int, int]], within: int) -> None:
    due = np.cumsum([gap for gap, _ in jobs]).astype(float)
    work = np.array([float(each) for _, each in jobs])
    best = max(
        count
        for count in range(len(jobs) + 1)
        for chosen in combinations(range(len(jobs)), count)
        if can_all_be_on_time([due[i] for i in chosen], [work[i] for i in chosen], within)
    )
    assert most_on_time(due, work, work, within) == best


def test_a_machine_of_its_own_leaves_the_time_alone() -> None:
    due, work, alone = arrays([0, 100, 200], [1, 2, 3], [1.5, 2.5, 3.5])
    assert least_ttft_s(due, work, alone, 0.5) == 2.5
    assert least_ttft_s(due, work, alone, 1.0) == 3.5


def test_a_crowd_is_served_shortest_first() -> None:
    """All at once, with 1, 2, 3, 4, 5 s: three of them within 1 + 2 + 3."""
    due, work = arrays([0] * 5, [5, 3, 1, 2, 4])
    found = least_ttft_s(due, work, work, 0.5)
    assert 6 - RESOLUTION_S <= found <= 6


def test_the_bound_is_never_above_what_can_be_reached() -> None:
    rng = np.random.default_rng(0)
    due = np.sort(rng.uniform(0, 60, 80))
    work = rng.exponential(0.6, 80)
    clock, ttft = 0.0, []
    for start, needs in zip(due, work, strict=True):  # first come, first served
        clock = max(clock, start) + needs
        ttft.append(clock - start)
    for level in (0.1, 0.5, 0.9, 0.99):
        assert least_ttft_s(due, work, work, level) <= np.quantile(ttft, level)


def test_a_request_that_cannot_be_on_time_is_not_counted() -> None:
    due, work, alone = arrays([0, 0], [1, 1], [1, 9])
    assert most_on_time(due, work, alone, 8) == 1
    assert most_on_time(due, work, alone, 9) == 2


@pytest.mark.parametrize(
    ("due", "work", "says"),
    [([], [], "at least one request"), ([0, 1], [1], "not 2, 1 and 1"), ([1, 0], [1, 1], "ascend")],
)
def test_what_is_no_set_of_requests_is_refused(
    due: list[float], work: list[float], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        least_ttft_s(*arrays(due, work, work), level=0.5)
