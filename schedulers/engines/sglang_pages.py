"""SGLang's KV blocks, which it calls pages: those of its pool, and those its radix cache keeps."""

from __future__ import annotations

import inspect
from typing import Any

from sglang.srt.managers.schedule_batch import release_req


class Pages:
    """The pages of one engine.

    Args:
        engine: SGLang's scheduler, once its pools are there.
    """

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    @property
    def cached(self) -> bool:
        """Whether pages are kept for requests that begin alike."""
        return not self._engine.disable_radix_cache

    def free(self) -> int:
        """Pages that are free, or held by nothing but the radix cache."""
        engine = self._engine
        evictable = int(engine.tree_cache.evictable_size()) if self.cached else 0
        tokens: int = engine.token_to_kv_pool_allocator.available_size() + evictable
        pages: int = tokens // engine.page_size
        return pages

    def look_up(self, request: Any) -> int:
        """Tokens of a waiting request that are in the cache now."""
        if not self.cached:
            return 0
        request.init_next_round_input(self._engine.tree_cache)
        return cached_tokens(request)

    def lock(self, request: Any) -> int:
        """Keep what is in the cache from being evicted while the request needs it.

        Returns:
            Tokens of the request that are there.
        """
        cache = self._engine.tree_cache
        request.init_next_round_input(cache)
        if hasattr(cache, "lock"):
            request.lock = cache.lock(request.last_node)
        else:
            cache.inc_lock_ref(request.last_node)  # 0.5.17
        return cached_tokens(request)

    def take(self, request: Any) -> None:
        """Take a request's pages, as SGLang does when it retracts one."""
        engine = self._engine
        arguments = {
            "req": request,
            "remaing_req_count": 0,
            "req_to_token_pool": engine.req_to_token_pool,
            "token_to_kv_pool_allocator": engine.token_to_kv_pool_allocator,
            "tree_cache": engine.tree_cache,
            "hisparse_coordinator": None,
        }
        if "server_args" in inspect.signature(release_req).parameters:
            arguments["server_args"] = engine.server_args  # 0.5.17
        release_req(**arguments)


def cached_tokens(request: Any) -> int:
    """Tokens of a request that the last look into the cache found there."""
    if hasattr(request, "prefix_len"):
        return int(request.prefix_len)
    return len(request.prefix_indices)  # 0.5.17
