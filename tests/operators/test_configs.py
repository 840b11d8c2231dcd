"""A ``config.json`` for the library of operators, by whatever name a model is given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from slaibench.catalog.bundled import bundled, bundled_config
from slaibench.catalog.fields import CatalogError
from slaibench.catalog.model import get_model, list_models, model_from_config
from slaibench.operators.configs import config_folder

QWEN = {
    "architectures": ["Qwen3ForCausalLM"],
    "num_hidden_layers": 36,
    "hidden_size": 4096,
    "intermediate_size": 12288,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 151936,
    "max_position_embeddings": 40960,
}


def written(folder: Path, **changes: Any) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({**QWEN, **changes}))
    return folder


def read(folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((folder / "config.json").read_text())
    return values


def test_a_folder_and_its_file_are_the_same_model(tmp_path: Path) -> None:
    own = written(tmp_path / "own")
    assert config_folder(str(own)) == config_folder(str(own / "config.json"))
    assert read(config_folder(str(own))) == QWEN


def test_another_file_is_another_folder(tmp_path: Path) -> None:
    one, other = written(tmp_path / "a"), written(tmp_path / "b", head_dim=64)
    assert config_folder(str(one)) != config_folder(str(other))


def test_a_name_of_the_catalog_has_its_shape() -> None:
    model = get_model("codellama-34b")  # the library has none of that name
    made = model_from_config(config_folder("codellama-34b"))
    for size in ("layers", "hidden", "intermediate", "heads", "kv_heads", "head_dim", "vocab"):
        assert getattr(made, size) == getattr(model, size), size


def test_mistral_is_given_as_the_llama_that_it_is(tmp_path: Path) -> None:
    own = written(tmp_path / "own", architectures=["MistralForCausalLM"], model_type="mistral")
    values = read(config_folder(str(own)))
    assert (values["architectures"], values["model_type"]) == (["LlamaForCausalLM"], "llama")


def test_what_says_the_number_formats_goes_along(tmp_path: Path) -> None:
    own = written(tmp_path / "own")
    plain = config_folder(str(own))
    (own / "hf_quant_config.json").write_text('{"quantization": {"quant_algo": "NVFP4"}}')
    folder = config_folder(str(own))
    assert folder != plain
    assert "NVFP4" in (folder / "hf_quant_config.json").read_text()


def test_a_name_that_is_nothing_is_answered_with_what_there_is() -> None:
    with pytest.raises(CatalogError, match=r"no model 'qwen': give a name of the catalog"):
        config_folder("qwen")


@pytest.mark.usefixtures("library")
def test_ids_that_the_library_brings_need_no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert read(config_folder("qwen/qwen3-8B"))["hidden_size"] == 4096
    assert get_model("MiniMaxAI/MiniMax-M2.7").experts is not None
    assert bundled_config("meta-llama/Llama-3.1-70B") == bundled()["meta-llama/Meta-Llama-3.1-70B"]


@pytest.mark.usefixtures("library")
def test_the_catalogs_models_are_what_the_bundled_files_say() -> None:
    checked = 0
    for model in list_models():
        file = bundled_config(model.hf_id) if model.hf_id else None
        if file is None:
            continue
        of_file = model_from_config(file)
        for size in ("layers", "hidden", "heads", "kv_heads", "vocab", "experts", "latent"):
            assert getattr(of_file, size) == getattr(model, size), (model.name, size)
        checked += 1
    assert checked >= 10
