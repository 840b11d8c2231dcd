"""What a profile is of: numbers that go together, and how it is said."""

from __future__ import annotations

from typing import Any

import pytest

from slaibench.operators.deployment import Deployment, OperatorSource, Precision


def test_it_is_said_in_a_line() -> None:
    plain = Deployment("qwen3-8b", "l40s")
    assert plain.words == "qwen3-8b on l40s"
    spread = Deployment(
        "deepseek-v3",
        "h200",
        engine=OperatorSource.SGLANG,
        engine_version="0.5.14",
        tp=8,
        ep=4,
        precision=Precision.FP8,
    )
    assert spread.words == "deepseek-v3 on 8 x h200, experts over 4, fp8, sglang 0.5.14"


@pytest.mark.parametrize(
    "more",
    [
        {"tp": 2},
        {"tp": 2, "ep": 2},
        {"precision": Precision.BF16},
        {"engine": OperatorSource.VLLM},
        {"engine": OperatorSource.SGLANG, "engine_version": "0.5.14"},
    ],
)
def test_a_profile_that_ships_is_of_nothing_but_a_model_and_a_gpu(more: dict[str, Any]) -> None:
    assert Deployment("mistral-7b", "h100").is_plain
    assert not Deployment("mistral-7b", "h100", **more).is_plain


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"tp": 0}, "--tp 0: give a power of two"),
        ({"tp": 6}, "--tp 6: give a power of two"),
        ({"tp": 4, "ep": 3}, "--ep 3 does not divide --tp 4"),
        ({"tp": 2, "ep": 4}, "--ep 4 does not divide --tp 2"),
        ({"engine_version": "0.24.0"}, "say of which engine"),
        ({"engine": OperatorSource.ROOFLINE, "engine_version": "1"}, "say of which engine"),
    ],
)
def test_what_does_not_go_together_is_refused(more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Deployment("mistral-7b", "h100", **more)
