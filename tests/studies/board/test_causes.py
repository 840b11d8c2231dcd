"""Causes are told from what a row is."""

from __future__ import annotations

import pytest

from slaibench.catalog.model import get_model
from slaibench.catalog.profiles import get_profile
from slaibench.studies.board.causes import Cause, causes_of, is_old

PROFILE = get_profile("rtx-pro-6000", "llama-3.1-8b")
MODEL = get_model("llama-3.1-8b")


@pytest.mark.parametrize(
    ("engine", "version", "old"),
    [
        ("vllm", "0.12.0", True),
        ("vllm", "0.14.0", False),
        ("vllm", "", True),
        ("vllm", "nightly-5b8c", False),
        ("sglang", "0.5.8.post1", True),
        ("sglang", "0.5.9", False),
    ],
)
def test_old_releases(engine, version, old):
    assert is_old(engine, version) is old


def test_a_cache_that_clients_fill_is_a_cause(make_row):
    room = PROFILE.kv_blocks * PROFILE.block_size
    full = make_row(concurrency=4, prompt_tokens=room // 4, output_tokens=10)
    assert Cause.FULL_CACHE in causes_of(full, PROFILE, MODEL)
    half = make_row(concurrency=4, prompt_tokens=room // 8, output_tokens=10)
    assert Cause.FULL_CACHE not in causes_of(half, PROFILE, MODEL)


def test_how_far_off_a_row_is_decides_no_cause(make_row):
    near, far = make_row(tpot_ms=10.0), make_row(tpot_ms=1000.0, ttft_ms=1e6)
    assert causes_of(near, PROFILE, MODEL) == causes_of(far, PROFILE, MODEL)
