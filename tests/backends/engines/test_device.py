"""An emulated device gets its profile, or is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from slaibench.backends.base import BackendError
from slaibench.backends.engines.device import emulated, timer_of
from slaibench.backends.engines.options import EngineOptions
from slaibench.catalog.model import get_model
from slaibench.catalog.profiles import get_profile
from slaibench.costmodel import CostModel


def options(kv_blocks: int | None = 100) -> EngineOptions:
    return EngineOptions(
        model=get_model("mistral-7b"),
        checkpoint=None,
        max_context_tokens=2048,
        token_budget=512,
        max_active=128,
        kv_blocks=kv_blocks,
    )


def test_its_process_finds_the_same_times() -> None:
    profile = get_profile("h100", "mistral-7b")
    _, device = emulated(options(), profile)
    timer, expected = timer_of(device), CostModel(profile)
    work = (7, 7000, [(300, 512)])
    assert timer.batch_time_s(*work) == expected.batch_time_s(*work)
    assert timer.between_s(3) == expected.between_s(3)


def test_an_emulated_device_has_its_profiles_blocks_unless_others_are_asked_for() -> None:
    profile = get_profile("h100", "mistral-7b")
    open_ones, device = emulated(options(kv_blocks=None), profile)
    assert open_ones.kv_blocks == profile.kv_blocks
    assert device == {"gpu": "h100", "model": "mistral-7b", "profile": None}
    assert emulated(options(kv_blocks=77), profile)[0].kv_blocks == 77


def test_an_emulated_device_needs_a_profile_that_its_process_can_find() -> None:
    with pytest.raises(BackendError, match="needs a profile"):
        emulated(options(), None)
    faster = get_profile("h100", "mistral-7b").with_step_overhead(1.0)
    with pytest.raises(BackendError, match="profile h100/mistral-7b is not the catalog's"):
        emulated(options(), faster)
    with pytest.raises(BackendError, match="profile mine/mistral-7b is not the catalog's"):
        emulated(options(), replace(faster, gpu="mine"))
