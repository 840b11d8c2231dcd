"""Findings on what rises and falls: with load, or with the length of the prompt."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from slaibench.study.estimate import Estimate
from slaibench.study.paper.claim import UNKNOWN, Finding, as_seconds
from slaibench.study.paper.figures import HIGH_RPS
from slaibench.study.paper.load import Load
from slaibench.study.paper.series import buckets, mean_ttft
from slaibench.study.paper.verdict import Verdict, rises, rises_falls_rises

Course = list[tuple[float, Estimate]]
"""(rate or prompt tokens, seconds)."""
Rule = Callable[[Sequence[Estimate]], Verdict]


def tail_rises(scheduler: str, tier: str) -> Callable[[Load], Finding]:
    """Whether P99 TBT of a tier rises with load."""
    return lambda load: _judged(_tail(load, scheduler, tier), rises)


def tail_rises_falls_rises(scheduler: str, tier: str) -> Callable[[Load], Finding]:
    """Whether P99 TBT of a tier rises with load, falls, and rises again."""
    return lambda load: _judged(_tail(load, scheduler, tier), rises_falls_rises)


def ttft_grows_with_prompt(scheduler: str) -> Callable[[Load], Finding]:
    """Whether mean TTFT at high load rises with the prompt."""

    def found(load: Load) -> Finding:
        course = [
            ((low + high) / 2, mean_ttft(same))
            for low, high, same in buckets(load.digests(scheduler, HIGH_RPS))
        ]
        return _judged(course, rises, "tokens")

    return found


def _tail(load: Load, scheduler: str, tier: str) -> Course:
    return [
        (point.rate_rps, UNKNOWN if point.invalid else point.tiers[tier].tbt_p99_s)
        for point in load.of(scheduler)
        if tier in point.tiers
    ]


def _judged(course: Course, rule: Rule, unit: str = "requests/s") -> Finding:
    """A verdict on a course, with its ends and its peak in words."""
    verdict = rule([estimate for _, estimate in course])
    known = [
        (place, estimate)
        for place, estimate in course
        if estimate.value is not None and math.isfinite(estimate.value)
    ]
    if not known:
        return Finding(None, Verdict.UNTOLD, "not told")
    peak = max(known, key=lambda at: at[1].value or 0.0)
    marks = dict.fromkeys((known[0], peak, known[-1]))
    seen = ", ".join(f"{as_seconds(estimate)} at {place:g}" for place, estimate in marks)
    return Finding(None, verdict, f"{seen} {unit}")
