"""Several files of requests as one workload."""

from __future__ import annotations

from pathlib import Path

import pytest

from slaibench.workloads import registry, sharegpt4
from slaibench.workloads.errors import WorkloadError

HEADER = "arrival_s,prompt_tokens,output_tokens\n"


@pytest.fixture
def parts(tmp_path: Path) -> tuple[Path, Path]:
    """Two parts of one log."""
    files = tmp_path / "a.csv", tmp_path / "b.csv"
    files[0].write_text(HEADER + "0,10,1\n1,11,2\n")
    files[1].write_text(HEADER + "2,12,3\n3,0,4\n")
    return files


def test_parts_of_a_log_are_one_log(parts: tuple[Path, Path]) -> None:
    a, b = parts
    for text in (f"{a} + {b}:zeros=drop", f"{a},{b}:zeros=drop"):
        source = registry.resolve(text)
        assert source.recorded.prompt_tokens.tolist() == [10, 11, 12]
        assert source.arrival_s.tolist() == [0, 1, 2]
        assert source.name == f"{a} + {b}"
        assert source.note == (
            "a.csv: 2 recorded requests with arrival times; "
            "b.csv: 1 recorded requests with arrival times; rows of 0 tokens left out: 1"
        )


def test_times_of_what_is_no_one_log_are_left_out_and_it_is_said(parts: tuple[Path, Path]) -> None:
    a, b = parts
    source = registry.resolve(f"{b}:zeros=drop + {a}")
    assert source.arrival_s is None
    assert "; arrival times left out, as the files are no parts of one log" in source.note
    a.write_text("isl,osl\n1,2\n")
    assert registry.resolve(f"{a} + {b}:zeros=drop").arrival_s is None


def test_what_is_no_table_cannot_be_joined(parts: tuple[Path, Path]) -> None:
    with pytest.raises(WorkloadError, match=r"sharegpt4-model.* is no table"):
        registry.resolve(f"{parts[0]} + sharegpt4-model")


def test_conversations_of_several_files_are_taken_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLAIBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sharegpt4, "mistral_token_counter", lambda: lambda t: len(t.split()))
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
    monkeypatch.setattr(sharegpt4, "mistral_token_counter", None)
    again = registry.resolve(f"sharegpt4:{tmp_path}/a.json,{tmp_path}/b.json")
    assert again.note == source.note
    with pytest.raises(WorkloadError, match=r"one of \.json, \.jsonl"):
        registry.resolve(f"sharegpt4:{Path(__file__)}")
