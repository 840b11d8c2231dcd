from __future__ import annotations

from slaibench.backends.sglang.arguments import flags, narrow
from slaibench.catalog.model import get_model


def test_flags_are_there_for_what_is_true_and_what_has_a_value() -> None:
    args = {"model_path": "m", "disable_radix_cache": False, "enable_mixed_chunk": True, "port": 1}
    assert flags(args) == ["--model-path", "m", "--enable-mixed-chunk", "--port", "1"]


def test_a_narrow_model_keeps_what_the_scheduler_knows_of_it() -> None:
    model = get_model("mistral-7b")
    thin = narrow(model)
    for same in ("name", "architecture", "vocab", "max_context_tokens"):
        assert getattr(thin, same) == getattr(model, same)
    assert thin.kv_bytes_per_token * 100 < model.kv_bytes_per_token
