"""Shapes of models: against published counts, and from a user's config.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from slaibench.catalog import CatalogError, get_model, list_models, model_from_config

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "max_position_embeddings": 8192,
    "torch_dtype": "bfloat16",
}


def config(folder: Path, **changes: Any) -> Path:
    values = {key: value for key, value in (CONFIG | changes).items() if value is not ...}
    path = folder / "config.json"
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "params"),
    [
        # Parameter totals of the published checkpoints.
        ("mistral-7b", 7_241_732_096),
        ("llama-3.1-8b", 8_030_261_248),
        ("llama-3-8b", 8_030_261_248),
        ("llama-2-7b", 6_738_415_616),
        ("codellama-34b", 33_743_970_304),
    ],
)
def test_parameters_counted_from_the_shape_are_the_published_ones(name: str, params: int) -> None:
    assert get_model(name).num_params == params


@pytest.mark.parametrize(
    ("name", "kv_bytes"),
    [
        ("mistral-7b", 131_072),
        ("llama-3.1-8b", 131_072),
        ("llama-2-7b", 524_288),
        ("codellama-34b", 196_608),
    ],
)
def test_cache_of_a_token(name: str, kv_bytes: int) -> None:
    assert get_model(name).kv_bytes_per_token == kv_bytes


def test_weights_are_two_bytes_each() -> None:
    model = get_model("mistral-7b")
    assert model.weight_bytes == 2 * model.num_params


def test_models_are_listed_by_name_with_their_source() -> None:
    names = [model.name for model in list_models()]
    assert names == sorted(names)
    assert "tiny-mistral" in names
    assert all(model.source for model in list_models())


def test_a_hugging_face_id_finds_the_model() -> None:
    assert get_model("mistralai/Mistral-7B-Instruct-v0.2") == get_model("mistral-7b")


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(CatalogError, match="unknown model 'mistral7b': did you mean 'mistral-7b'"):
        get_model("mistral7b")


def test_a_config_gives_the_same_shape_as_the_catalog(tmp_path: Path) -> None:
    own = model_from_config(config(tmp_path))
    listed = get_model("llama-3-8b")
    assert own.num_params == listed.num_params
    assert own.kv_bytes_per_token == listed.kv_bytes_per_token
    assert own.max_context_tokens == 8192


def test_the_folder_of_a_config_is_a_model_name(tmp_path: Path) -> None:
    config(tmp_path)
    assert get_model(str(tmp_path)).name == tmp_path.name
    assert get_model(str(tmp_path / "config.json")).name == tmp_path.name


def test_a_config_without_grouped_heads_has_a_kv_head_for_each(tmp_path: Path) -> None:
    assert model_from_config(config(tmp_path, num_key_value_heads=...)).kv_heads == 32
    assert model_from_config(config(tmp_path, num_key_value_heads=None)).kv_heads == 32


def test_a_head_size_of_its_own_wins(tmp_path: Path) -> None:
    assert model_from_config(config(tmp_path, head_dim=256)).head_dim == 256
    assert model_from_config(config(tmp_path, head_dim=None)).head_dim == 128


def test_a_tied_head_is_counted_once(tmp_path: Path) -> None:
    tied = model_from_config(config(tmp_path, tie_word_embeddings=True))
    assert tied.num_params == get_model("llama-3-8b").num_params - 128256 * 4096


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_size": ...}, "lacks 'hidden_size'"),
        ({"hidden_size": "4096"}, "hidden_size must be a whole number"),
        ({"num_hidden_layers": 0}, "num_hidden_layers must be a whole number of at least 1"),
        ({"num_local_experts": 8}, "lacks 'num_experts_per_tok'"),
        ({"mamba_num_heads": 8}, "Mamba layers beside attention: a cache of several kinds"),
        ({"layer_types": ["linear_attention", "full_attention"]}, "has linear_attention layers"),
        ({"num_key_value_heads": 5}, "32 heads cannot share 5 KV heads"),
    ],
)
def test_a_bad_config_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(CatalogError, match=message):
        model_from_config(config(tmp_path, **changes))


def test_a_missing_or_broken_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"cannot read .*nothing\.json"):
        model_from_config(tmp_path / "nothing.json")
    (tmp_path / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(CatalogError, match="is not JSON"):
        model_from_config(tmp_path)
