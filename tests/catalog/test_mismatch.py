"""A profile against the GPU and the model that it is used for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from slaibench.catalog import get_gpu, get_model, get_profile, list_gpus, list_models
from slaibench.catalog.gpu import find_gpu
from slaibench.catalog.mismatch import SHAPE, gpu_mismatch, model_mismatch
from slaibench.catalog.model import find_model

TABLES = get_profile("rtx4090", "llama-3.1-8b")
FORMULA = replace(get_profile("rtx6000-ada", "llama-3.1-8b"), gpu="h100")
LLAMA = get_model("llama-3.1-8b")


@pytest.mark.parametrize(
    ("device", "name"),
    [
        ("rtx4090", "rtx4090"),
        ("NVIDIA GeForce RTX 4090", "rtx4090"),
        ("NVIDIA H100 80GB HBM3", "h100"),
        ("NVIDIA H200", "h200"),
        ("NVIDIA A100-SXM4-80GB", "a100"),
        ("NVIDIA GeForce RTX 4090 D", None),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", None),
        ("NVIDIA H100 PCIe", "h100-pcie"),
        ("NVIDIA H100", None),
        ("", None),
    ],
)
def test_a_gpu_is_known_by_its_whole_name_only(device: str, name: str | None) -> None:
    gpu = find_gpu(device)
    assert (None if gpu is None else gpu.name) == name


def test_no_two_gpus_or_models_share_a_name() -> None:
    for gpu in list_gpus():
        for name in (gpu.name, gpu.full_name, *gpu.driver_names):
            assert find_gpu(name.upper()) == gpu
    for model in list_models():
        for name in filter(None, (model.name, model.hf_id, f"/models/{model.name}/")):
            assert find_model(name) == model


@pytest.mark.parametrize("name", ["Mistral-7B-v0.1", "llama-3.1-7b", "", "8b"])
def test_a_model_with_another_name_is_not_known(name: str) -> None:
    assert find_model(name) is None


def test_one_gpu_by_several_names_is_no_mismatch() -> None:
    for device in ("h100", "H100", get_gpu("h100").full_name, "NVIDIA H100 80GB HBM3"):
        assert gpu_mismatch(device, FORMULA, "the GPU") is None


def test_another_gpu_is_certain_and_an_unknown_one_is_not() -> None:
    other = gpu_mismatch("NVIDIA GeForce RTX 4090", FORMULA, "the log's GPU")
    assert other is not None
    assert other.certain
    unknown = gpu_mismatch("NVIDIA L20", FORMULA, "the log's GPU")
    assert unknown is not None
    assert (unknown.certain, unknown.keeps) == (False, False)
    own = replace(FORMULA, gpu="rack-7")
    assert gpu_mismatch("rack-7", own, "the GPU") is None
    unknown = gpu_mismatch("NVIDIA H200", own, "the GPU")
    assert unknown is not None
    assert (unknown.certain, unknown.keeps) == (False, True)


@pytest.mark.parametrize("size", SHAPE)
@pytest.mark.parametrize("profile", [TABLES, FORMULA])
def test_every_size_that_decides_a_time_is_compared(profile: object, size: str) -> None:
    shape = replace(LLAMA, name="mine", **{size: 2 * getattr(LLAMA, size)})
    if size == "kv_heads":
        shape = replace(shape, kv_heads=LLAMA.kv_heads // 2)
    mismatch = model_mismatch("mine", shape, profile, "the model")  # type: ignore[arg-type]
    assert mismatch is not None
    assert mismatch.certain
    assert size.replace("_", " ") in mismatch.words


def test_the_vocabulary_alone_is_a_doubt() -> None:
    mismatch = model_mismatch("mistral-7b", get_model("mistral-7b"), FORMULA, "the model")
    assert mismatch is not None
    assert (mismatch.certain, mismatch.keeps) == (False, False)
    assert "32,000" in mismatch.words
    assert model_mismatch("llama-3-8b", get_model("llama-3-8b"), FORMULA, "the model") is None


def test_of_a_model_of_the_users_own_the_attention_is_compared() -> None:
    own = replace(FORMULA, gpu="rack-7", model="mine")
    assert model_mismatch("mine", replace(LLAMA, name="mine"), own, "the model") is None
    doubt = model_mismatch("other", replace(LLAMA, name="other"), own, "the model")
    assert doubt is not None
    assert (doubt.certain, doubt.keeps) == (False, True)
    for changes in ({"layers": 16}, {"heads": 16}, {"kv_heads": 4}):
        mismatch = model_mismatch("mine", replace(LLAMA, name="mine", **changes), own, "the model")
        assert mismatch is not None
        assert mismatch.certain
    assert model_mismatch("mine", None, own, "the model") is None
    unknown = model_mismatch("theirs", None, own, "the model")
    assert unknown is not None
    assert (unknown.certain, unknown.keeps) == (False, True)


def test_a_profile_whose_tables_are_not_of_the_model_that_it_names_is_found_out() -> None:
    lying = replace(FORMULA, model="codellama-34b")
    mismatch = model_mismatch("codellama-34b", get_model("codellama-34b"), lying, "the model")
    assert mismatch is not None
    assert mismatch.certain
    assert "layers 32, not 48" in mismatch.words
