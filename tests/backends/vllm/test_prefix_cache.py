"""What vLLM's prefix cache finds, the simulator's finds: the same batches, preemptions and all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from slaibench.backends.base import RunSettings
from slaibench.schedulers import registry
from slaibench.spec import Device
from slaibench.studies.systems.engines import VllmSystem
from slaibench.workloads.content import GENERATED, Piece
from slaibench.workloads.request import Request
from tests.backends.agreement import CONTEXT, assert_same, requests
from tests.backends.needed import needed
from tests.backends.vllm.test_ahead import Both

NUM_SHARED, NUM_GROUPS = 777, 3
SHARED = 1 << 40
"""Streams from here on are no request's own."""


@pytest.fixture(scope="module", params=[False, True], ids=["synchronous", "asynchronous"])
def both(request: pytest.FixtureRequest) -> Iterator[Both]:
    needed(VllmSystem.ENGINE, Device.EMULATED)
    both = Both("h100", prefix_caching=True, asynchronous=request.param)
    yield both
    both.vllm.close()


def with_prompts(wanted: Sequence[Request], kind: str) -> list[Request]:
    changed = []
    for request in wanted:
        own = Piece(request.request_id, 0, request.prompt_tokens)
        if kind == "three beginnings":
            group = SHARED + request.request_id % NUM_GROUPS
            pieces = [Piece(group, 0, NUM_SHARED), own]
        elif kind == "one prompt":
            pieces = [Piece(SHARED, 0, 1000)]
        elif kind == "second turns" and request.request_id % 2 and changed:
            first = changed[-1]
            turn = first.pieces or [Piece(first.request_id, 0, first.prompt_tokens)]
            pieces = [*turn, Piece(GENERATED, 0, first.output_tokens), own]
        else:
            pieces = [own]
        tokens = sum(piece.length for piece in pieces)
        if tokens + request.output_tokens <= CONTEXT:
            changed.append(replace(request, prompt_tokens=tokens, pieces=tuple(pieces)))
        else:
            changed.append(request)
    return changed


@pytest.mark.parametrize("text", ["sarathi", "slai", "hrrn"])
@pytest.mark.parametrize(
    "kind", ["prompts of their own", "three beginnings", "one prompt", "second turns"]
)
def test_vllm_finds_what_the_simulator_finds(both: Both, text: str, kind: str) -> None:
    wanted = with_prompts(requests(40, rate_rps=4.0), kind)
    ours = both.simulator.run(wanted, registry.build(text), RunSettings())
    theirs = both.vllm.run(wanted, registry.build(text), RunSettings())
    assert_same(ours, theirs)
    if kind == "prompts of their own":
        assert theirs.requests.num_preemptions.sum() > 0
    elif kind != "second turns":  # few of which come when the first is over
        computed = theirs.steps.prefill_tokens.sum()
        assert computed < sum(request.prompt_tokens for request in wanted)
