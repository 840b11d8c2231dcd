"""Does a published number or ordering hold here? Rules from values to a verdict, nothing else.

One page of rules, so that none can bend to a result. A published *number* is compared with ours by
``of_number``, a published *shape* by one of the others, from intervals. What the intervals cannot
decide is not decided.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from enum import StrEnum

from slaibench.reproductions.bari2025.published import CHANGE, PublishedValue
from slaibench.studies.estimate import Estimate

AGREES_WITHIN = 0.03
"""Relative. The tolerance that ``slaibench validate`` has for a median TTFT."""
CLOSE_WITHIN = 0.10
"""Relative: about what one 35-minute run differs from the next near saturation."""
WIDEST = 0.25
"""Half of an interval's width, relative to its value: a wider one would agree with anything."""


class ClaimVerdict(StrEnum):
    """What is said of a claim."""

    AGREES = "agrees"
    CLOSE = "close"
    DISAGREES = "disagrees"
    UNDECIDED = "cannot tell"


def of_number(published: PublishedValue, ours: Estimate, *, exact: bool = False) -> ClaimVerdict:
    """A published number against ours.

    - *cannot tell*: there is no value of ours, or no interval, or one too wide to say anything
      (``WIDEST``).
    - *agrees*: ours deviates by at most 3 % or the rounding of what is printed, whichever is
      larger; or the published value lies in our 95 % interval.
    - *close*: it lies outside, by at most 10 %.
    - *disagrees*: by more.

    Relative changes are compared as ratios (-53 % is 0.47), so that 10 % means the same for both.

    Args:
        exact: ours does not vary from run to run, and so has no interval.
    """
    value, low, high = _as_ratios(published, ours)
    if value is None or not math.isfinite(value) or value <= 0:
        return ClaimVerdict.UNDECIDED
    if exact:
        low = high = value
    if low is None or high is None or (high - low) / 2 > WIDEST * value:
        return ClaimVerdict.UNDECIDED
    target = _target(published)
    off = abs(value / target - 1)
    if off <= max(AGREES_WITHIN, published.rounding / target) or low <= target <= high:
        return ClaimVerdict.AGREES
    return ClaimVerdict.CLOSE if off <= CLOSE_WITHIN else ClaimVerdict.DISAGREES


def deviation(published: PublishedValue, ours: Estimate) -> float | None:
    """How far ours is from the published value, relative to that; None where ours is not known."""
    value, _, _ = _as_ratios(published, ours)
    if value is None or not math.isfinite(value):
        return None
    return value / _target(published) - 1


def _target(published: PublishedValue) -> float:
    return published.value + (1 if published.unit == CHANGE else 0)


def _as_ratios(
    published: PublishedValue, ours: Estimate
) -> tuple[float | None, float | None, float | None]:
    shift = 1.0 if published.unit == CHANGE else 0.0
    ends = (ours.value, ours.low, ours.high)
    value, low, high = (None if end is None else end + shift for end in ends)
    return value, low, high


def all_of(verdicts: Sequence[ClaimVerdict]) -> ClaimVerdict:
    """Whether several parts of one claim hold: disagrees if one does, agrees if all do."""
    if ClaimVerdict.DISAGREES in verdicts:
        return ClaimVerdict.DISAGREES
    agrees = bool(verdicts) and all(verdict is ClaimVerdict.AGREES for verdict in verdicts)
    return ClaimVerdict.AGREES if agrees else ClaimVerdict.UNDECIDED


def all_below(changes: Sequence[Estimate], bound: float = 0.0) -> ClaimVerdict:
    """Whether every one of these lies below a bound: agrees if all intervals do, disagrees if one
    lies above it."""
    return all_of([_below(change, bound) for change in changes])


def _below(value: Estimate, bound: float) -> ClaimVerdict:
    if value.low is None or value.high is None:
        return ClaimVerdict.UNDECIDED
    if value.high < bound:
        return ClaimVerdict.AGREES
    return ClaimVerdict.DISAGREES if value.low > bound else ClaimVerdict.UNDECIDED


def above(value: Estimate, bound: float) -> ClaimVerdict:
    """Whether a value lies above a bound: by its interval."""
    if value.low is None or value.high is None:
        return ClaimVerdict.UNDECIDED
    if value.low > bound:
        return ClaimVerdict.AGREES
    return ClaimVerdict.DISAGREES if value.high < bound else ClaimVerdict.UNDECIDED


def apart(
    lower: tuple[float | None, float | None], higher: tuple[float | None, float | None]
) -> ClaimVerdict:
    """Whether one range lies below another (ends; None: not known).

    Agrees if the first ends before the second begins, disagrees if it begins after the second
    ends.
    """
    if lower[1] is not None and higher[0] is not None and lower[1] < higher[0]:
        return ClaimVerdict.AGREES
    if lower[0] is not None and higher[1] is not None and lower[0] > higher[1]:
        return ClaimVerdict.DISAGREES
    return ClaimVerdict.UNDECIDED


def between(value: Estimate, low: float, high: float) -> ClaimVerdict:
    """Whether a value lies between two bounds: agrees if its interval does, disagrees if that
    lies outside."""
    if value.low is None or value.high is None:
        return ClaimVerdict.UNDECIDED
    if low < value.low and value.high < high:
        return ClaimVerdict.AGREES
    return (
        ClaimVerdict.DISAGREES if value.high < low or value.low > high else ClaimVerdict.UNDECIDED
    )


def rises(series: Sequence[Estimate]) -> ClaimVerdict:
    """Whether a series rises; it may stay where it is for a while.

    Agrees if its last interval lies beyond its first and none lies below an earlier one;
    disagrees if one does. A difference of up to 3 % is none. With intervals that overlap, or
    without those of both ends, it is undecided.
    """
    if any(_sure(later, earlier) for earlier, later in itertools.combinations(series, 2)):
        return ClaimVerdict.DISAGREES
    if len(series) > 1 and _sure(series[0], series[-1]):
        return ClaimVerdict.AGREES
    return ClaimVerdict.UNDECIDED


def rises_falls_rises(series: Sequence[Estimate]) -> ClaimVerdict:
    """Whether a series rises, falls, and rises again.

    Agrees if four of its values, in order, have intervals of which each lies beyond its
    predecessor's, up, down, up, by more than 3 %. Disagrees if even the values themselves have no
    such four. With values that do and intervals that overlap it is undecided.
    """
    points = [point for point in series if point.value is not None and math.isfinite(point.value)]
    fours = list(itertools.combinations(points, 4))
    if any(_sure(a, b) and _sure(c, b) and _sure(c, d) for a, b, c, d in fours):
        return ClaimVerdict.AGREES
    if len(points) < len(series) or not fours:
        return ClaimVerdict.UNDECIDED
    values = [[point.value or 0.0 for point in four] for four in fours]
    if any(a < b > c < d for a, b, c, d in values):
        return ClaimVerdict.UNDECIDED
    return ClaimVerdict.DISAGREES


def _sure(low: Estimate, high: Estimate) -> bool:
    """Whether one interval lies above another, by more than counts as agreement."""
    if low.high is None or high.low is None:
        return False
    return low.high * (1 + AGREES_WITHIN) < high.low


def grows(values: Sequence[float]) -> ClaimVerdict:
    """Whether exact values grow from one to the next."""
    if len(values) < 2:
        return ClaimVerdict.UNDECIDED
    rising = all(before < after for before, after in itertools.pairwise(values))
    return ClaimVerdict.AGREES if rising else ClaimVerdict.DISAGREES
