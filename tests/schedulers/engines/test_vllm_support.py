from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from slaibench.schedulers.engines.support import UnsupportedEngineError
from slaibench.schedulers.engines.vllm_support import (
    RELEASES,
    check_mode,
    engine_limits,
    own_config,
)
from slaibench.schedulers.slai import Slai


@pytest.mark.parametrize("version", ["0.20.0", "0.26.0+cu130", "0.33.0", "0.33.1rc2"])
def test_supported_versions_pass(version: str) -> None:
    assert RELEASES.check(version) == version


@pytest.mark.parametrize("version", ["99.0.0", "99.1.0rc1+cpu"])
def test_a_newer_version_passes_and_is_untested(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert RELEASES.check(version) == version
    assert RELEASES.is_untested(version)
    monkeypatch.setenv("SLAIBENCH_ANY_VLLM", "1")
    assert not RELEASES.is_untested(version)


@pytest.mark.parametrize("version", ["0.19.1", "dev"])
def test_other_versions_are_refused_with_the_range(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnsupportedEngineError, match=f"vLLM {version} is not.*0.20 to 0.33"):
        RELEASES.check(version)
    monkeypatch.setenv("SLAIBENCH_ANY_VLLM", "1")
    assert RELEASES.check(version) == version


def test_asynchronous_scheduling_is_refused_where_tokens_in_flight_are_counted_otherwise() -> None:
    ahead, not_ahead = (
        SimpleNamespace(scheduler_config=SimpleNamespace(async_scheduling=mode))
        for mode in (True, False)
    )
    for version in ("0.29.0", "0.32.0+cpu", "0.33.1"):
        check_mode(ahead, version)
    check_mode(not_ahead, "0.28.1")
    with pytest.raises(UnsupportedEngineError, match=r"vLLM 0\.28\.1.*--no-async-scheduling"):
        check_mode(ahead, "0.28.1")


def scheduler_config(**fields: Any) -> Any:
    return SimpleNamespace(max_num_batched_tokens=512, max_num_seqs=128, **fields)


def test_a_scheduler_may_ask_for_as_much_as_the_engine_has_and_no_more() -> None:
    engine_limits(scheduler_config()).check(Slai(token_budget=512, max_active=128))
    with pytest.raises(UnsupportedEngineError, match=r"--max-num-batched-tokens 513.*budget=512"):
        engine_limits(scheduler_config()).check(Slai(token_budget=513, max_active=128))
    with pytest.raises(UnsupportedEngineError, match=r"--max-num-seqs 129.*max_active=128"):
        engine_limits(scheduler_config()).check(Slai(token_budget=512, max_active=129))


def test_a_batch_has_to_hold_a_decode_with_its_drafts() -> None:
    limits = engine_limits(scheduler_config(), decode_tokens=4)
    limits.check(Slai(token_budget=4, max_active=9))
    with pytest.raises(UnsupportedEngineError, match=r"verifies 4: give it token_budget=4 or more"):
        limits.check(Slai(token_budget=3, max_active=9))


def test_the_limit_that_binds_is_named() -> None:
    limits = engine_limits(scheduler_config(max_num_scheduled_tokens=64, max_num_active_seqs=9))
    with pytest.raises(UnsupportedEngineError, match=r"--max-num-scheduled-tokens 65.*budget=64"):
        limits.check(Slai(token_budget=65, max_active=9))
    with pytest.raises(UnsupportedEngineError, match=r"--max-num-active-seqs 10.*max_active=9"):
        limits.check(Slai(token_budget=64, max_active=10))
    unset = scheduler_config(max_num_scheduled_tokens=None, max_num_active_seqs=None)
    assert engine_limits(unset) == engine_limits(scheduler_config())


@pytest.mark.parametrize(
    ("additional", "own"),
    [({}, {}), (None, {}), ({"other": 1}, {}), ({"slaibench": {"scheduler": "rad"}},) * 2],
)
def test_our_part_of_the_configuration(additional: Any, own: Any) -> None:
    own = own.get("slaibench", own)
    assert own_config(SimpleNamespace(additional_config=additional)) == own


@pytest.mark.parametrize("ours", [{"schedular": "slai"}, "slai", ["slai"]])
def test_a_mistyped_configuration_is_refused(ours: Any) -> None:
    with pytest.raises(UnsupportedEngineError, match="scheduler, options, step_log"):
        own_config(SimpleNamespace(additional_config={"slaibench": ours}))
