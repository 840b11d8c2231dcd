"""The engine's settings beside a log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from slaibench.studies import scheduler_info
from slaibench.studies.validation.columns import IncompleteLogError, LogError
from slaibench.studies.validation.meta import read_settings

META: dict[str, Any] = {
    "vllm_version": "0.19.0",
    "engine_kwargs": {"model": "m", "max_num_seqs": 256, "max_num_batched_tokens": 2048},
    "kv_cache": {"num_gpu_blocks": 101, "block_size": 16, "num_cpu_blocks": None},
    "hardware": {"device_name": "NVIDIA GeForce RTX 4090"},
}


def meta(folder: Path, **changes: Any) -> Path:
    path = folder / "meta.json"
    path.write_text(json.dumps({**META, **changes}))
    return path


def kv(**changes: Any) -> dict[str, Any]:
    return {"kv_cache": {**META["kv_cache"], **changes}}


def kwargs(**changes: Any) -> dict[str, Any]:
    return {"engine_kwargs": {**META["engine_kwargs"], **changes}}


def test_settings_are_found_at_any_depth(tmp_path: Path) -> None:
    settings = read_settings(meta(tmp_path))
    assert settings.engine == "vLLM 0.19.0"
    assert settings.block_size == 16
    assert (settings.model, settings.device) == ("m", "NVIDIA GeForce RTX 4090")
    assert settings.max_context_tokens is None


def test_vllm_keeps_one_block_for_itself(tmp_path: Path) -> None:
    assert read_settings(meta(tmp_path)).kv_blocks == 100
    assert read_settings(meta(tmp_path, kv_cache={"kv_blocks": 7, "block_size": 4})).kv_blocks == 7
    assert read_settings(meta(tmp_path), kv_blocks=55).kv_blocks == 55


def test_the_scheduler_that_stands_for_vllms_rule_has_its_limits(tmp_path: Path) -> None:
    text = read_settings(meta(tmp_path)).scheduler
    assert text is not None
    assert scheduler_info.build(text).options() == {
        "order": "fcfs",
        "token_budget": 2048,
        "max_active": 256,
        "watermark": 0,
    }
    large = read_settings(meta(tmp_path, **kwargs(max_num_batched_tokens=12_345_678))).scheduler
    assert large is not None
    assert scheduler_info.build(large).token_budget == 12_345_678


@pytest.mark.parametrize(
    "changes",
    [
        {"engine_kwargs": {"max_num_seqs": 256}},
        kwargs(enable_chunked_prefill=False),
        kwargs(scheduling_policy="priority"),
        {"vllm_version": None, "engine": "TGI 3"},
    ],
)
def test_no_scheduler_stands_for_a_rule_that_is_not_known(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    assert read_settings(meta(tmp_path, **changes)).scheduler is None


@pytest.mark.parametrize(
    ("changes", "asynchronous"),
    [
        ({}, True),
        ({"vllm_version": "0.14.0"}, True),
        ({"vllm_version": "0.13.9"}, False),
        ({"vllm_version": "v1.0.0rc1"}, True),
        ({"vllm_version": "0.19.0", "async_scheduling": False}, False),
        ({"vllm_version": "0.10.0", "async_scheduling": True}, True),
        ({"vllm_version": None, "engine": "TGI 3"}, False),
    ],
)
def test_asynchronous_scheduling_is_what_the_engine_says_or_its_version_does(
    tmp_path: Path, changes: dict[str, Any], asynchronous: bool
) -> None:
    assert read_settings(meta(tmp_path, **changes)).asynchronous is asynchronous


def test_prefix_caching_is_on_in_vllm_unless_it_says_otherwise(tmp_path: Path) -> None:
    assert read_settings(meta(tmp_path)).prefix_caching
    assert not read_settings(meta(tmp_path, **kv(enable_prefix_caching=False))).prefix_caching
    assert not read_settings(meta(tmp_path, vllm_version=None, engine="TGI 3")).prefix_caching


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (kv(num_gpu_blocks=None), "does not say the size of the KV cache: .*give --kv-blocks"),
        (kv(num_gpu_blocks=1), "kv_blocks must be a whole number of at least 1, not 0"),
        (kv(num_gpu_blocks="many"), "kv_blocks must be a whole number of at least 1, not 'many'"),
        (kv(block_size=None), "does not say block_size"),
        (kv(block_size=-16), "block_size must be a whole number of at least 1, not -16"),
        (kv(enable_prefix_caching="yes"), "prefix_caching must be true or false, not 'yes'"),
        (kv(kv_blocks=3), "two values of kv_blocks: 100 and 3|two values of kv_blocks"),
        ({"vllm_version": None}, "does not say which engine ran: add vllm_version, or engine"),
        ({"vllm_version": "main"}, "vllm_version 'main' is not understood: write it as 0.19.0"),
        (kwargs(max_num_seqs=0), "max_active must be a whole number of at least 1, not 0"),
        (kwargs(watermark="little"), "watermark must be a share from 0 to below 1, not 'little'"),
    ],
)
def test_settings_that_cannot_be_used_are_named(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(LogError, match=message):
        read_settings(meta(tmp_path, **changes))


def test_a_log_needs_settings_beside_it(tmp_path: Path) -> None:
    with pytest.raises(LogError, match=r"a log needs its engine's settings.*--meta"):
        read_settings(tmp_path / "meta.json")
    (tmp_path / "meta.json").write_text("[1]")
    with pytest.raises(LogError, match="must hold a JSON object"):
        read_settings(tmp_path / "meta.json")


def test_how_it_was_spread_and_in_which_formats_is_read(tmp_path: Path) -> None:
    plain = read_settings(meta(tmp_path, **kwargs(tensor_parallel_size=1, kv_cache_dtype="auto")))
    assert (plain.parallel, plain.formats) == ({}, {})
    more = kwargs(tensor_parallel_size=2, kv_cache_dtype="fp8", quantization="awq")
    settings = read_settings(meta(tmp_path, **more))
    assert settings.parallel == {"tensor_parallel_size": 2}
    assert settings.formats == {"kv_cache_dtype": "fp8", "quantization": "awq"}


def test_what_is_needed_besides_is_named_with_all_else_that_is_missing(tmp_path: Path) -> None:
    assert read_settings(meta(tmp_path, engine_kwargs={})).scheduler is None
    path = meta(tmp_path, engine_kwargs={}, hardware={}, kv_cache={})
    with pytest.raises(IncompleteLogError) as refused:
        read_settings(path, needed=("device", "scheduler"))
    assert len(refused.value.lacks) == 4
    with pytest.raises(IncompleteLogError) as refused:
        read_settings(path)
    assert len(refused.value.lacks) == 2
