"""The work of requests, counted one by one, and its worth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slaibench.measure.work import Prices, work_of, worth_of_decodes, worth_of_prompts

lengths = st.lists(st.tuples(st.integers(1, 200), st.integers(1, 100)), min_size=1, max_size=5)


@given(lengths, st.sampled_from([1, 4, 16]))
def test_sums_are_those_of_single_decodes(pairs: list[tuple[int, int]], block_size: int) -> None:
    prompts, outputs = (np.array(column) for column in zip(*pairs, strict=True))
    work = work_of(prompts, outputs, block_size)
    reads = [list(range(p + 1, p + o)) for p, o in pairs]
    n = len(pairs)
    assert work.prefill_tokens * n == pytest.approx(sum(p for p, _ in pairs))
    assert work.decodes * n == pytest.approx(sum(map(len, reads)))
    assert work.context_tokens * n == pytest.approx(sum(map(sum, reads)))
    blocks = sum(-(-x // block_size) for request in reads for x in request)
    assert work.context_blocks * n == pytest.approx(blocks)
    assert work.longest == max(p + o - 1 for p, o in pairs)


def test_mean_worth_of_requests_is_the_worth_of_mean_work() -> None:
    prices = Prices(1e-5, 1e-9, 3e-5, 2e-8, 4e-7)
    prompts, outputs = np.array([5, 100, 33]), np.array([1, 40, 7])
    work = work_of(prompts, outputs, 16)
    reads = np.concatenate([np.arange(p + 1, p + o) for p, o in zip(prompts, outputs, strict=True)])
    total = worth_of_prompts(prompts, prices).sum() + worth_of_decodes(reads, 16, prices).sum()
    mean = (
        prices.prefill_token_s * work.prefill_tokens
        + prices.pair_s * work.prefill_pairs
        + prices.decode_s * work.decodes
        + prices.context_s * work.context_tokens
        + prices.block_s * work.context_blocks
    )
    assert total / 3 == pytest.approx(mean)


@pytest.mark.parametrize(("prompts", "outputs"), [([], []), ([0], [1]), ([1], [0])])
def test_no_requests_and_empty_ones_are_refused(prompts: list[int], outputs: list[int]) -> None:
    with pytest.raises(ValueError, match="at least"):
        work_of(np.array(prompts), np.array(outputs), 16)


def test_a_request_beyond_the_longest_is_refused() -> None:
    with pytest.raises(ValueError, match=r"longest=10 is less than a request's 12 KV tokens"):
        work_of(np.array([8]), np.array([5]), 16, longest=10)
