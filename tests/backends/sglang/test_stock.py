from __future__ import annotations

import pytest

from slaibench.backends.engines.base import StartLimits
from slaibench.backends.sglang.stock import limits_on
from slaibench.catalog.gpu import get_gpu


@pytest.mark.parametrize(
    ("gpu", "kv_tokens", "context_tokens", "limits"),
    [
        ("l4", 41_424, 9216, StartLimits(4096, 2301)),
        ("h100", 400_000, 131_072, StartLimits(8192, 2048)),
        ("h200", 800_000, 9216, StartLimits(8192, 4096)),
        ("b200", 3000, 9216, StartLimits(16384, 1500)),
    ],
)
def test_limits_are_those_of_sglangs_rules(
    gpu: str, kv_tokens: int, context_tokens: int, limits: StartLimits
) -> None:
    """By hand, from the source that ``limits_on`` names: both ends and the middle of its range."""
    assert limits_on(get_gpu(gpu), kv_tokens, context_tokens) == limits
