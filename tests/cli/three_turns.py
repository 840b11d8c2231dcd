"""A conversation of three turns, in its real words, on an engine that computes."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from slaibench.backends.base import RunSettings
from slaibench.backends.endpoint import EndpointBackend, EndpointOptions
from slaibench.recording.record import RequestTable
from slaibench.studies.systems.endpoint import Theirs
from slaibench.workloads.arrivals import ArrivalProcess
from slaibench.workloads.generate import generate
from slaibench.workloads.registry import resolve_with_transcripts
from slaibench.workloads.request import Request

SAID = (
    ("human", "The river rose overnight, and the lower meadow is under water. What do I move?"),
    ("gpt", "First the animals, then whatever the flood would spoil."),
    ("human", "The hay stands on pallets already. Is that enough, do you think?"),
    ("gpt", "For a hand of water it is; more would reach it."),
    ("human", "Then I carry it up the hill tonight, while the track still holds."),
    ("gpt", "Good, and leave the gate open."),
)


def played(url: str, model: str, folder: Path) -> tuple[list[Request], RequestTable]:
    """Its requests, and what came of them."""
    file = folder / "three_turns.json"
    turns = [{"from": role, "value": text} for role, text in SAID]
    file.write_text(json.dumps([{"conversations": turns}]))
    source = resolve_with_transcripts(f"conversations:{file},think=0")
    requests = generate(
        source, ArrivalProcess.parse("burst"), rate_rps=None, num_requests=3, seed=0
    )
    options = EndpointOptions(url, model=model, prompts="conversation", processes=1)
    output = EndpointBackend(options).run(requests, Theirs("theirs"), RunSettings(scheduler="x"))
    return requests, output.requests


def token_ids(url: str, model: str, text: str) -> list[int]:
    """Of a text, as the engine has them."""
    body = {"model": model, "prompt": text, "max_tokens": 1, "return_token_ids": True}
    head = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/v1/completions", json.dumps(body).encode(), head)
    with urllib.request.urlopen(request, timeout=60) as answer:
        choice: dict[str, Any] = json.load(answer)["choices"][0]
    ids: list[int] = choice["prompt_token_ids"]
    return ids


def hits(url: str) -> int:
    """Tokens that the engine says that it has found in its prefix cache."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    counts = [line for line in lines if line.startswith("vllm:prefix_cache_hits_total{")]
    return int(sum(float(line.rsplit(" ", 1)[1]) for line in counts))


def check_three_turns(url: str, model: str, checkpoint: Path, folder: Path, block: int) -> None:
    """Prompts are the tokenizer's ids of what was said, and later turns find the earlier ones.

    Args:
        checkpoint: folder with the tokenizer.
        block: tokens of a KV block.
    """
    before = hits(url)
    requests, table = played(url, model, folder)
    found = hits(url) - before
    assert table.finished.all(), table.error.tolist()
    tokenizer = Tokenizer.from_file(str(checkpoint / "tokenizer.json"))
    lengths = []
    for request in requests:
        assert request.transcript is not None
        expected = tokenizer.encode(request.transcript.text).ids
        assert token_ids(url, model, request.transcript.text) == expected
        lengths.append(len(expected))
    assert table.prompt_tokens.tolist() == lengths
    # What the engine answered is not what was answered then: a turn finds the one before it.
    assert table.cached_tokens.tolist() == [0, *(block * (n // block) for n in lengths[:-1])]
    assert found == table.cached_tokens.sum()
