from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from slaibench.schedulers import registry
from slaibench.schedulers.engines.sglang_support import (
    RELEASES,
    check_config,
    check_loop,
    limits,
    own_config,
)
from slaibench.schedulers.engines.support import UnsupportedEngineError

FINE: dict[str, Any] = {
    "enable_mixed_chunk": True,
    "pp_size": 1,
    "enable_dp_attention": False,
    "disaggregation_mode": "null",
    "enable_hierarchical_cache": False,
}


def engine(**changed: Any) -> Any:
    args = {key: changed.pop(key, value) for key, value in FINE.items()}
    parts = {"enable_overlap": False, "is_hybrid_swa": False, "is_hybrid_ssm": False, **changed}
    spec = SimpleNamespace(is_none=lambda: not parts.pop("speculates", False))
    return SimpleNamespace(server_args=SimpleNamespace(**args), spec_algorithm=spec, **parts)


def view() -> Any:
    return SimpleNamespace(total_blocks=100, block_size=16, max_prefilling=1)


def test_the_limits_that_hold_are_said() -> None:
    scheduler = registry.build("slai:token_budget=256,max_active=48")
    assert limits(view(), scheduler) == (
        "at most 256 tokens a batch, 48 requests active, 1 prompt prefilling; 100 KV blocks of 16 "
        "tokens"
    )
    assert limits(view(), None) == "100 KV blocks of 16 tokens"


@pytest.mark.parametrize("version", ["0.5.17", "0.5.18", "0.5.22", "0.5.23", "0.5.23.post1"])
def test_versions_of_the_tested_range_pass(version: str) -> None:
    assert RELEASES.check(version) == version
    assert not RELEASES.is_untested(version)


@pytest.mark.parametrize("version", ["0.5.24", "0.5.24.dev3", "0.6.0", "1.0.0rc1"])
def test_a_newer_version_passes_and_is_untested(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert RELEASES.check(version) == version
    assert RELEASES.is_untested(version)
    monkeypatch.setenv("SLAIBENCH_ANY_SGLANG", "1")
    assert not RELEASES.is_untested(version)


@pytest.mark.parametrize("version", ["0.5.16", "0.4.99", "dev"])
def test_other_versions_are_refused_with_those_that_work(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnsupportedEngineError, match=rf"SGLang {version} is not.*0\.5\.23"):
        RELEASES.check(version)
    assert not RELEASES.is_untested(version)
    monkeypatch.setenv("SLAIBENCH_ANY_SGLANG", "1")
    assert RELEASES.check(version) == version


@pytest.mark.parametrize("overlaps", [False, True])
def test_an_engine_that_can_be_steered_passes(overlaps: bool) -> None:
    check_config(engine(enable_overlap=overlaps))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"enable_mixed_chunk": False}, "--enable-mixed-chunk"),
        ({"speculates": True}, "speculative decoding"),
        ({"pp_size": 2}, "--pp-size 2: several batches"),
        ({"enable_dp_attention": True}, "--enable-dp-attention"),
        ({"disaggregation_mode": "prefill"}, "--disaggregation-mode"),
        ({"enable_hierarchical_cache": True}, "--enable-hierarchical-cache"),
        ({"is_hybrid_swa": True}, "sliding windows"),
        ({"is_hybrid_ssm": True}, "state space"),
    ],
)
def test_what_cannot_be_steered_is_named(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(UnsupportedEngineError, match=message):
        check_config(engine(**changed))


def test_an_overlap_loop_that_was_not_tried_is_refused() -> None:
    with pytest.raises(UnsupportedEngineError, match=r"0\.5\.21.*--disable-overlap-schedule"):
        check_loop(True, "0.5.21")
    check_loop(False, "0.5.17")
    check_loop(True, "0.5.22")
    check_loop(True, "0.6.0")


def test_our_configuration_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLAIBENCH_SGLANG", raising=False)
    assert own_config() == {}
    monkeypatch.setenv("SLAIBENCH_SGLANG", '{"scheduler": "slai", "switchable": true}')
    assert own_config() == {"scheduler": "slai", "switchable": True}


@pytest.mark.parametrize("text", ["slai", "[]", '{"schedular": "slai"}'])
def test_a_mistyped_configuration_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLAIBENCH_SGLANG", text)
    with pytest.raises(UnsupportedEngineError, match="SLAIBENCH_SGLANG"):
        own_config()
