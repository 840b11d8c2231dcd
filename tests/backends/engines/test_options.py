"""The KV cache of a CPU is not most of the memory."""

from __future__ import annotations

import pytest

from slaibench.backends.engines.options import EngineOptions, kv_blocks_on_cpu
from slaibench.catalog.model import get_model
from slaibench.machine import hardware

GIB = 2**30
TOKEN = 512
"""Bytes: two layers, two KV heads of 32 values of 4 bytes, keys and values."""


@pytest.mark.parametrize(
    ("wanted", "free", "blocks"),
    [
        (100, GIB, 100),
        # All active requests at their longest: 128 x 64 blocks.
        (None, 64 * GIB, 128 * 64),
        # A quarter of what is free: 16 MiB in blocks of 32 x 512 bytes.
        (None, 64 * 2**20, 1024),
        # Never less than one request needs.
        (None, 1, 64),
    ],
)
def test_a_cache_has_room_for_who_may_be_active_but_takes_only_a_share(
    wanted: int | None, free: int, blocks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "free_memory_bytes", lambda: free)
    options = EngineOptions(
        model=get_model("tiny-mistral"),
        checkpoint=None,
        max_context_tokens=2048,
        token_budget=512,
        max_active=128,
        kv_blocks=wanted,
        block_size=32,
    )
    assert kv_blocks_on_cpu(options, TOKEN) == blocks
