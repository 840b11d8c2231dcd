"""Errors in few numbers: what is judged, over which rows, and what causes are of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from slaibench.studies.board.causes import Cause
from slaibench.studies.board.study import Board
from slaibench.studies.board.summary import (
    ANY,
    Combination,
    by_cause,
    combination_of,
    document,
    summaries,
)
from tests.studies.board.conftest import FITTED, HELD_OUT


def test_halves_are_never_put_together(score):
    both = summaries([score(0.02), score(0.04), score(-0.3, configuration=FITTED)])
    assert {summary.half.value: summary.n for summary in both} == {"fitted": 1, "held-out": 2}
    held_out = both[1]
    assert held_out.ours.by_latency["tpot"].median == pytest.approx(0.03)
    assert held_out.combination == Combination("h100", "vllm", "qwen3-32b", "0.12.0")


def test_errors_are_sizes_and_a_bias_has_a_sign(score):
    (summary,) = summaries([score(-0.02), score(-0.04), score(-0.06)])
    sizes = summary.ours.by_latency["tpot"]
    assert (sizes.median, sizes.bias) == (0.04, -0.04)
    assert summary.library.by_latency["tpot"].median == 1.0
    assert summary.roofline is None


def test_a_tail_needs_ten_rows(score):
    few, many = (summaries([score(0.01 * n) for n in range(count)])[0] for count in (9, 10))
    assert few.ours.by_latency["tpot"].p90 is None
    assert many.ours.by_latency["tpot"].p90 == pytest.approx(0.081)


@pytest.mark.parametrize(
    ("tpot", "ttft", "grade"),
    [(0.01, 0.01, "A"), (0.01, 0.04, "B"), (0.09, 0.0, "C"), (0.0, 0.3, "D")],
)
def test_the_worst_latency_decides_by_the_thresholds_of_validations(score, tpot, ttft, grade):
    (summary,) = summaries([score(tpot, ttft)])
    assert summary.grades["all"].grade == grade


def test_causes_are_of_the_held_out_half(score):
    low = frozenset({Cause.LOW_PRECISION})
    errors = by_cause([score(0.2, causes=low), score(0.1), score(0.9, configuration=FITTED)])
    (cause,) = errors
    assert (cause.cause, cause.n, cause.tpot, cause.tpot_without) == (
        Cause.LOW_PRECISION,
        1,
        pytest.approx(0.2),
        pytest.approx(0.1),
    )


def test_a_document_has_every_level_that_a_grade_may_come_from(score):
    board = Board((score(0.02), score(0.04, configuration=FITTED)), {"another engine": 3}, 9, ())
    values = document(board, "here")
    levels = {(entry["engine"], entry["model"], entry["release"]) for entry in values["summaries"]}
    assert levels == {
        ("vllm", "qwen3-32b", "0.12.0"),
        ("vllm", "qwen3-32b", ANY),
        ("vllm", ANY, ANY),
        (ANY, ANY, ANY),
    }
    assert values["rows"] == 2
    assert {total["n"] for total in values["totals"]} == {1}


def test_a_release_that_nobody_published_has_a_name(make_row):
    row = make_row(replace(HELD_OUT, version=""))
    assert combination_of(row).release == "not published"
