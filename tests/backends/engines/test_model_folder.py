"""A folder made from the catalog: the shape, a tokenizer that works, whole or not at all."""

from __future__ import annotations

import json
import multiprocessing
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slaibench.backends.base import BackendError
from slaibench.backends.engines import model_folder as module
from slaibench.backends.engines.model_folder import as_scheduled, config, model_folder
from slaibench.catalog.fields import CatalogError
from slaibench.catalog.model import get_model, model_from_config
from tests.backends.shapes import shape_of

tokenizers = pytest.importorskip("tokenizers", reason="comes with vLLM, which is not installed")

TINY = get_model("tiny-mistral")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model_folder(TINY, tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Any:
    return tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))


@pytest.mark.parametrize("name", ["tiny-mistral", "mistral-7b", "llama-3.1-8b", "llama-2-7b"])
def test_the_shape_is_the_catalogs(name: str, tmp_path: Path) -> None:
    model = get_model(name)
    (tmp_path / "config.json").write_text(json.dumps(config(model)))
    read = model_from_config(tmp_path)
    assert replace(read, name=name, hf_id=model.hf_id, source=model.source) == model


def test_attention_is_full(folder: Path) -> None:
    """Mistral's first version had a sliding window, which no scheduler of ours counts blocks of."""
    assert json.loads((folder / "config.json").read_text())["sliding_window"] is None
    assert "sliding_window" not in config(get_model("llama-3.1-8b"))


def test_every_id_of_the_model_is_a_piece_and_no_more(tokenizer: Any) -> None:
    assert tokenizer.get_vocab_size() == TINY.vocab
    assert sorted(tokenizer.get_vocab().values()) == list(range(TINY.vocab))


def test_a_vocabulary_as_large_as_llama_3s_fills_up(tmp_path: Path) -> None:
    made = model_folder(get_model("llama-3.1-8b"), tmp_path)
    large = tokenizers.Tokenizer.from_file(str(made / "tokenizer.json"))
    assert large.get_vocab_size() == 128_256
    assert large.decode(large.encode("a fourth of them").ids) == "a fourth of them"


@given(st.text(max_size=50))
def test_any_text_survives_encoding(tokenizer: Any, text: str) -> None:
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    assert tokenizer.decode(ids) == text
    assert all(0 <= token < TINY.vocab for token in ids)


@given(st.integers(3, TINY.vocab - 1))
def test_every_ordinary_id_says_something(tokenizer: Any, token_id: int) -> None:
    """An id that decodes to nothing would be a token that a stream does not show."""
    assert tokenizer.decode([token_id]) != ""


def test_a_prompt_begins_with_the_begin_token_and_words_are_cut_into_runs(tokenizer: Any) -> None:
    encoding = tokenizer.encode("hello")
    assert encoding.ids[0] == 1
    assert encoding.tokens[0] == "<s>"
    assert 1 < len(encoding.ids) - 1 < len("hello")


def test_it_is_made_once(folder: Path) -> None:
    before = (folder / "tokenizer.json").stat().st_mtime_ns
    assert model_folder(TINY, folder.parent) == folder
    assert (folder / "tokenizer.json").stat().st_mtime_ns == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_another_shape_has_another_folder_and_another_source_does_not(folder: Path) -> None:
    wider = model_folder(replace(TINY, intermediate=1024), folder.parent)
    assert wider != folder
    shutil.rmtree(wider)
    assert model_folder(replace(TINY, source="elsewhere"), folder.parent) == folder


def test_without_a_place_it_is_in_the_cache_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLAIBENCH_CACHE", str(tmp_path))
    assert model_folder(TINY).parent == tmp_path / "models"


def _make(cache: str) -> str:
    return str(model_folder(TINY, Path(cache)))


def test_processes_that_make_it_at_the_same_time_agree(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        made = pool.map(_make, [str(tmp_path)] * 6)
    assert len(set(made)) == 1
    assert [path.name for path in tmp_path.iterdir()] == [Path(made[0]).name]
    assert sorted(path.name for path in Path(made[0]).iterdir()) == [
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ]


def test_a_loser_of_the_race_takes_the_winners(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    winner = model_folder(TINY, tmp_path)
    moved = winner.rename(tmp_path / "moved")
    write = module._write_json

    def write_late(path: Path, value: Any) -> None:
        if moved.exists():
            moved.rename(winner)  # the other process is done just now
        write(path, value)

    monkeypatch.setattr(module, "_write_json", write_late)
    assert model_folder(TINY, tmp_path) == winner
    assert [path.name for path in tmp_path.iterdir()] == [winner.name]


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(module, "_write_tokenizer", fail)
    with pytest.raises(OSError, match="disk full"):
        model_folder(TINY, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_other_families_and_tiny_vocabularies_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"is a GemmaForCausalLM; .*--weights"):
        model_folder(replace(TINY, architecture="GemmaForCausalLM"), tmp_path)
    with pytest.raises(BackendError, match="has 258 tokens; a tokenizer needs at least 259"):
        model_folder(replace(TINY, vocab=258), tmp_path)
    assert model_folder(replace(TINY, vocab=259), tmp_path).is_dir()


@pytest.mark.parametrize(
    "name", ["Qwen/Qwen3-32B", "mistralai/Mixtral-8x7B-v0.1", "deepseek-ai/DeepSeek-V3"]
)
def test_an_emulated_device_has_a_folder_for_any_model_of_one_cache(
    name: str, tmp_path: Path
) -> None:
    model = shape_of(name, tmp_path)
    made = model_folder(as_scheduled(model), tmp_path / "cache")
    read = model_from_config(made)
    assert read.kv_bytes_per_token == as_scheduled(model).kv_bytes_per_token
    for same in ("layers", "heads", "kv_heads", "head_dim", "vocab", "max_context_tokens"):
        assert getattr(read, same) == getattr(model, same)
    with pytest.raises(BackendError, match=f"is a {model.architecture}; .*--weights"):
        model_folder(model, tmp_path / "cache")  # a device that computes needs the model itself


def test_heads_need_not_divide_the_hidden_size() -> None:
    """Engines read the folder's config.json as a Llama's, which must."""
    other = replace(TINY, architecture="OtherForCausalLM", hidden=TINY.hidden + 4)
    values = config(as_scheduled(other))
    assert values["hidden_size"] % values["num_attention_heads"] == 0


def test_the_catalogs_models_are_served_as_they_are() -> None:
    for name in ("mistral-7b", "llama-3.1-8b", "tiny-mistral"):
        assert as_scheduled(get_model(name)) == get_model(name)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("openai/gpt-oss-20b", "sliding-window"),
        ("meta-llama/Llama-4-Scout-17B-16E-Instruct", "chunked"),
        ("deepseek-ai/DeepSeek-V3.2", "sparse"),
    ],
)
def test_a_cache_of_another_kind_is_refused_by_its_name(
    name: str, kind: str, tmp_path: Path
) -> None:
    with pytest.raises(BackendError, match=rf"{kind} attention, .*use --backend sim"):
        as_scheduled(shape_of(name, tmp_path))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("Qwen/Qwen3.5-27B", "linear attention"), ("nvidia/Nemotron-H-56B-Base-8K", "Mamba")],
)
def test_layers_without_keys_and_values_are_no_model_here(
    name: str, kind: str, tmp_path: Path
) -> None:
    with pytest.raises(CatalogError, match=rf"has {kind} layers .*give a model"):
        shape_of(name, tmp_path)
