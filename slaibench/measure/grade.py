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
class Grade:
    """A grade, and the figure that decided it.

    Args:
        reason: in words: the worst figure against its limit.
    """

    grade: str
    reason: str

    def to_json(self) -> dict[str, Any]:
        return {"grade": self.grade, "reason": self.reason}


def judged(name: str, errors: Errors) -> Grade:
    """The grade of one latency: that of its worst statistic, measured by its own limit.

    Statistics for which the samples do not suffice are not judged.

    Args:
        name: what the latency is called in the reason.
    """
    changes = {
        statistic: error.change
        for statistic, error in errors.statistics.items()
        if error.enough_samples
    }
    return graded(name, changes)


def graded(name: str, changes: Mapping[str, float]) -> Grade:
    """The grade of relative errors by statistic (``mean``, ``p50``, ``p90``): the worst one's.

    Args:
        name: what they are of.
    """
    worst = max(changes, key=lambda statistic: abs(changes[statistic]) / _factor(statistic))
    change, factor = changes[worst], _factor(worst)
    threshold = next((row for row in THRESHOLDS if abs(change) <= row.limit * factor), LAST)
    named = THRESHOLDS[-1] if threshold is LAST else threshold
    limit = f"{named.grade} up to {named.limit * factor:.0%}"
    return Grade(threshold.grade, f"{name} {worst} is off by {change:+.1%} ({limit})")


def overall(grades: Mapping[str, Grade]) -> Grade:
    """The worst of several."""
    return max(grades.values(), key=lambda grade: grade.grade)


def _factor(statistic: str) -> float:
    return TAIL_FACTOR if statistic in TAILS else 1.0
