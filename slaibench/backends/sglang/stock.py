"""SGLang's own rule as it is shipped: its limits, which depend on the GPU's memory, and words."""

from __future__ import annotations

from slaibench.backends.engines.base import StartLimits
from slaibench.backends.engines.options import EngineOptions
from slaibench.catalog.gpu import Gpu
from slaibench.schedulers.engine_default import EngineDefault, own_budget

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


def as_shipped_words(scheduler: EngineDefault, options: EngineOptions) -> str:
    """With which limits and plug-ins SGLang's own rule runs, and what else is not as shipped.

    Args:
        options: what SGLang is started with.
    """
    others = []
    if not options.asynchronous:
        others.append("synchronous scheduling (stock: overlap)")
    if not options.prefix_caching:
        others.append("no radix cache (stock: on)")
    tokens, active = own_budget(scheduler) or options.token_budget, options.max_active
    limits = "limits of its own"
    if tokens is not None and active is not None:
        limits = f"chunks of {tokens:,} tokens, {active:,} requests"
    what = "SGLang as shipped"
    if scheduler.plugins:
        what = f"SGLang with plug-in {'+'.join(scheduler.plugins)}"
    differs = f"; differs from stock: {', '.join(others)}" if others else ""
    return f"{what}: {limits}{differs}"
