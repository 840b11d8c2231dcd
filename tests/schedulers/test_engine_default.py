from __future__ import annotations

import pytest

from slaibench.schedulers.base import SchedulerError
from slaibench.schedulers.engine_default import EngineDefault
from slaibench.schedulers.registry import build
from tests.schedulers.plain import PlainView


def test_the_engines_own_rule_is_not_ours_to_run() -> None:
    with pytest.raises(SchedulerError, match="--backend vllm"):
        EngineDefault().schedule(PlainView())


def test_its_limits_are_options_like_any_others() -> None:
    engine = build("engine:token_budget=2048,max_active=64")
    assert (engine.token_budget, engine.max_active) == (2048, 64)
