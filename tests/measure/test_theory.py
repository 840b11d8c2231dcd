"""The papers' closed forms against the figures that they lead to."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slaibench.costmodel import StaircaseCostModel
from slaibench.measure.theory import (
    least_cycle,
    rad_limit_rps,
    request_time_s,
    theorem_1_rps,
    work_conserving_rps,
)
from slaibench.study.bound.paper_model import paper_lengths, paper_model

ONE = np.array([1])


def test_theorem_1_of_the_papers_setting() -> None:
    assert theorem_1_rps(paper_model(0.0), *paper_lengths(), 128) == pytest.approx(36.25, abs=0.01)


def test_ldps_boundary() -> None:
    codellama = StaircaseCostModel(constant_s=0.01128, t_lin_s=0.03547, t_col_tokens=128)
    found = work_conserving_rps(codellama, 129 * ONE, 112 * ONE, 512)
    assert found == pytest.approx(13.87, abs=0.005)


def test_attention_is_part_of_a_requests_time() -> None:
    model = StaircaseCostModel(
        t_lin_s=0.128, t_col_tokens=128, decode_attention_s=0.01, prefill_attention_s=0.1
    )
    # 3 + 2 tokens at 1 ms; 1 + 2 + 3 pairs; decodes that read 4 and 5 tokens.
    assert request_time_s(model, 3 * ONE, 2 * ONE, 128) == pytest.approx(0.005 + 0.6 + 0.09)


def test_full_tiles_without_a_step_cost_are_theorem_1() -> None:
    lengths = paper_lengths()
    for tile in (128, 256):
        found = rad_limit_rps(paper_model(0.0), *lengths, 128, tile)
        assert found == pytest.approx(theorem_1_rps(paper_model(0.0), *lengths, 128))


def test_half_a_tile_pays_for_a_whole_one_and_a_step_cost_for_every_batch() -> None:
    # One prompt of two chunks and 64 decodes in a set of 64: three batches' worth of tiles.
    model = paper_model(0.001)
    found = 1 / rad_limit_rps(model, 256 * ONE, 64 * ONE, 128, 64)
    assert found == pytest.approx(2 * (0.005 + 128 * 5e-6) + (0.005 + 64 * 5e-6) * 64 / 64)


def test_a_cycle_without_slack_has_no_end() -> None:
    assert least_cycle(128, 2.0, 1.0, 0.0) == math.inf
    assert least_cycle(129, 2.0, 1.0, 0.1) == pytest.approx(2560)


def test_a_chunk_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="chunk must be at least 1, not 0"):
        request_time_s(paper_model(0.0), ONE, ONE, 0)
