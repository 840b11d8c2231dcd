"""Grades of the board: of a combination, or of the nearest thing that was measured."""

from __future__ import annotations

import pytest

from slaibench.catalog.board import GradeOf, board_document, grade_of, plain_name


@pytest.mark.parametrize(
    "name",
    ["gpt-oss-120b", "openai/gpt-oss-120b", "OpenAI/GPT-OSS-120B"],
)
def test_a_model_has_its_grade_by_any_name(name):
    grade = grade_of("h200", name, "vllm", "0.18.0")
    assert grade.of is GradeOf.COMBINATION
    assert grade.held_out


def test_formats_of_a_checkpoint_are_no_other_model():
    assert plain_name("nvidia/Llama-3.1-8B-Instruct-FP8") == plain_name("llama-3.1-8b")
    assert plain_name("meta-llama/Meta-Llama-3.1-70B") == "llama-3.1-70b"


def test_what_was_not_measured_has_the_grade_of_what_is_nearest():
    assert grade_of("h200", "gpt-oss-120b", "vllm", "0.99.0").of is GradeOf.OTHER_RELEASES
    assert grade_of("h200", "gpt-oss-120b").of is GradeOf.OTHER_RELEASES
    assert grade_of("h200", "mistral-7b", "vllm").of is GradeOf.OTHER_MODELS
    assert grade_of("h200", "mistral-7b", "roofline").of is GradeOf.OTHER_ENGINES
    assert grade_of("l40s", "mistral-7b") is None


def test_a_grade_says_what_it_is_of():
    words = grade_of("h200", "mistral-7b", "vllm").words
    assert words.startswith("on the board: TPOT ")
    assert "published runs of other models on this GPU and engine" in words
    assert grade_of("h200", "mistral-7b", "vllm").grade in "ABCD"


def test_the_summary_that_ships_rests_on_both_halves():
    halves = {total["half"]: total["n"] for total in board_document()["totals"]}
    assert set(halves) == {"fitted", "held-out"}
    assert min(halves.values()) > 300
