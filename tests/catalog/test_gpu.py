"""GPUs and how many KV blocks fit them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slaibench.catalog import CatalogError, get_gpu, get_model, kv_blocks, list_gpus, list_profiles


def test_every_profile_is_for_a_known_gpu_and_model() -> None:
    names = {gpu.name for gpu in list_gpus()}
    assert {gpu for gpu, _ in list_profiles()} <= names
    for _, model in list_profiles():
        assert get_model(model)


def test_a_misspelt_gpu_is_answered_with_the_nearest() -> None:
    with pytest.raises(CatalogError, match="unknown GPU 'rtx-4090': did you mean 'rtx4090'"):
        get_gpu("rtx-4090")


def test_memory_of_the_rtx_4090_is_what_the_log_reports(data_dir: Path) -> None:
    log = data_dir / "logs" / "rtx4090_llama-3.1-8b_vllm-0.19" / "meta.json"
    meta = json.loads(log.read_text(encoding="utf-8"))
    gpu = get_gpu("rtx4090")
    assert gpu.memory_bytes == meta["hardware"]["device_total_memory_bytes"]
    blocks = kv_blocks(get_model("llama-3.1-8b"), gpu)
    assert blocks == meta["kv_cache"]["num_gpu_blocks"]


def test_blocks_of_the_rtx_4090() -> None:
    # What vLLM 0.19 reported; the memory model's one constant was set by it.
    assert kv_blocks(get_model("llama-3.1-8b"), get_gpu("rtx4090")) == 2588


def test_blocks_of_the_papers_card_are_within_the_models_error() -> None:
    # The paper's 14,733 on an RTX 6000 Ada, by an engine with smaller batches than vLLM 0.19's.
    blocks = kv_blocks(get_model("mistral-7b"), get_gpu("rtx6000-ada"))
    assert blocks == pytest.approx(14_733, rel=0.03)


@given(st.floats(0.7, 0.98))
def test_weights_cache_and_reserve_stay_within_the_share(utilization: float) -> None:
    gpu, model = get_gpu("a100"), get_model("mistral-7b")
    used = kv_blocks(model, gpu, utilization=utilization, reserve_bytes=10**9)
    block = 16 * model.kv_bytes_per_token
    left = gpu.memory_bytes * utilization - 10**9 - model.weight_bytes - used * block
    assert 0 <= left < block


def test_a_model_that_does_not_fit_is_refused() -> None:
    with pytest.raises(CatalogError, match=r"codellama-34b \(67\.5 GB of weights\) does not fit"):
        kv_blocks(get_model("codellama-34b"), get_gpu("rtx4090"))


@pytest.mark.parametrize("utilization", [0.0, 1.01])
def test_utilization_is_a_share(utilization: float) -> None:
    with pytest.raises(CatalogError, match="utilization must be in"):
        kv_blocks(get_model("mistral-7b"), get_gpu("a100"), utilization=utilization)
