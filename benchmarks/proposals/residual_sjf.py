"""Shortest remaining prefill first, as the cache leaves it: vllm-project/vllm#51375.

Preempted requests stay in front. Of the others, those that have waited for longer than a limit come
first, in the order of arrival; then the rest by the whole KV blocks that are left to compute once
the prefix cache has been asked, and by arrival. The limit is the 10 s of xLLM-AI/xllm#2164, the
same author's version for another engine.
"""

from __future__ import annotations

import time
from typing import Any

from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.request import RequestStatus


class ResidualSjf(AsyncScheduler):
    """The rule, with its default limit."""

    MAX_WAIT_S = 10.0

    def schedule(self, *args: Any, **more: Any) -> Any:
        now_s = time.time()
        ordered = sorted(self.waiting, key=lambda request: self._rank(request, now_s))
        self.waiting.clear()
        self.waiting.extend(ordered)
        return super().schedule(*args, **more)

    def _rank(self, request: Any, now_s: float) -> tuple[int, int, float]:
        if request.status == RequestStatus.PREEMPTED:
            return 0, 0, request.arrival_time
        if now_s - request.arrival_time > self.MAX_WAIT_S:
            return 1, 0, request.arrival_time
        _, num_cached, *_ = self.kv_cache_manager.get_computed_blocks(request)
        blocks = (request.num_tokens - num_cached) // self.block_size
        return 2, blocks, request.arrival_time
