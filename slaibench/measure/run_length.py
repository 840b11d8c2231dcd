"""How long a run must be for its numbers to have intervals: the rule, before any run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from slaibench.measure.quantile_interval import sound_size

MEDIAN_SIZE = 150.0
"""Independent requests for a median and its paired change."""
ROOM = 1.1
"""Length asked for, over what the correlation seen so far needs: longer runs see more of it."""
MOST_TIMES = 16
"""A run grows to at most so many times its first length."""


@dataclass(frozen=True, slots=True)
class Worth:
    """How many independent requests the runs so far are worth for one percentile.

    Args:
        q: its level.
        size: independent requests.
        essential: run as long as may be for it; else only if that will do.
    """

    q: float
    size: float
    essential: bool


def wanted_size(q: float) -> float:
    """Independent requests that a percentile's interval is to rest on."""
    return max(MEDIAN_SIZE, sound_size(q))


def next_length(first: int, now: int, worth: Sequence[Worth]) -> int | None:
    """Requests of the next, longer runs; None: these are long enough, or longer ones would not do.

    Args:
        first: requests of the first runs.
        now: requests of the present ones.
        worth: of the percentiles that are to have intervals.
    """
    most = MOST_TIMES * first
    times = 1.0
    for one in worth:
        short = wanted_size(one.q) / max(one.size, 1e-9)
        within_reach = one.size * most / now >= sound_size(one.q)
        if short > 1 and (one.essential or within_reach):
            times = max(times, ROOM * short)
    if times == 1.0 or now >= most:
        return None
    return min(first * math.ceil(times * now / first), most)
