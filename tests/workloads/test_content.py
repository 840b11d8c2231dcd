"""What prompts are made of: keys of blocks and token ids tell the same of what they share."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slaibench.workloads.arrivals import ArrivalProcess
from slaibench.workloads.content import GENERATED, BlockKeys, Piece, SharedBeginning, token_ids
from slaibench.workloads.errors import WorkloadError
from slaibench.workloads.generate import generate, prompt_token_ids
from slaibench.workloads.hash_ids import hash_ids
from slaibench.workloads.registry import resolve
from slaibench.workloads.request import Request

VOCABULARY = 2**31
"""So many ids that tokens are never equal by chance."""

pieces = st.lists(
    st.builds(
        Piece, st.sampled_from([GENERATED, 1, 2]), st.sampled_from([0, 3, 8]), st.integers(1, 9)
    ),
    min_size=1,
    max_size=5,
)


def ids(of: list[Piece]) -> list[int]:
    return token_ids(of, seed=3, vocab_size=VOCABULARY, first_id=10).tolist()


@given(pieces, pieces, st.sampled_from([1, 2, 5]))
def test_blocks_have_equal_keys_where_all_tokens_up_to_their_ends_are_equal(
    one: list[Piece], other: list[Piece], size: int
) -> None:
    tokens, others = ids(one), ids(other)
    keys, other_keys = BlockKeys(one, size), BlockKeys(other, size)
    for number in range(min(len(tokens), len(others)) // size):
        end = (number + 1) * size
        assert (keys[number] == other_keys[number]) == (tokens[:end] == others[:end])


def test_beyond_the_prompt_a_block_is_filled_by_what_is_generated() -> None:
    first = BlockKeys([Piece(5, 0, 10)], 8)
    second = BlockKeys([Piece(5, 0, 10), Piece(GENERATED, 0, 14), Piece(6, 0, 8)], 8)
    assert [first[i] for i in range(3)] == [second[i] for i in range(3)]
    assert first[3] != second[3]


def test_keys_are_the_same_in_every_process() -> None:
    code = (
        "from slaibench.workloads.content import BlockKeys, Piece\n"
        "print(BlockKeys([Piece(5, 3, 40)], 16)[1])"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    }
    assert printed == {f"{BlockKeys([Piece(5, 3, 40)], 16)[1]}\n"}


def test_ids_stay_in_the_vocabulary_and_change_with_the_seed() -> None:
    of = [Piece(1 << 40, 0, 5000)]
    drawn = token_ids(of, 0, 32_000, 3)
    assert drawn.min() >= 3
    assert drawn.max() < 32_000
    assert len(np.unique(drawn)) > 4000
    assert not np.array_equal(drawn, token_ids(of, 1, 32_000, 3))


def test_what_follows_a_shared_beginning_is_a_requests_own() -> None:
    source = resolve("shared-prefix:300:uniform:prompt=10-50,output=1-9")
    assert source.describe()["prompt_tokens"]["min"] == 310
    requests = generate(
        source, ArrivalProcess.parse("burst"), rate_rps=None, num_requests=3, seed=1
    )
    prompts = [prompt_token_ids(request, 1, 32_000).tolist() for request in requests]
    assert [len(prompt) for prompt in prompts] == [r.prompt_tokens for r in requests]
    assert prompts[0][:300] == prompts[1][:300] == prompts[2][:300]
    assert prompts[0][300:310] != prompts[1][300:310]


@pytest.mark.parametrize("text", ["shared-prefix:500", "shared-prefix:0:fixed:prompt=1,output=1"])
def test_a_shared_beginning_needs_a_length_and_what_follows(text: str) -> None:
    with pytest.raises(WorkloadError, match="shared-prefix"):
        resolve(text)


def test_numbered_blocks_keep_their_rows() -> None:
    blocks = hash_ids([[1, 2], [], [1, 3, 4]], 16)
    taken = blocks.take(np.array([2, 0]))
    assert taken.pieces(0, 9, 40)[:2] == blocks.pieces(2, 0, 40)[:2]
    assert [piece.length for piece in taken.pieces(0, 9, 40)] == [16, 16, 8]
    assert taken.pieces(1, 9, 35)[-1] == Piece(9, 0, 3)  # what no block names is its own
    assert blocks.pieces(1, 7, 5) == (Piece(7, 0, 5),)


def test_a_beginning_may_stand_before_numbered_blocks() -> None:
    contents = SharedBeginning(4, hash_ids([[1], [1]], 16))
    keys = [BlockKeys(contents.pieces(row, row, 20), 4) for row in (0, 1)]
    assert keys[0][4] == keys[1][4]
    assert contents.identity != SharedBeginning(4).identity


def test_a_request_without_pieces_shares_nothing() -> None:
    keys = {Request(number, 0.0, 40, 5).block_keys(16)[0] for number in range(50)}
    assert len(keys) == 50
