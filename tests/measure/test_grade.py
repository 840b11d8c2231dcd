"""Grades: both sides of each threshold, and the figure that decides."""

from __future__ import annotations

import numpy as np
import pytest

from slaibench.measure.grade import LAST, THRESHOLDS, Grade, judged, overall
from slaibench.measure.prediction_error import Errors, errors

SAMPLES = np.linspace(1.0, 2.0, 2001)


def off(change: float, beyond: float = 0.0) -> Errors:
    """Every statistic is off by ``change``; those from P90 on by ``beyond`` more."""
    other = SAMPLES * (1 + change)
    tail = np.arange(len(SAMPLES)) >= 0.9 * len(SAMPLES)
    other[tail] = SAMPLES[tail] * (1 + change + beyond)
    result = errors(SAMPLES, other)
    assert result is not None
    return result


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("change", "grade"),
    [(0.0, "A"), (0.0199, "A"), (0.0201, "B"), (0.0499, "B"), (0.0501, "C"), (0.0999, "C")],
)
def test_a_grade_ends_at_its_limit(change: float, grade: str, sign: int) -> None:
    assert judged("TTFT", off(sign * change)).grade == grade


def test_beyond_the_last_limit_there_is_only_the_last_grade() -> None:
    assert judged("TTFT", off(0.101)).grade == LAST.grade
    assert judged("TTFT", off(50.0)).grade == LAST.grade


def test_tails_may_err_twice_as_much_and_no_more() -> None:
    assert judged("TTFT", off(0.0, 0.039)).grade == "A"
    assert judged("TTFT", off(0.0, 0.043)).grade == "B"


def test_the_reason_names_the_worst_figure_by_its_own_limit() -> None:
    assert judged("TTFT", off(0.03)).reason == "TTFT mean is off by +3.0% (B up to 5%)"
    reason = judged("TPOT", off(0.01, 0.05)).reason
    assert reason.startswith("TPOT p9")
    assert reason.endswith("(B up to 10%)")


def test_what_the_samples_do_not_tell_is_not_judged() -> None:
    reference = np.linspace(1.0, 2.0, 100)
    other = reference.copy()
    other[-4:] *= 3  # P99 and P95 of 100 samples: not told
    result = errors(reference, other)
    assert result is not None
    assert abs(result.statistics["p99"].change) > 1
    assert "p9" not in judged("TTFT", result).reason


def test_the_whole_is_as_good_as_its_worst_part() -> None:
    parts = {"ttft": Grade("A", "x"), "tpot": Grade("C", "y"), "e2e": Grade("B", "z")}
    assert overall(parts) == Grade("C", "y")


def test_grades_sort_as_their_limits_do() -> None:
    limits = [threshold.limit for threshold in (*THRESHOLDS, LAST)]
    assert limits == sorted(limits)
    grades = [threshold.grade for threshold in (*THRESHOLDS, LAST)]
    assert grades == sorted(grades)
    assert all(threshold.reason for threshold in THRESHOLDS)
