"""Models of the hub: from the cache, from a hub, and what is said where they cannot be had."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slaibench.catalog import CatalogError, get_model
from slaibench.catalog.hub import HubId, checkpoint, has_weights
from tests.catalog.stand_in_hub import COMMIT, OLD, TOKEN, Hub, serving

ROOT = Path(__file__).parents[2]
PROGRAM = """
import json, sys
from slaibench.catalog import CatalogError, get_model
from slaibench.catalog.hub import checkpoint, commit
said = []
for do, text in json.loads(sys.argv[1]):
    try:
        model = get_model(text) if do == "model" else None
        said.append(
            [model.name, model.hf_id, model.layers, model.kv_bytes_per_token, commit(text)]
            if model
            else checkpoint(text)
        )
    except CatalogError as error:
        said.append(f"error: {error}")
print(json.dumps(said))
"""
"""In a process of its own, since the hub's client reads its environment when it is imported."""


def config(layers: int) -> bytes:
    values = {
        "architectures": ["LlamaForCausalLM"],
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": 1000,
        "max_position_embeddings": 2048,
    }
    return json.dumps(values).encode()


FILES = {"config.json": config(3), "model.safetensors": b"weights", "tokenizer.json": b"{}"}
UNREAD = {"original/consolidated.00.pth": b"twice", "pytorch_model.bin": b"twice"}
MODELS = {
    "someone/Small-1B": {
        "main": {**FILES, **UNREAD},
        "v1": {"config.json": config(2), "pytorch_model.bin": b"weights"},
    },
    "someone/Closed-1B": {"main": FILES},
    "someone/Words": {"main": {"README.md": b"no model"}},
}


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving(Hub(MODELS, gated=frozenset({"someone/Closed-1B"}))) as running:
        yield running


def said(tmp_path: Path, wanted: list[tuple[str, str]], **environment: str) -> list[Any]:
    """What a user's process is told of models, each with what is done: ``model`` or ``weights``."""
    pytest.importorskip("huggingface_hub", reason="needs the extra 'hub'")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(wanted)],
        env={
            **clean,
            "PYTHONPATH": str(ROOT),
            "HF_HOME": str(tmp_path / "hf"),
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_XET": "1",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
            **environment,
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert TOKEN not in done.stdout + done.stderr
    answers: list[Any] = json.loads(done.stdout)
    return answers


def test_a_model_comes_from_the_hub_once_and_then_from_the_cache(tmp_path: Path, hub: Hub) -> None:
    small = ["Small-1B", "someone/Small-1B", 3, 2 * 3 * 2 * 16 * 2, COMMIT]
    shape, folder, old, old_folder = said(
        tmp_path,
        [
            ("model", "someone/Small-1B"),
            ("weights", "someone/Small-1B"),
            ("model", "someone/Small-1B@v1"),
            ("weights", "someone/Small-1B@v1"),
        ],
        HF_ENDPOINT=hub.url,
    )
    assert (shape, old[2], old[4]) == (small, 2, OLD)
    here, there = Path(folder), Path(old_folder)
    assert (here.name, there.name) == (COMMIT, OLD)
    assert {file.name for file in here.iterdir()} == set(FILES), "what engines read, and once"
    assert (there / "pytorch_model.bin").is_file(), "there are no others"

    hub.seen.clear()
    again = [("model", "someone/Small-1B"), ("weights", "someone/Small-1B")]
    assert said(tmp_path, again, HF_ENDPOINT=hub.url) == [small, folder]
    assert said(tmp_path, again, HF_ENDPOINT=hub.url, HF_HUB_OFFLINE="1") == [small, folder]
    assert hub.seen == []


def test_what_cannot_be_had_is_said_with_the_way_out(tmp_path: Path, hub: Hub) -> None:
    closed, wrong, revision, words = said(
        tmp_path,
        [
            ("model", "someone/Closed-1B"),
            ("model", "someone/Smal-1B"),
            ("weights", "someone/Small-1B@v9"),
            ("model", "someone/Words"),
        ],
        HF_ENDPOINT=hub.url,
    )
    assert f"'someone/Closed-1B' is gated: accept its terms at {hub.url}/someone/Closed" in closed
    assert "HF_TOKEN" in closed
    assert "did you mean 'someone/Small-1B'?" in wrong
    assert "has no revision 'v9'" in revision
    assert "has no config.json" in words


def test_a_token_opens_what_is_gated_and_is_never_printed(tmp_path: Path, hub: Hub) -> None:
    wanted = [("model", "someone/Closed-1B"), ("model", "someone/Wrong")]
    shape, wrong = said(tmp_path, wanted, HF_ENDPOINT=hub.url, HF_TOKEN=TOKEN)
    assert shape[2] == 3
    assert wrong.startswith("error: Hugging Face model 'someone/Wrong' is not on")
    assert {token for _, path, token in hub.seen if "Closed-1B" in path} == {TOKEN}


def test_without_a_hub_the_command_that_fetches_it_is_said(tmp_path: Path) -> None:
    wanted = [("weights", "someone/Small-1B@v1")]
    (offline,) = said(tmp_path, wanted, HF_HUB_OFFLINE="1")
    (silent,) = said(tmp_path, wanted, HF_ENDPOINT="http://127.0.0.1:9")
    assert "HF_HUB_OFFLINE is set" in offline
    assert "http://127.0.0.1:9 does not answer" in silent
    for text in (offline, silent):
        assert "hf download someone/Small-1B --revision v1 --local-dir Small-1B" in text
        assert "give the folder" in text


def test_without_the_package_only_an_id_alone_is_left_to_the_engine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.setattr("slaibench.catalog.hub.find_spec", lambda name: None)
    with pytest.raises(CatalogError, match=r"pip install 'slaibench\[hub\]'.*hf download a/b"):
        get_model("a/b")
    assert checkpoint("a/b") == "a/b"
    with pytest.raises(CatalogError, match="--revision v1"):
        checkpoint("a/b@v1")


@pytest.mark.parametrize("text", ["gpt2", "./a/b", "/a/b", "a/b/c", "a/", "a/b@", "../b", "~/m"])
def test_other_forms_are_no_ids(text: str) -> None:
    assert HubId.parse(text) is None


def test_a_folder_that_looks_like_an_id_is_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "someone" / "Small-1B"
    folder.mkdir(parents=True)
    assert checkpoint("someone/Small-1B") == "someone/Small-1B"
    with pytest.raises(CatalogError, match=r"'someone/Small-1B' has no config.json.*hf down"):
        get_model("someone/Small-1B")
    (folder / "config.json").write_bytes(config(5))
    assert get_model("someone/Small-1B").layers == 5


def test_weights_are_whole_when_every_file_of_the_index_is_there(tmp_path: Path) -> None:
    assert not has_weights(tmp_path)
    names = ["model-1.safetensors", "model-2.safetensors"]
    index = {"weight_map": dict(zip("ab", names, strict=True))}
    (tmp_path / names[0]).touch()
    assert has_weights(tmp_path)
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    assert not has_weights(tmp_path)
    (tmp_path / names[1]).touch()
    assert has_weights(tmp_path)
