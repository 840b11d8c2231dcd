"""SGLang's own limits, which depend on the GPU's memory: what it takes where nobody says any."""

from __future__ import annotations

from slaibench.backends.engines.base import StartLimits
from slaibench.catalog.gpu import Gpu

MIB = 2**20
CHUNKS = ((20 * 1024, 2048), (60 * 1024, 4096), (160 * 1024, 8192))
"""Up to how much memory (MiB, itself not included) a chunk of prompts has so many tokens."""
LARGEST_CHUNK = 16384
FEWEST, MOST = 2048, 4096
"""Requests that may run, where the KV cache does not hold fewer."""


def limits_on(gpu: Gpu, kv_tokens: int, max_context_tokens: int) -> StartLimits:
    """``--chunked-prefill-size`` and ``--max-running-requests`` on a GPU.

    Source: SGLang 0.5.23, ``sglang/srt/arg_groups/memory_hook.py`` (``handle_gpu_memory_settings``)
    and ``mem_cache/kv_cache_configurator.py`` (``resolve_max_num_reqs``).

    Args:
        kv_tokens: that the KV cache holds.
    """
    memory_mib = gpu.memory_bytes / MIB
    chunk = next((tokens for limit, tokens in CHUNKS if memory_mib < limit), LARGEST_CHUNK)
    running = max(FEWEST, min(MOST, int(kv_tokens / max_context_tokens * 512)))
    return StartLimits(chunk, min(running, kv_tokens // 2))
