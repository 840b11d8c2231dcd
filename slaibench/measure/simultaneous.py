"""Verdicts of one command that all hold at once: an interval each, one error rate for all.

A job of regression tests asks about three families by themselves (``regression.judge``). Whoever
judges a scheduler reads every line, "no difference" as well, so here one probability covers them
all: the intervals of all changes hold together with probability 1 - ``error`` (Bonferroni; whatever
the dependence of metrics and loads), and a verdict is what its interval says. docs/metrics.md has
the rule.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from slaibench.measure.intervals import t_quantile
from slaibench.measure.regression import (
    Change,
    ChangeVerdict,
    Judgement,
    detectable,
    p_beyond,
    replicates_needed,
)

ERROR = 0.05
"""Largest probability that any verdict of a command is wrong."""


def judge_together(
    changes: Sequence[tuple[Change, int]], margin: float, *, comparisons: int, error: float = ERROR
) -> list[Judgement]:
    """Verdicts on all metrics at all loads of a command.

    Args:
        changes: each with its harm, +1 or -1.
        margin: largest relative change that does not matter, e.g. 0.05.
        comparisons: how many there were to be when the command was planned; those that no test
            could be made of count.

    Returns:
        Judgements whose ``low`` and ``high`` are the ends of the intervals that hold together.

    Raises:
        ValueError: the margin is not positive, or there are more changes than were planned.
    """
    if not margin > 0:
        raise ValueError(f"the margin must be positive, not {margin}: say what does not matter")
    if len(changes) > comparisons:
        raise ValueError(f"{len(changes)} comparisons were made, and {comparisons} planned")
    room, share = math.log1p(margin), error / comparisons
    return [_judged(change, harm, room, share) for change, harm in changes]


def _judged(change: Change, harm: int, room: float, share: float) -> Judgement:
    half = t_quantile(change.degrees, 1 - share) * change.error
    low, high = change.log_ratio - half, change.log_ratio + half
    harms = (low, high) if harm > 0 else (-high, -low)
    return Judgement(
        _verdict(harms, room),
        low,
        high,
        p_beyond(change, harm, room),
        p_beyond(change, -harm, room),
        mde=harm * (room + detectable(change.degrees, share / 2) * change.error),
        needed=replicates_needed(change, room, share / 2),
    )


def _verdict(harms: tuple[float, float], room: float) -> ChangeVerdict:
    """What an interval says, on the scale on which more is worse."""
    least_harm, most_harm = harms
    if least_harm > room:
        return ChangeVerdict.WORSE
    if most_harm < -room:
        return ChangeVerdict.BETTER
    inside = -room < least_harm and most_harm < room
    return ChangeVerdict.SAME if inside else ChangeVerdict.UNKNOWN
