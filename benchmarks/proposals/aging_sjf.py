"""Shortest job first with aging: vllm-project/vllm#29406 (RFC) and #29366.

A waiting request's score is a weighted sum: one term falls with its prompt's length, the other
grows with its time in the queue; the highest score goes first. The formula and its constants are
those that NVIDIA/TensorRT-LLM#12428 describes, which follows vLLM's.
"""

from __future__ import annotations

import time
from typing import Any

from vllm.v1.core.sched.async_scheduler import AsyncScheduler


class AgingSjf(AsyncScheduler):
    """The constants of the description: for prompts of tens of thousands of tokens."""

    LENGTH_MEDIAN_TOKENS = 32768
    TIME_MEDIAN_S = 5.0
    LENGTH_WEIGHT = TIME_WEIGHT = 0.5

    def schedule(self, *args: Any, **more: Any) -> Any:
        now_s = time.time()
        ordered = sorted(self.waiting, key=lambda request: self._score(request, now_s))
        self.waiting.clear()
        self.waiting.extend(reversed(ordered))
        return super().schedule(*args, **more)

    def _score(self, request: Any, now_s: float) -> tuple[float, float]:
        length = 1 / (1 + request.num_prompt_tokens / self.LENGTH_MEDIAN_TOKENS)
        age = (now_s - request.arrival_time) / self.TIME_MEDIAN_S
        score = self.LENGTH_WEIGHT * length + self.TIME_WEIGHT * age
        return score, -request.arrival_time


class AgingSjfOfChats(AgingSjf):
    """The same rule with constants of chats: half of ShareGPT4's prompts are this short."""

    LENGTH_MEDIAN_TOKENS = 1024
