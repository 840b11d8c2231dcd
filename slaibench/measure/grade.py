"""A grade for how well a simulation stands for a run: thresholds that are stated, with reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slaibench.measure.prediction_error import Errors

TAIL_FACTOR = 2.0
"""What a P90 or beyond may err more than a mean or a median: it rests on few requests, which one
batch more or less in a queue moves."""
TAILS = ("p90", "p95", "p99")


@dataclass(frozen=True, slots=True)
class Threshold:
    """A grade, the largest error of a mean or median that earns it, and why that one."""

    grade: str
    limit: float
    reason: str


THRESHOLDS = (
    Threshold(
        "A",
        0.02,
        "what the best simulators claim of whole runs (LLMServingSim 2.0: TTFT -4.0 to +1.3 %, "
        "TPOT 1.0 %, latency 1.8 %)",
    ),
    Threshold("B", 0.05, "a fifth of a difference between schedulers that is worth publishing"),
    Threshold("C", 0.10, "the sign of such a difference still stands; an absolute value does not"),
)
LAST = Threshold("D", float("inf"), "stands for nothing but the shape of a curve")


@dataclass(frozen=True, slots=True)
class Judgement:
    """A grade, and the figure that decided it.

    Args:
        reason: in words: the worst figure against its limit.
    """

    grade: str
    reason: str

    def to_json(self) -> dict[str, Any]:
        return {"grade": self.grade, "reason": self.reason}


def judged(name: str, errors: Errors) -> Judgement:
    """The grade of one latency: that of its worst statistic, measured by its own limit.

    Statistics for which the samples do not suffice are not judged.

    Args:
        name: what the latency is called in the reason.
    """
    told = {key: each for key, each in errors.statistics.items() if each.told}
    worst = max(told, key=lambda key: abs(told[key].change) / _factor(key))
    change, factor = told[worst].change, _factor(worst)
    threshold = next(
        (each for each in THRESHOLDS if abs(change) <= each.limit * factor),
        LAST,
    )
    limit = (
        f"{threshold.grade} up to {threshold.limit * factor:.0%}"
        if threshold is not LAST
        else f"{THRESHOLDS[-1].grade} up to {THRESHOLDS[-1].limit * factor:.0%}"
    )
    return Judgement(threshold.grade, f"{name} {worst} is off by {change:+.1%} ({limit})")


def overall(judgements: Mapping[str, Judgement]) -> Judgement:
    """The worst of several."""
    return max(judgements.values(), key=lambda each: each.grade)


def _factor(statistic: str) -> float:
    return TAIL_FACTOR if statistic in TAILS else 1.0
