"""An emulated device gets its profile, or is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from slaibench.backends.base import BackendError
from slaibench.backends.engines.device import emulated, timer_of
from slaibench.backends.engines.options import EngineOptions
from slaibench.catalog.fields import CatalogError
from slaibench.catalog.model import get_model
from slaibench.catalog.profiles import get_profile, list_profiles
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
    assert timer.step_overhead_s == expected.step_overhead_s


def test_an_emulated_device_has_its_profiles_blocks_unless_others_are_asked_for() -> None:
    profile = get_profile("h100", "mistral-7b")
    open_ones, device = emulated(options(kv_blocks=None), profile)
    assert open_ones.kv_blocks == profile.kv_blocks
    assert device == {"gpu": "h100", "model": "mistral-7b", "profile": None}
    assert emulated(options(kv_blocks=77), profile)[0].kv_blocks == 77


def test_an_emulated_device_needs_a_profile() -> None:
    with pytest.raises(BackendError, match="needs a profile"):
        emulated(options(), None)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLAIBENCH_CACHE", str(tmp_path))
    return tmp_path / "profiles"


@pytest.mark.parametrize(("gpu", "model"), list_profiles())
def test_its_process_finds_a_profile_that_is_not_the_catalogs(
    gpu: str, model: str, cache: Path
) -> None:
    profile = replace(get_profile(gpu, model), step_overhead_ms=1.234, delivery_ms=0.1)
    _, device = emulated(options(), profile)
    assert json.loads(json.dumps(device)) == device  # it goes over a command line
    assert timer_of(device).profile == profile


def test_a_file_that_was_not_written_for_it_is_refused(cache: Path) -> None:
    _, device = emulated(options(), replace(get_profile("h100", "mistral-7b"), gpu="mine"))
    (file,) = cache.iterdir()
    file.write_text("{}")
    with pytest.raises(CatalogError, match="is no profile that was written for an engine"):
        timer_of(device)


def test_a_cache_that_cannot_be_written_is_named_with_the_way_out(
    cache: Path,
) -> None:
    cache.write_text("a file")
    own = replace(get_profile("h100", "mistral-7b"), gpu="mine")
    with pytest.raises(BackendError, match=r"profile mine/mistral-7b .*set SLAIBENCH_CACHE"):
        emulated(options(), own)
