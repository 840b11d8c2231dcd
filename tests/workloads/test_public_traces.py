"""Published traces, in their layouts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slaibench.workloads.errors import WorkloadError
from slaibench.workloads.hash_ids import HashIds
from slaibench.workloads.registry import resolve
from slaibench.workloads.table import TableSource

MOONCAKE = [
    {"timestamp": 0, "input_length": 6755, "output_length": 500, "hash_ids": [*range(14)]},
    {"timestamp": 3000, "input_length": 7319, "output_length": 490, "hash_ids": [*range(15)]},
    {"timestamp": 3100, "input_length": 520, "output_length": 9, "hash_ids": [0, 99]},
]
BURSTGPT = """\
Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type
5,ChatGPT,472,18,490,Conversation log
45,ChatGPT,1087,0,1087,Conversation log
118,GPT-4,417,276,693,API log
"""


def lines(folder: Path, rows: list[dict[str, object]], name: str = "trace.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def table(text: str) -> TableSource:
    source = resolve(text)
    assert isinstance(source, TableSource)
    return source


def test_mooncakes_blocks_are_what_prompts_share(tmp_path: Path) -> None:
    source = table(f"mooncake:{lines(tmp_path, MOONCAKE)}")
    assert source.arrival_s is not None
    assert source.arrival_s.tolist() == [0.0, 3.0, 3.1]
    blocks = source.recorded.contents
    assert isinstance(blocks, HashIds)
    keys = [blocks.pieces(row, row, int(source.recorded.prompt_tokens[row])) for row in range(3)]
    assert keys[0][:13] == keys[1][:13]
    assert keys[2][0] == keys[0][0]
    assert "prompts share blocks of 512 tokens" in source.note


def test_burstgpts_failed_requests_are_left_out_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "burst.csv"
    path.write_text(BURSTGPT)
    source = table(f"burstgpt:{path}")
    assert source.recorded.output_tokens.tolist() == [18, 276]
    assert "rows of 0 tokens left out: 1" in source.note


def test_other_numbers_are_another_workload(tmp_path: Path) -> None:
    other = [{**MOONCAKE[0], "hash_ids": [*range(1, 15)]}, *MOONCAKE[1:]]
    one, two = (
        table(f"mooncake:{lines(tmp_path, rows, name)}")
        for rows, name in ((MOONCAKE, "a.jsonl"), (other, "b.jsonl"))
    )
    assert one.identity != two.identity
    without = [{k: v for k, v in row.items() if k != "hash_ids"} for row in MOONCAKE]
    assert table(f"mooncake:{lines(tmp_path, without, 'c.jsonl')}").identity != one.identity


def test_the_size_of_blocks_is_told_by_the_rows_or_by_the_user(tmp_path: Path) -> None:
    path = lines(tmp_path, MOONCAKE)
    blocks = table(f"{path}:timestamp=ms").recorded.contents
    assert isinstance(blocks, HashIds)
    assert blocks.block_tokens == 512
    short = lines(tmp_path, [{**MOONCAKE[2], "input_length": 10, "hash_ids": [4]}], "short.jsonl")
    with pytest.raises(WorkloadError, match=r"rows do not tell .* say it, as in '.*:block=64'"):
        resolve(f"{short}:timestamp=ms")
    said = table(f"{short}:timestamp=ms,block=64").recorded.contents
    assert isinstance(said, HashIds)
    assert said.block_tokens == 64


@pytest.mark.parametrize(
    ("ids", "error"),
    [
        ([1, 2, 3], "line 1: 3 hash_ids of 512 tokens for a prompt of 6755, which fills 14"),
        ("x", "line 1: hash_ids must be a list of whole numbers"),
        ([-1] * 14, "must be a list of whole numbers from 0"),
        ([1.5] * 14, "must be a list of whole numbers from 0"),
    ],
)
def test_wrong_blocks_are_refused_with_their_line(tmp_path: Path, ids: object, error: str) -> None:
    path = lines(tmp_path, [{**MOONCAKE[0], "hash_ids": ids}])
    with pytest.raises(WorkloadError, match=error):
        resolve(f"mooncake:{path}")


def test_files_are_joined_with_their_blocks(tmp_path: Path) -> None:
    later = [{**row, "timestamp": 5000} for row in MOONCAKE]
    paths = [lines(tmp_path, rows, f"{i}.jsonl") for i, rows in enumerate((MOONCAKE, later))]
    both = table(" + ".join(f"mooncake:{path}" for path in paths))
    blocks = both.recorded.contents
    assert isinstance(blocks, HashIds)
    assert blocks.pieces(0, 0, 6755) == blocks.pieces(3, 3, 6755)


def test_a_layout_without_a_file_says_what_is_missing() -> None:
    with pytest.raises(WorkloadError, match="mooncake needs a file: mooncake:FILE"):
        resolve("mooncake")
