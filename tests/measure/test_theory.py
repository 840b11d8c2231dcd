"""The papers' closed forms against the figures that they lead to."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slaibench.costmodel import StaircaseCostModel
from slaibench.measure.theory import (
    least_cycle,
    longest_request_s,
    rad_limit_rps,
    request_time_s,
    theorem_1_rps,
)
from slaibench.studies.bound.paper_model import paper_lengths, paper_model

ONE = np.array([1])


def test_theorem_1_of_the_papers_setting() -> None:
    assert theorem_1_rps(paper_model(0.0), *paper_lengths(), 128) == pytest.approx(36.25, abs=0.01)


def attentive(tile: int) -> StaircaseCostModel:
    return StaircaseCostModel(
        t_lin_s=0.128,
        t_col_tokens=128,
        decode_attention_s=0.01,
        prefill_attention_s=0.1,
        attention_tile_tokens=tile,
    )


def test_attention_is_part_of_a_requests_time() -> None:
    model = attentive(tile=1)
    # 3 + 2 tokens at 1 ms; 1 + 2 + 3 pairs; decodes that read 4 and 5 tokens.
    assert request_time_s(model, 3 * ONE, 2 * ONE, 128) == pytest.approx(0.005 + 0.6 + 0.09)


@pytest.mark.parametrize(
    ("chunk", "pairs"),
    [
        (1, 4 * (4 + 4 + 4 + 4 + 8 + 8 + 8)),
        (3, 4 * 4 + 4 * 8 + 4 * 8),  # of 3, 3 and 1 tokens, each in a tile of four queries
        (4, 4 * 4 + 4 * 8),
        (8, 4 * 4 + 4 * 8),
    ],
)
def test_chunks_cost_the_tiles_of_attention_that_they_do_not_fill(chunk: int, pairs: int) -> None:
    time_s = request_time_s(attentive(tile=4), 7 * ONE, 2 * ONE, chunk)
    assert time_s == pytest.approx(0.009 + 0.1 * pairs + 0.01 * (8 + 9))


@given(
    st.lists(st.integers(1, 300), min_size=1, max_size=5),
    st.integers(1, 70),
    st.sampled_from((1, 16)),
)
def test_a_requests_time_is_that_of_its_batches(prompts: list[int], chunk: int, tile: int) -> None:
    """Attention alone, so that no batch has to fill a tile of the linear layers."""
    model = StaircaseCostModel(
        t_lin_s=0.0,
        t_col_tokens=1,
        decode_attention_s=1e-3,
        prefill_attention_s=1e-4,
        attention_tile_tokens=tile,
    )
    batches_s = [
        sum(
            model.batch_time_s(0, 0, [(min(chunk, prompt - start), start)])
            for start in range(0, prompt, chunk)
        )
        + model.batch_time_s(1, prompt + 1, [])
        for prompt in prompts
    ]
    time_s = request_time_s(model, np.array(prompts), np.ones(len(prompts), int), chunk)
    assert time_s == pytest.approx(np.mean(batches_s))


def test_several_nodes_carry_as_many_times_the_rate() -> None:
    lengths = paper_lengths()
    single, four = (theorem_1_rps(paper_model(0.0), *lengths, 128, nodes) for nodes in (1, 4))
    assert four == pytest.approx(4 * single)


def test_full_tiles_without_a_step_cost_are_theorem_1() -> None:
    lengths = paper_lengths()
    for tile in (128, 256):
        limit_rps = rad_limit_rps(paper_model(0.0), *lengths, 128, tile)
        assert limit_rps == pytest.approx(theorem_1_rps(paper_model(0.0), *lengths, 128))


def test_half_a_tile_pays_for_a_whole_one_and_a_step_cost_for_every_batch() -> None:
    # One prompt of two chunks and 64 decodes in a set of 64: three batches' worth of tiles.
    model = paper_model(0.001)
    time_s = 1 / rad_limit_rps(model, 256 * ONE, 64 * ONE, 128, 64)
    assert time_s == pytest.approx(2 * (0.005 + 128 * 5e-6) + (0.005 + 64 * 5e-6) * 64 / 64)


def test_theorem_2_asks_for_566_420_on_the_papers_ground() -> None:
    """127 * 1,536 tokens of 4.005 ms each, over 0.05 of 1 / 36.25."""
    model, lengths = paper_model(0.0), paper_lengths()
    longest_s = longest_request_s(model, *lengths)
    assert longest_s == pytest.approx(1536 * 0.004005)
    cycle = least_cycle(128, longest_s, request_time_s(model, *lengths, 128), 0.05)
    assert cycle == pytest.approx(566_400, rel=1e-3)


def test_a_cycle_without_slack_has_no_end() -> None:
    assert least_cycle(128, 2.0, 1.0, 0.0) == math.inf
    assert least_cycle(129, 2.0, 1.0, 0.1) == pytest.approx(2560)


def test_a_chunk_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="chunk must be at least 1, not 0"):
        request_time_s(paper_model(0.0), ONE, ONE, 0)
