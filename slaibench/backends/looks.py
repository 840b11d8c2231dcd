"""Looks at a run in virtual time while it goes on, for its stop rule."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from slaibench.backends.base import Progress

MANY = 20_000
"""Requests from which on a look, whose rule goes over all of them, is no longer cheap."""
LATER = 1.05
"""Looks at a long run are so far apart: each costs as much as the run is long, and all of them
together then as much as twenty of the last one, however long it is."""


class SeenRequest(Protocol):
    """What a look sees of a request inside an engine (``virtual.RequestState``)."""

    arrival_s: float
    left_s: float
    token_steps: array[int]


class Looks:
    """What is known of a run's requests, brought up to date at each look.

    Only those that have not left are looked at again, so that a look builds no lists of all.

    Args:
        states: every request of the run.
        every_s: time from one look to the next, until ``MANY`` requests have arrived.
    """

    def __init__(self, states: Sequence[SeenRequest], every_s: float) -> None:
        self._states = states
        self._every_s = every_s
        self._due_s, self._first_s, self._left_s = (
            np.full(len(states), math.nan) for _ in range(3)
        )
        self._there: list[int] = []
        self._num_arrived = 0
        self.next_s = every_s

    def look(
        self,
        now_s: float,
        order: Sequence[int],
        steps: Sequence[tuple[float, float, int, int, int, int, int, int, int]],
    ) -> Progress:
        """The run as it is now; the next look is at ``next_s``.

        Args:
            order: places of those that have arrived, as they did.
            steps: the engine's, of which tokens know the numbers.
        """
        due_s, first_s, left_s = self._due_s, self._first_s, self._left_s
        num_arrived = len(order)
        new = range(self._num_arrived, num_arrived)
        for row in new:
            due_s[row] = self._states[order[row]].arrival_s
        staying = []
        for row in (*self._there, *new):
            state = self._states[order[row]]
            if state.token_steps:
                first_s[row] = steps[state.token_steps[0]][1]
            left_s[row] = state.left_s
            if math.isnan(state.left_s):
                staying.append(row)
        self._there, self._num_arrived = staying, num_arrived
        self.next_s = now_s + self._every_s
        if num_arrived > MANY:
            self.next_s = max(self.next_s, LATER * now_s)
        return Progress(
            now_s,
            due_s=due_s[:num_arrived].copy(),
            first_s=first_s[:num_arrived].copy(),
            left_s=left_s[:num_arrived].copy(),
        )
