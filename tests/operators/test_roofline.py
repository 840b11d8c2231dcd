"""A profile of shape and datasheet: no faster than memory and tensor cores, and no slower."""

from __future__ import annotations

from dataclasses import replace

import pytest

from slaibench.catalog.fields import CatalogError
from slaibench.catalog.gpu import get_gpu
from slaibench.catalog.model import get_model
from slaibench.catalog.profile import Profile, Status, parse_profile
from slaibench.costmodel import CostModel
from slaibench.operators.deployment import Deployment, OperatorSource, Precision
from slaibench.operators.roofline import roofline_values


def profile(model: str, gpu: str, tp: int = 1, precision: Precision | None = None) -> Profile:
    deployment = Deployment(model, gpu, OperatorSource.ROOFLINE, tp=tp, precision=precision)
    values = roofline_values(deployment, get_model(model), get_gpu(gpu))
    return parse_profile(values, "a roofline")


def decode_s(profile: Profile, number: int = 1, context: int = 1000) -> float:
    return CostModel(profile).batch_time_s(number, number * context, [])


def test_it_says_that_nothing_was_measured() -> None:
    made = profile("qwen3-8b", "h100")
    assert made.status is Status.DATASHEET
    assert "roofline" in made.engine
    assert "Nothing was measured" in made.notes[0]


def test_one_decode_takes_what_reading_weights_and_cache_takes() -> None:
    model, gpu = get_model("llama-3.1-8b"), get_gpu("h100")
    # The embedding is looked up, not read.
    read = model.weight_bytes - 2 * model.vocab * model.hidden + 1000 * model.kv_bytes_per_token
    least_s = read / (gpu.bandwidth_gbps * 1e9)
    assert decode_s(profile("llama-3.1-8b", "h100")) == pytest.approx(least_s, rel=0.02)


def test_a_large_chunk_takes_what_its_products_take() -> None:
    model, gpu = get_model("llama-3.1-8b"), get_gpu("h100")
    body = model.num_params - 2 * model.vocab * model.hidden
    products_s = 2 * body * 8192 / (gpu.fp16_tflops * 1e12)
    time_s = CostModel(profile("llama-3.1-8b", "h100")).linear_s(8192)
    assert time_s == pytest.approx(products_s, rel=1e-6)


def test_more_gpus_and_smaller_numbers_are_faster_and_leave_more_room() -> None:
    one, two = profile("qwen3-32b", "h200"), profile("qwen3-32b", "h200", tp=2)
    small = profile("qwen3-32b", "h200", precision=Precision.FP8)
    assert decode_s(two) == pytest.approx(decode_s(one) / 2, rel=0.01)
    assert decode_s(small) < 0.6 * decode_s(one)
    assert two.kv_blocks > 2 * one.kv_blocks
    assert small.kv_blocks > one.kv_blocks
    assert two.tp == 2


def test_a_checkpoint_in_a_format_of_its_own_is_read_in_it() -> None:
    own = profile("deepseek-v3", "h200", tp=8)
    assert decode_s(own) == decode_s(profile("deepseek-v3", "h200", tp=8, precision=Precision.FP8))


def test_a_kv_head_is_on_every_gpu_where_there_are_fewer_heads_than_gpus() -> None:
    # Qwen3-30B-A3B has 4 KV heads: 8 GPUs hold two copies of the cache that 4 hold once.
    four, eight = (profile("qwen3-30b-a3b", "h100", tp=tp) for tp in (4, 8))
    shape = get_model("qwen3-30b-a3b")
    saved = shape.weight_bytes * (1 / 4 - 1 / 8)
    block = 16 * shape.kv_bytes_per_token / 4
    assert eight.kv_blocks - four.kv_blocks == pytest.approx(saved / block, abs=2)


def test_few_tokens_read_few_experts() -> None:
    model = CostModel(profile("qwen3-30b-a3b", "h100"))
    dense = CostModel(profile("qwen3-8b", "h100"))
    assert model.linear_s(1) < dense.linear_s(1)
    assert model.linear_s(128) > 5 * model.linear_s(1)
    assert dense.linear_s(128) == dense.linear_s(1)


def test_a_window_is_not_modelled_and_a_note_says_so() -> None:
    assert any("window" in note for note in profile("gpt-oss-20b", "h100").notes)
    assert not any("window" in note for note in profile("qwen3-8b", "h100").notes)


def test_what_does_not_fit_is_refused_with_the_way_out() -> None:
    with pytest.raises(CatalogError, match=r"141.1 GB of weights.*85.0 GB; give a larger --tp"):
        profile("llama-3.1-70b", "h100")
    assert profile("llama-3.1-70b", "h100", tp=2).kv_blocks > 0
    large = replace(get_gpu("h100"), memory_bytes=300_000_000_000)
    deployment = Deployment("llama-3.1-70b", "h100", OperatorSource.ROOFLINE)
    assert roofline_values(deployment, get_model("llama-3.1-70b"), large)["kv"]["blocks"] > 1000
