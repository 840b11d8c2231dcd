"""Findings on what rises and falls: with load, or with the length of the prompt."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from slaibench.reproductions.bari2025.claim import UNKNOWN, Finding, as_seconds
from slaibench.reproductions.bari2025.figures import HIGH_RPS, LABELS
from slaibench.reproductions.bari2025.load import Load
from slaibench.reproductions.bari2025.series import buckets, mean_ttft
from slaibench.reproductions.bari2025.verdict import Verdict, all_of, rises
from slaibench.studies.estimate import Estimate

Course = list[tuple[float, Estimate]]
"""(rate or prompt tokens, seconds)."""
Rule = Callable[[Sequence[Estimate]], Verdict]


def tails(rule: Rule, schedulers: Sequence[str], tier: str) -> Callable[[Load], Finding]:
    """Whether a rule holds of a tier's P99 TBT against load, under each of some schedulers."""

    def found(load: Load) -> Finding:
        parts = {name: _judged(_tail(load, name, tier), rule) for name in schedulers}
        seen = "; ".join(
            f"{LABELS[name]} {part.verdict.value}, {part.seen}" for name, part in parts.items()
        )
        return Finding(None, all_of([part.verdict for part in parts.values()]), seen)

    return found


def ttft_grows_with_prompt(scheduler: str) -> Callable[[Load], Finding]:
    """Whether mean TTFT at high load rises with the prompt."""

    def found(load: Load) -> Finding:
        course = [
            ((low + high) / 2, mean_ttft(same))
            for low, high, same in buckets(load.summaries(scheduler, HIGH_RPS))
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
    """A verdict on a course, with its ends, its peak and its least value after that in words."""
    verdict = rule([estimate for _, estimate in course])
    known = [
        (place, estimate)
        for place, estimate in course
        if estimate.value is not None and math.isfinite(estimate.value)
    ]
    if not known:
        return Finding(None, Verdict.UNTOLD, "not told")
    peak = max(known, key=lambda at: at[1].value or 0.0)
    trough = min(known[known.index(peak) :], key=lambda at: at[1].value or 0.0)
    marks = dict.fromkeys((known[0], peak, trough, known[-1]))
    seen = ", ".join(f"{as_seconds(estimate)} at {place:g}" for place, estimate in marks)
    return Finding(None, verdict, f"{seen} {unit}")
