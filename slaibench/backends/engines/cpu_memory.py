"""How large a KV cache is on a CPU, where an engine would take most of the memory there is."""

from __future__ import annotations

from slaibench.backends.engines.options import EngineOptions
from slaibench.machine import hardware

SHARE = 0.25
"""Of the free memory: what the KV cache takes when nobody says how large it is."""


def kv_blocks_on_cpu(options: EngineOptions, bytes_per_token: int) -> int:
    """KV blocks that requests may hold.

    What was asked for; else room for every request that may be active at once, but not more than a
    share of what is free, and in any case for one request.
    """
    if options.kv_blocks is not None:
        return options.kv_blocks
    one = -(-options.max_context_tokens // options.block_size)
    share = int(hardware.free_memory_bytes() * SHARE) // (options.block_size * bytes_per_token)
    return max(one, min(one * options.max_active, share))
