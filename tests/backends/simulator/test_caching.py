"""Whose prefix cache is simulated."""

from __future__ import annotations

import pytest

from slaibench.backends.simulator.backend import Simulator
from slaibench.backends.simulator.caching import rules_of
from tests.backends.simulator.random_runs import MILLISECONDS


def test_a_cache_of_unknown_rules_is_refused() -> None:
    with pytest.raises(ValueError, match="must be one of vllm, sglang, not 'trtllm'"):
        Simulator(MILLISECONDS, total_blocks=1, prefix_caching=True, cache_rules="trtllm")


@pytest.mark.parametrize(
    ("engine", "rules"),
    [
        ("vllm 0.24.0, fp8", "vllm"),
        ("sglang 0.5.17", "sglang"),
        ("SGLang 0.5.17 (cuda)", "sglang"),
        ("roofline", "vllm"),
    ],
)
def test_an_engine_has_the_cache_of_its_own_rules(engine: str, rules: str) -> None:
    assert rules_of(engine) == rules
