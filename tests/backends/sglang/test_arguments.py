from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from slaibench.backends.engines.model_folder import as_scheduled
from slaibench.backends.sglang.arguments import flags, narrow
from slaibench.catalog.model import get_model
from tests.backends.shapes import shape_of


def test_flags_are_there_for_what_is_true_and_what_has_a_value() -> None:
    args = {"model_path": "m", "disable_radix_cache": False, "enable_mixed_chunk": True, "port": 1}
    assert flags(args) == ["--model-path", "m", "--enable-mixed-chunk", "--port", "1"]


def test_a_narrow_model_keeps_what_the_scheduler_knows_of_it() -> None:
    model = get_model("mistral-7b")
    thin = narrow(model)
    for same in ("name", "architecture", "vocab", "max_context_tokens"):
        assert getattr(thin, same) == getattr(model, same)
    assert thin.kv_bytes_per_token * 100 < model.kv_bytes_per_token


@pytest.mark.parametrize("name", ["Qwen/Qwen3-30B-A3B", "deepseek-ai/DeepSeek-V3"])
def test_a_narrow_model_is_as_small_whatever_it_was(name: str, tmp_path: Path) -> None:
    thin, other = narrow(as_scheduled(shape_of(name, tmp_path))), narrow(get_model("llama-3.1-8b"))
    size = {"vocab": 1000, "max_context_tokens": 1000, "source": "", "name": "", "hf_id": None}
    assert replace(thin, **size) == replace(other, **size)
