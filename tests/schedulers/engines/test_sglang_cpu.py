"""Invariant 7 on the engine that computes: no scheduler changes what a request says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.schedulers.engines.greedy_sglang import (
    NUM_REQUESTS,
    SCHEDULERS,
    WITH_LOGPROBS,
    workload,
)
from tests.schedulers.engines.program import run_program
from tests.schedulers.engines.sglang_limits import MAX_ACTIVE


def assert_same_logprobs(theirs: dict[str, Any], own: dict[str, Any]) -> None:
    """As under SGLang's own rule, but for what another batch does to a sum."""
    assert theirs.keys() == own.keys()
    assert len(own) > NUM_REQUESTS // WITH_LOGPROBS // 2
    for name, values in own.items():
        assert theirs[name]["likeliest"] == values["likeliest"], name
        for part in ("prompt", "output"):
            assert len(theirs[name][part]) == len(values[part]), (name, part)
            expected = [logprob for logprob in values[part] if logprob is not None]
            same = [logprob for logprob in theirs[name][part] if logprob is not None]
            assert same == pytest.approx(expected, abs=1e-3), (name, part)


@pytest.mark.parametrize(
    ("kv_blocks", "cache", "loop"),
    [(400, "plain", "normal"), (50, "radix", "normal"), (50, "radix", "overlap")],
)
def test_token_ids_are_the_same_under_every_scheduler(
    kv_blocks: int, cache: str, loop: str, tmp_path: Path
) -> None:
    results = run_program("sglang", "greedy_sglang", kv_blocks, cache, loop, tmp_path)
    own = results[SCHEDULERS[0]]["tokens"]
    params_of = {name: params for name, _, params in workload(cache == "radix")}
    assert len(own) == NUM_REQUESTS
    for name, params in params_of.items():
        if "stop_token_ids" not in params:
            assert len(own[name]) == params["max_new_tokens"]
    # Otherwise the same ids would say nothing: requests differ, even by their first token alone.
    assert own[str(NUM_REQUESTS - 1)] != own[str(NUM_REQUESTS - 2)]
    stopped = [
        name for name, params in params_of.items() if len(own[name]) < params["max_new_tokens"]
    ]
    assert bool(stopped) == (cache == "radix")
    for text, result in results.items():
        different = [name for name in own if result["tokens"][name] != own[name]]
        assert different == [], text
        assert_same_logprobs(result["logprobs"], results[SCHEDULERS[0]]["logprobs"])
        assert (result["free"], result["rows"]) == (kv_blocks, MAX_ACTIVE), text
        assert result["aborted"] > 0
        if kv_blocks < 100 and not text.startswith(("decode-first", "engine")):
            assert result["preemptions"] > 3, text
