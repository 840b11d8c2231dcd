from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slaibench.catalog import get_model
from slaibench.catalog.profile import parse_profile
from slaibench.costmodel import CostModel
from slaibench.studies.calibration.fit import Fit
from slaibench.studies.calibration.profile_json import Memory, Provenance, dense, profile_json

PROVENANCE = Provenance(get_model("mistral-7b"), "a-card", "an engine", "a test")
MEMORY = Memory(kv_blocks=100, block_size=16)
REGIME = {"batch_tokens": 512, "context_tokens": 2048, "decodes": 62, "mixed_decodes": 62}
FITTED = Fit(
    tokens=(1, 64, 65, 512),
    linear_s=(0.010, 0.010, 0.014, 0.040),
    sequences=(1, 64),
    sequence_s=(0.001, 0.004),
    decodes=(1,),
    contexts=(1,),
    decode_launch_s=0.0005,
    decode_token_s=(2e-8,),
    prefill_launch_s=0.0008,
    across_s=3e-9,
    own_s=2e-9,
    mixed_token_s=(5e-8,),
    wave=1,
)


def cost(fitted: Fit) -> CostModel:
    values = profile_json(
        fitted,
        PROVENANCE,
        MEMORY,
        REGIME,
        overhead_s=0.002,
        delivery_s=0.0,
        errors={},
        notes=("so it was",),
    )
    return CostModel(parse_profile(values, "a test"))


@given(st.integers(2, 20_000))
def test_sizes_are_dense_and_hold_every_tile_edge(largest: int) -> None:
    sizes = dense(largest)
    assert (sizes[0], sizes[-1]) == (1, largest)
    assert all(1 <= high - low <= max(1, low // 64) for low, high in pairwise(sizes))
    edges = set(range(64, min(largest, 8192) + 1, 64))
    assert edges <= set(sizes)


def test_the_simulator_computes_what_was_found() -> None:
    model = cost(FITTED)
    assert model.between_s(1) == 0.002
    assert model.batch_time_s(0, 0, [(64, 0)]) == pytest.approx(
        0.010 + 0.001 + 0.0008 + 64 * 64 * 2e-9, rel=1e-4
    )
    assert model.batch_time_s(0, 0, [(64, 1000)]) - model.batch_time_s(0, 0, [(64, 0)]) == (
        pytest.approx(64_000 * 3e-9, rel=1e-4)
    )
    assert model.batch_time_s(64, 50_000, []) == pytest.approx(
        0.010 + 0.004 + 0.0005 + 50_000 * 2e-8, rel=1e-4
    )
    beside = model.batch_time_s(1, 30_000, [(64, 0)]) - model.batch_time_s(1, 10_000, [(64, 0)])
    assert beside == pytest.approx(20_000 * 5e-8, rel=1e-4)


def test_a_term_that_was_found_to_be_nothing_is_nothing() -> None:
    nothing = replace(
        FITTED,
        sequence_s=(0.0, 0.0),
        decode_launch_s=0.0,
        decode_token_s=(0.0,),
        prefill_launch_s=0.0,
        across_s=0.0,
        own_s=0.0,
        mixed_token_s=(0.0,),
    )
    model = cost(nothing)
    assert model.batch_time_s(0, 0, [(64, 5000)]) == pytest.approx(0.010, rel=1e-4)
    assert model.batch_time_s(30, 100_000, [(34, 5000)]) == pytest.approx(0.010, rel=1e-4)
    assert model.batch_time_s(64, 100_000, []) == pytest.approx(0.010, rel=1e-4)


def test_a_kv_token_costs_what_it_was_found_to_cost_among_so_many_decodes() -> None:
    model = cost(
        replace(
            FITTED,
            decodes=(1, 11),
            contexts=(100, 1100),
            decode_token_s=(4e-8, 6e-8, 2e-8, 2e-8),
            mixed_token_s=(0.0, 0.0, 5e-8, 7e-8),
        )
    )
    nothing = cost(replace(FITTED, decode_token_s=(0.0,), mixed_token_s=(0.0,)))
    for decodes, mean, alone, beside in (
        (1, 100, 4e-8, 0.0),
        (1, 600, 5e-8, 0.0),
        (6, 600, 3.5e-8, 3e-8),
        (11, 9000, 2e-8, 7e-8),
        (40, 10, 2e-8, 5e-8),
    ):
        context = decodes * mean
        for chunks, token_s in (([], alone), ([(24, 0)], beside)):
            more_s = model.batch_time_s(decodes, context, chunks) - nothing.batch_time_s(
                decodes, context, chunks
            )
            assert more_s == pytest.approx(context * token_s, rel=1e-3, abs=1e-9)
