from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from schedulers.engines.vllm_support import (
    UnsupportedVllmError,
    check_limits,
    check_version,
    is_untested,
    own_config,
)


@pytest.mark.parametrize("version", ["0.20.0", "0.26.0+cu130", "0.32.0", "0.32.1rc2"])
def test_supported_versions_pass(version: str) -> None:
    assert check_version(version) == version


@pytest.mark.parametrize("version", ["99.0.0", "99.1.0rc1+cpu"])
def test_a_newer_version_passes_and_is_untested(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check_version(version) == version
    assert is_untested(version)
    monkeypatch.setenv("SLAIBENCH_ANY_VLLM", "1")
    assert not is_untested(version)


@pytest.mark.parametrize("version", ["0.19.1", "dev"])
def test_other_versions_are_refused_with_the_range(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnsupportedVllmError, match=f"vLLM {version} is not.*0.20 to 0.32"):
        check_version(version)
    monkeypatch.setenv("SLAIBENCH_ANY_VLLM", "1")
    assert check_version(version) == version


def test_a_policy_may_ask_for_as_much_as_the_engine_has_and_no_more() -> None:
    check_limits("slai", 512, 128, 512, 128)
    with pytest.raises(UnsupportedVllmError, match=r"--max-num-batched-tokens 512.*budget=511"):
        check_limits("slai", 512, 128, 511, 128)
    with pytest.raises(UnsupportedVllmError, match=r"--max-num-seqs 128.*max_active=127"):
        check_limits("slai", 512, 128, 512, 127)


@pytest.mark.parametrize(
    ("additional", "own"),
    [({}, {}), (None, {}), ({"other": 1}, {}), ({"slaibench": {"scheduler": "rad"}},) * 2],
)
def test_our_part_of_the_configuration(additional: Any, own: Any) -> None:
    own = own.get("slaibench", own)
    assert own_config(SimpleNamespace(additional_config=additional)) == own


@pytest.mark.parametrize("ours", [{"schedular": "slai"}, "slai", ["slai"]])
def test_a_mistyped_configuration_is_refused(ours: Any) -> None:
    with pytest.raises(UnsupportedVllmError, match="scheduler, options, step_log"):
        own_config(SimpleNamespace(additional_config={"slaibench": ours}))
