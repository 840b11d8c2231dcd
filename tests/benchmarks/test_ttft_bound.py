"""The least TTFT: against enumeration, and below what every scheduler shows.

The least times of prompts that it takes: by hand on a staircase, and below what any cut of them
takes.
"""

from functools import cache
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.beyond_slai.ttft_bound import (
    RESOLUTION_S,
    least_ttft_s,
    most_on_time,
    prompt_floor,
)
from slaibench.catalog import get_profile
from slaibench.costmodel import CostModel, StaircaseCostModel
from slaibench.costmodel.floor import BatchFloor, Room, batch_floor

ROOM = Room(batch_tokens=1024, decodes=4, cache_tokens=100_000, context_tokens=8192)
PROFILES = ("rtx6000-ada", "h100", "rtx4090")


def arrays(*columns: list[float]) -> tuple[np.ndarray, ...]:
    return tuple(np.array(column, dtype=np.float64) for column in columns)


def can_all_be_on_time(due: list[float], work: list[float], within: float) -> bool:
    """Any demand in an interval must fit into it: necessary and sufficient on one machine with
    interruption."""
    for start in due:
        for end in (arrival + within for arrival in due):
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
    work = np.array([float(length) for _, length in jobs])
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
    least_s = least_ttft_s(due, work, work, 0.5)
    assert 6 - RESOLUTION_S <= least_s <= 6


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


@cache
def floor_of(name: str) -> tuple[CostModel, BatchFloor]:
    model = CostModel(get_profile(name, "mistral-7b"))
    return model, batch_floor(model, ROOM, pairs_per_token=2000.0)


def test_on_a_staircase_both_times_follow_by_hand() -> None:
    """1 s a batch and 1 s a tile of 10 tokens, at most 20 tokens: 3 s for 20 tokens at best."""
    model = StaircaseCostModel(t_lin_s=1.0, t_col_tokens=10, constant_s=1.0)
    prompts = prompt_floor(
        batch_floor(model, Room(20, 1, 100, 100), 10.0), np.array([1, 10, 20, 35])
    )
    assert prompts.work_s == pytest.approx([0.15, 1.5, 3.0, 5.25])
    assert prompts.alone_s == pytest.approx([2.0, 2.0, 3.0, 6.0])


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
        times_s += model.between_s(1) + model.batch_time_s(0, 0, [(chunk, history)])
        other = min(beside, ROOM.batch_tokens - chunk)
        both = [(chunk, history), *([(other, 0)] if other else [])]
        shared_s += model.between_s(2) + model.batch_time_s(0, 0, both)
        history += chunk
    prompts = prompt_floor(floor, np.array([prompt]))
    tolerance = 1 + 1e-9
    assert prompts.alone_s[0] <= times_s * tolerance
    assert prompts.work_s[0] <= times_s * tolerance
    rest = sum(min(beside, ROOM.batch_tokens - chunk) for chunk in chunks)
    least = prompt_floor(floor, np.array([prompt, *([1] * rest)])).work_s
    # Those beside it are here one-token prompts, which have the fewest pairs.
    assert least.sum() <= shared_s * tolerance


@pytest.mark.parametrize("name", PROFILES)
def test_a_prompt_alone_takes_at_least_its_share(name: str) -> None:
    _, floor = floor_of(name)
    prompts = prompt_floor(floor, np.arange(1, 3000))
    assert (prompts.work_s <= prompts.alone_s * (1 + 1e-9)).all()


def test_a_prompt_without_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 token, not 0"):
        prompt_floor(floor_of("h100")[1], np.array([5, 0]))
