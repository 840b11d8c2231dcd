"""An emulated device gets its profile, or is refused."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic

import pytest

from slaibench.backends.base import BackendError
from slaibench.backends.engines.device import RealTime, VirtualTime, emulated, timer_of
from slaibench.backends.engines.options import EngineOptions
from slaibench.catalog.model import get_model
from slaibench.catalog.profiles import get_profile
from slaibench.costmodel import CostModel


def options(kv_blocks: int | None = 100, *, asynchronous: bool = False) -> EngineOptions:
    return EngineOptions(
        model=get_model("mistral-7b"),
        checkpoint=None,
        max_context_tokens=2048,
        token_budget=512,
        max_active=128,
        kv_blocks=kv_blocks,
        asynchronous=asynchronous,
    )


@pytest.mark.parametrize("asynchronous", [False, True])
def test_its_process_finds_the_same_times(asynchronous: bool) -> None:
    profile = get_profile("h100", "mistral-7b")
    _, device = emulated(options(asynchronous=asynchronous), profile)
    timer, expected = timer_of(device), CostModel(profile, asynchronous=asynchronous)
    work = (7, 7000, [(300, 512)])
    assert timer.batch_time_s(*work) == expected.batch_time_s(*work)
    assert timer.between_s(3) == expected.between_s(3)
    assert timer.hidden_s(3) == expected.hidden_s(3)
    assert (timer.hidden_s(3) > 0) is asynchronous


def test_an_emulated_device_has_its_profiles_blocks_unless_others_are_asked_for() -> None:
    profile = get_profile("h100", "mistral-7b")
    open_ones, device = emulated(options(kv_blocks=None), profile)
    assert open_ones.kv_blocks == profile.kv_blocks
    of_catalog = {"gpu": "h100", "model": "mistral-7b", "profile": None}
    assert device == {**of_catalog, "asynchronous": False}
    assert emulated(options(kv_blocks=77), profile)[0].kv_blocks == 77


def test_the_device_begins_a_batch_when_it_has_it_and_is_free() -> None:
    time = VirtualTime()
    time.time_s = 1.0
    assert time.launch(0.5, 0.1, 0.2) == 1.8
    assert (time.now_s(), time.began_s()) == (1.2, 1.2)
    assert time.launch(0.5, 0.1, 0.2) == 2.4
    assert (time.now_s(), time.began_s()) == (1.4, 1.8)
    time.wait(1.8)
    assert (time.now_s(), time.ended_s()) == (1.8, 1.8)
    time.wait(1.0)
    assert time.now_s() == 1.8, "a host does not go back"


def test_on_the_machines_clock_only_who_asks_for_tokens_waits() -> None:
    time = RealTime()
    begun = monotonic()
    first = time.launch(0.2, 0.0, 0.0)
    assert time.launch(0.2, 0.1, 0.0) == pytest.approx(first + 0.3)
    assert monotonic() < first
    time.wait(first)
    assert monotonic() >= first >= begun + 0.2
    # What the host has spent already is part of what a batch costs it.
    assert time.launch(0.1, 0.0, 0.5) == pytest.approx(first + 0.6)


def test_an_emulated_device_needs_a_profile_that_its_process_can_find() -> None:
    with pytest.raises(BackendError, match="needs a profile"):
        emulated(options(), None)
    faster = get_profile("h100", "mistral-7b").with_step_overhead(1.0)
    with pytest.raises(BackendError, match="profile h100/mistral-7b is not the catalog's"):
        emulated(options(), faster)
    with pytest.raises(BackendError, match="profile mine/mistral-7b is not the catalog's"):
        emulated(options(), replace(faster, gpu="mine"))
