"""How long a run must be for its numbers to have intervals: the rule, before any run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from slaibench.measure.quantile_interval import sound_size

MEDIAN = 0.5
MEDIAN_SIZE = 150.0
"""Independent requests for a median and its paired change."""
ROOM = 1.1
"""Length of the next runs over what the correlation so far needs: longer runs see more of it."""
MOST_TIMES = 16
"""A run grows to at most so many times its first length."""
MOST_FOR_MEDIAN = 4
"""And to so many times for a median, which says less the nearer to saturation it is."""


@dataclass(frozen=True, slots=True)
class Worth:
    """How many independent requests the runs so far are worth for one percentile.

    Args:
        q: its level.
        size: independent requests.
    """

    q: float
    size: float


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
    wanted = now
    for percentile in worth:
        most = first * (MOST_FOR_MEDIAN if percentile.q == MEDIAN else MOST_TIMES)
        enough = now * wanted_size(percentile.q) / max(percentile.size, 1e-9)
        within_reach = percentile.size * most / now >= sound_size(percentile.q)
        if enough > now and within_reach:
            wanted = max(wanted, min(first * math.ceil(ROOM * enough / first), most))
    return wanted if wanted > now else None
