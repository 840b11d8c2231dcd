"""The line below measured prefill attention: valid, and as high as its purpose allows."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from slaibench.catalog import TableAttention, get_profile
from slaibench.costmodel.table_attention import TableAttentionTimer
from slaibench.costmodel.table_floor import beside_table, chunk_table

GPUS = ("rtx4090", "rtx-pro-6000")


@cache
def timer(gpu: str) -> TableAttentionTimer:
    attention = get_profile(gpu, "mistral-7b").attention
    assert isinstance(attention, TableAttention)
    return TableAttentionTimer(attention)


@pytest.mark.parametrize("gpu", GPUS)
@pytest.mark.parametrize(("chunk", "history"), [(1, 0), (100, 777), (513, 3000), (2048, 8000)])
def test_a_chunks_time_lies_in_its_range(gpu: str, chunk: int, history: int) -> None:
    low, high = timer(gpu).chunk_range_s(chunk, history)
    time_s = timer(gpu).prefill_s([(chunk, history)])
    assert low <= time_s * (1 + 1e-12)
    assert time_s <= high * (1 + 1e-12)


@pytest.mark.parametrize("gpu", GPUS)
def test_the_line_is_below_random_chunks_and_touches_some(gpu: str) -> None:
    rng = np.random.default_rng(1)
    pair_s, token_s = chunk_table(timer(gpu), 8192, 2000.0)
    assert pair_s > 0
    closest = np.inf
    for _ in range(2000):
        some = rng.integers(1, 4)
        chunks = [
            (int(c), int(h))
            for c, h in zip(rng.integers(1, 3000, some), rng.integers(0, 8192, some), strict=True)
        ]
        pairs = sum(c * (h + c / 2) for c, h in chunks)
        line = timer(gpu).launch_s + pair_s * pairs + token_s * sum(c for c, _ in chunks)
        over = timer(gpu).prefill_s(chunks) / line - 1 if line > 0 else np.inf
        assert over > -1e-9
        closest = min(closest, over)
    assert closest < 0.05


@pytest.mark.parametrize("gpu", GPUS)
def test_more_pairs_a_token_never_make_a_pair_cheaper(gpu: str) -> None:
    prices = [chunk_table(timer(gpu), 8192, ratio)[0] for ratio in (100.0, 1000.0, 4000.0)]
    assert prices == sorted(prices)


@pytest.mark.parametrize("gpu", GPUS)
def test_decodes_never_add_less_than_the_table_says(gpu: str) -> None:
    contexts = np.array([[1.0, 512.0, 4096.0]] * 65)
    table = beside_table(timer(gpu), contexts, 8192)
    rng = np.random.default_rng(2)
    for _ in range(500):
        n, chunk = int(rng.integers(1, 65)), [(int(rng.integers(1, 2048)), int(rng.integers(8192)))]
        m = float(rng.uniform(1, 4096))
        added = timer(gpu).mixed_s(n, round(n * m), chunk) - timer(gpu).prefill_s(chunk)
        least = np.interp(round(n * m) / n, contexts[n], table[n])
        assert added >= least - 1e-9
    assert not table[0].any()
