"""Looks at a run see what is known, and cost what is new."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field

import numpy as np
import pytest

from slaibench.backends.looks import LATER, MANY, Looks
from slaibench.backends.virtual import TICK_S, end_of


@dataclass
class State:
    """A request that counts how often somebody looks at it."""

    arrival_s: float
    token_steps: array[int] = field(default_factory=lambda: array("i"))
    left: float = math.nan
    looks: int = 0

    @property
    def left_s(self) -> float:
        self.looks += 1
        return self.left


def steps(*ends: float) -> list[tuple[float, float, int, int, int, int, int, int, int]]:
    return [(end, end, 0, 0, 0, 0, 0, 0, 0) for end in ends]


def test_a_look_sees_who_came_was_served_and_left() -> None:
    states = [State(0.0), State(1.0), State(2.0)]
    looks = Looks(states, 10.0)
    states[0].token_steps.extend([0, 1])
    states[0].left = 4.0
    first = looks.look(5.0, range(2), steps(3.0, 4.0))
    np.testing.assert_array_equal(first.due_s, [0, 1])
    np.testing.assert_array_equal(first.first_s, [3, np.nan])
    np.testing.assert_array_equal(first.left_s, [4, np.nan])
    states[1].token_steps.append(1)
    later = looks.look(15.0, range(3), steps(3.0, 4.0))
    np.testing.assert_array_equal(later.first_s, [3, 4, np.nan])
    np.testing.assert_array_equal(first.first_s, [3, np.nan])  # a look stays what it was


def test_who_has_left_is_not_looked_at_again() -> None:
    states = [State(float(number), left=number + 0.5) for number in range(100)]
    looks = Looks(states, 1.0)
    for now in range(1, 101):
        looks.look(float(now), range(now), [])
    assert sum(state.looks for state in states) < 3 * len(states)


def test_all_looks_at_a_run_together_are_linear_in_its_length() -> None:
    """What a rule that goes over all requests sees of a run, and of one five times as long."""

    def seen(num: int) -> int:
        looks = Looks([State(0.0, left=1.0)] * num, 10.0)
        total = 0
        rate = 100
        while looks.next_s < num / rate:
            arrived = int(looks.next_s * rate)
            total += len(looks.look(looks.next_s, range(arrived), []).due_s)
        return total

    assert seen(10 * MANY) < 12 * seen(MANY * 2)
    assert seen(40 * MANY) < 22 * 40 * MANY


def test_short_runs_are_looked_at_as_often_as_was_asked() -> None:
    looks = Looks([State(0.0)] * (MANY + 1), 10.0)
    looks.look(5_000.0, range(MANY), [])
    assert looks.next_s == 5_010.0
    looks.look(5_010.0, range(MANY + 1), [])
    assert looks.next_s == pytest.approx(LATER * 5_010.0)


@pytest.mark.parametrize("start_s", [0.0, 0.1234564, 0.1234567, 12345.6789014])
@pytest.mark.parametrize("duration_s", [0.0, 1e-9, 4e-7, 6e-7, 0.1])
def test_no_batch_ends_before_it_begins(start_s: float, duration_s: float) -> None:
    end = end_of(start_s, duration_s)
    assert start_s <= end <= start_s + duration_s + TICK_S
    assert end == round(end, 6)
