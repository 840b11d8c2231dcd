"""ShareGPT4 from a file, from the cache, and from Hugging Face, with the real packages."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from slaibench.workloads import registry
from slaibench.workloads import sharegpt4 as module
from slaibench.workloads.errors import WorkloadError
from slaibench.workloads.generate import fingerprint
from slaibench.workloads.registry import default_workload
from slaibench.workloads.sharegpt4 import mistral_token_counter, sharegpt4, sharegpt4_at_hand

ROOT = Path(__file__).parents[2]
LONG = "word " * 2000
CONVERSATIONS = [
    {
        "id": "a",
        "items": [
            {"from": "human", "value": "What is a scheduler?"},
            {"from": "gpt", "value": "It decides who runs next."},
            {"from": "human", "value": "And a policy?"},
            {"from": "gpt", "value": "The rule it follows."},
        ],
    },
    {"id": "b", "items": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": LONG}]},
]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("SLAIBENCH_CACHE", str(folder))
    return folder


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "chats.json"
    path.write_text(json.dumps(CONVERSATIONS))
    return path


@pytest.fixture
def tokenizer():
    for package in ("mistral_common", "sentencepiece"):
        pytest.importorskip(package, reason="needs the extra 'datasets'")
    return mistral_token_counter()


def expected(count) -> tuple[list[int], list[int]]:
    question, answer, second, last = (count(i["value"]) for i in CONVERSATIONS[0]["items"])
    return [question, question + answer + second], [answer, last]


def test_counts_a_local_file_with_the_real_tokenizer(file, tokenizer):
    source = sharegpt4(str(file))
    prompt, output = expected(tokenizer)
    assert source.recorded.prompt_tokens.tolist() == prompt
    assert source.recorded.output_tokens.tolist() == output
    assert source.name == "sharegpt4"
    assert "chats.json" in source.note
    assert "2 recorded requests" in source.note
    assert "of 3 rounds" in source.note


def test_counts_once_and_then_reads_the_cache(file, tokenizer, cache, monkeypatch):
    first = sharegpt4(str(file))
    assert sorted(path.suffix for path in cache.iterdir()) == [".npy", ".parquet"]

    def never():
        raise AssertionError("counted again")

    monkeypatch.setattr(module, "mistral_token_counter", never)
    again = sharegpt4(str(file))
    assert fingerprint(again) == fingerprint(first)
    assert again.note == first.note


def test_other_content_or_options_are_counted_apart(file, tokenizer, cache):
    sharegpt4(str(file))
    looser = sharegpt4(f"{file},max_output=4096")
    assert len(looser.recorded) == 3
    assert looser.recorded.output_tokens[2] == tokenizer(LONG)
    file.write_text(json.dumps(CONVERSATIONS[:1]))
    assert "of 2 rounds" in sharegpt4(str(file)).note
    assert len(list(cache.glob("*.parquet"))) == 3


def test_limits_that_leave_nothing_are_an_error(file, tokenizer):
    with pytest.raises(WorkloadError, match=r"none of 3 .*max_total=3, max_output=1024"):
        sharegpt4(f"{file},max_total=3")


def test_a_damaged_cache_file_says_what_to_do(file, tokenizer, cache):
    sharegpt4(str(file))
    damaged = next(cache.glob("*.parquet"))
    damaged.write_bytes(b"PAR1")
    with pytest.raises(WorkloadError, match=f"{damaged.name}.*delete it"):
        sharegpt4(str(file))


def test_a_cache_folder_that_cannot_be_made_says_what_to_do(file, tokenizer, cache):
    cache.write_text("a file where the folder should be")
    with pytest.raises(WorkloadError, match="set SLAIBENCH_CACHE"):
        sharegpt4(str(file))


def test_missing_files_and_wrong_options_are_refused(tmp_path):
    with pytest.raises(WorkloadError, match=r"none\.json: no such file"):
        sharegpt4(str(tmp_path / "none.json"))
    with pytest.raises(WorkloadError, match="did you mean 'max_total'"):
        sharegpt4("max_totals=3")
    with pytest.raises(WorkloadError, match="max_output must be a whole number"):
        sharegpt4("max_output=0")


def test_without_the_datasets_package_the_way_out_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(
        WorkloadError, match=r"pip install 'slaibench\[datasets\]'.*sharegpt4-model"
    ):
        sharegpt4()


def hub(tmp_path: Path, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs code in a process of its own: the hub's client reads its environment on import."""
    pytest.importorskip("datasets", reason="needs the extra 'datasets'")
    return subprocess.run(
        [sys.executable, "-c", code],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "HF_HOME": str(tmp_path / "hf"),
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


REFUSED = """
from slaibench.workloads import resolve, WorkloadError
try:
    resolve("sharegpt4")
except WorkloadError as error:
    print(error)
"""


def test_without_a_network_the_way_out_is_said_and_nothing_is_retried(tmp_path):
    with socket.socket() as closed:  # Bound but not listening: connections are refused.
        closed.bind(("127.0.0.1", 0))
        done = hub(tmp_path, REFUSED, HF_ENDPOINT=f"http://127.0.0.1:{closed.getsockname()[1]}")
    assert done.returncode == 0, done.stderr
    for way_out in ("sharegpt4:path/to/sharegpt_gpt4.json", "sharegpt4-model", "lengths.csv"):
        assert way_out in done.stdout
    assert "Retry" not in done.stderr


def test_in_the_hubs_offline_mode_too(tmp_path):
    done = hub(tmp_path, REFUSED, HF_HUB_OFFLINE="1")
    assert done.returncode == 0, done.stderr
    assert "cannot be had" in done.stdout
    assert "sharegpt4-model" in done.stdout


LOADED = """
from slaibench.workloads import registry
from slaibench.workloads import sharegpt4 as module
module.DATASET = {folder!r}
source = module.sharegpt4()
print(source.recorded.prompt_tokens.tolist(), source.recorded.output_tokens.tolist())
assert module.sharegpt4_at_hand()
"""


def test_rows_of_the_datasets_package_are_understood(tmp_path, tokenizer):
    """A folder stands in for the dataset's repository; the package that reads it is real."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / module.FILE).write_text(json.dumps(CONVERSATIONS))
    done = hub(tmp_path, LOADED.format(folder=str(folder)), HF_HUB_OFFLINE="1")
    assert done.returncode == 0, done.stderr
    prompt, output = expected(tokenizer)
    assert done.stdout.split("\n")[0] == f"{prompt} {output}"


def test_the_default_is_the_dataset_once_it_is_in_the_cache(file, tokenizer, monkeypatch):
    assert not sharegpt4_at_hand()
    assert default_workload().name == "sharegpt4-model"
    assert "stands in for ShareGPT4" in default_workload().note
    monkeypatch.setattr(module, "_from_hub", lambda: CONVERSATIONS)
    sharegpt4()
    assert sharegpt4_at_hand()
    assert default_workload().name == "sharegpt4"
    assert "openchat/openchat_sharegpt4_dataset" in default_workload().note


def test_conversations_of_several_files_are_taken_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "mistral_token_counter", lambda: lambda t: len(t.split()))
    for name, words in (("a", "x"), ("b", "x y")):
        (tmp_path / f"{name}.json").write_text(
            f'[{{"messages": [{{"role": "user", "content": "{words}"}},'
            ' {"role": "assistant", "content": "z"}, {"role": "assistant", "content": null}]}]'
        )
    source = registry.resolve(f"sharegpt4:{tmp_path}/a.json,{tmp_path}/b.json")
    assert source.recorded.prompt_tokens.tolist() == [1, 2]
    assert "from a.json, b.json" in source.note
    assert "of 2 rounds (turns without a text left out: 2)" in source.note
    # And once more from the cache.
    monkeypatch.setattr(module, "mistral_token_counter", None)
    again = registry.resolve(f"sharegpt4:{tmp_path}/a.json,{tmp_path}/b.json")
    assert again.note == source.note
    with pytest.raises(WorkloadError, match=r"one of \.json, \.jsonl"):
        registry.resolve(f"sharegpt4:{Path(__file__)}")


@pytest.mark.parametrize("package", ["sentencepiece", "mistral_common"])
def test_a_missing_package_is_named_with_what_to_install(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    if package == "mistral_common":
        pytest.importorskip("sentencepiece", reason="is looked for first")
        for name in [name for name in sys.modules if name.startswith("mistral_common.")]:
            monkeypatch.delitem(sys.modules, name)
    with pytest.raises(WorkloadError, match=rf"'slaibench\[datasets\]' \(.*{package}"):
        mistral_token_counter()


def test_mistral_tokens_are_counted_as_the_7b_model_does():
    pytest.importorskip("mistral_common", reason="needs the extra 'datasets'")
    pytest.importorskip("sentencepiece", reason="needs the extra 'datasets'")
    count = mistral_token_counter()
    # "Hello world" is [22557, 1526] in Mistral-7B's vocabulary of 32,000; no marker is added.
    assert count("Hello world") == 2
    assert count("") == 0
    # Later tokenizers of the family have other vocabularies; text without a word falls to bytes.
    assert count("\U0001f9ff") == 5
