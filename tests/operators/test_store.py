"""Which profile a deployment has: one that ships, compiled, or a roofline; and its file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slaibench.catalog.fields import CatalogError
from slaibench.catalog.profile import Status
from slaibench.catalog.profiles import get_profile, load_profile
from slaibench.operators import aiconfigurator as library_module
from slaibench.operators import store
from slaibench.operators.deployment import Deployment, OperatorSource
from slaibench.operators.store import is_shipped, profile_file, profile_of

VLLM, ROOFLINE = OperatorSource.VLLM, OperatorSource.ROOFLINE
PLAIN = Deployment("mistral-7b", "h100")


@pytest.fixture
def without_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the extra is not installed."""
    for module in (library_module, store):
        monkeypatch.setattr(module, "installed_version", lambda: None)


def test_a_profile_that_ships_is_taken_where_nothing_else_is_asked_for() -> None:
    assert profile_of(PLAIN) is get_profile("h100", "mistral-7b")
    by_id = Deployment("mistralai/Mistral-7B-Instruct-v0.2", "h100")
    assert profile_of(by_id) is get_profile("h100", "mistral-7b")
    assert is_shipped(by_id)
    assert not is_shipped(Deployment("mistral-7b", "h100", ROOFLINE))
    assert profile_of(Deployment("mistral-7b", "h100", ROOFLINE)).status is Status.DATASHEET


@pytest.mark.usefixtures("without_library")
def test_without_the_library_there_is_a_roofline_unless_an_engine_is_asked_for() -> None:
    assert profile_of(Deployment("qwen3-8b", "h100")).status is Status.DATASHEET
    with pytest.raises(CatalogError, match=r"not installed: pip install 'slaibench\[profiles\]'"):
        profile_of(Deployment("qwen3-8b", "h100", VLLM))


@pytest.mark.usefixtures("library")
def test_with_it_a_gpu_that_it_does_not_know_has_a_roofline() -> None:
    assert profile_of(Deployment("qwen3-8b", "h100")).status is Status.COMPILED
    assert profile_of(Deployment("qwen3-8b", "rtx4090")).status is Status.DATASHEET


@pytest.mark.usefixtures("library")
def test_what_was_compiled_is_kept_and_made_again_where_it_is_damaged(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = Deployment("qwen3-8b", "h100")
    first = profile_of(deployment)
    (kept,) = (cache / "profiles").glob("compiled-h100-*.json")
    compile_profile = store.compile_profile
    monkeypatch.setattr(store, "compile_profile", lambda *_: pytest.fail("compiled again"))
    assert profile_of(deployment) == first
    # A name and an id of the same model are one deployment.
    assert profile_of(Deployment("Qwen/Qwen3-8B", "h100", VLLM)) == first
    monkeypatch.setattr(store, "compile_profile", compile_profile)
    for damage in ("{", "{}", json.dumps({**json.loads(kept.read_text()), "schema_version": 9})):
        kept.write_text(damage)
        assert profile_of(deployment) == first
        assert json.loads(kept.read_text()) == store.compiled_values(deployment)


def test_a_file_holds_the_same_profile(cache: Path) -> None:
    deployment = Deployment("qwen3-8b", "h100", ROOFLINE, tp=2)
    file = profile_file(deployment)
    assert file.is_relative_to(cache)
    assert load_profile(file) == profile_of(deployment)
    assert profile_file(deployment) == file
    assert profile_file(Deployment("qwen3-8b", "h100", ROOFLINE)) != file


def test_a_cache_that_cannot_be_written_is_no_reason_to_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLAIBENCH_CACHE", str(tmp_path / "file" / "cache"))
    (tmp_path / "file").write_text("in the way")
    deployment = Deployment("qwen3-8b", "h100", ROOFLINE)
    assert load_profile(profile_file(deployment)) == profile_of(deployment)


def test_an_unknown_gpu_or_model_is_answered_with_the_nearest() -> None:
    with pytest.raises(CatalogError, match="unknown GPU 'h20': did you mean 'h200'"):
        profile_of(Deployment("qwen3-8b", "h20"))
    with pytest.raises(CatalogError, match="unknown model 'qwen3-8': did you mean 'qwen3-8b'"):
        profile_of(Deployment("qwen3-8", "h100"))
