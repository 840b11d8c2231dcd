"""Classes that change nothing: stock under another name, in either of vLLM's modes.

A class that extends the synchronous ``Scheduler`` is what the author of vllm-project/vllm#42185
compared with asynchronous stock at first, and what a plug-in of vllm-project/vllm#43724 was.
"""

from __future__ import annotations

from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.core.sched.scheduler import Scheduler


class Synchronous(Scheduler):
    """Nothing of its own."""


class Asynchronous(AsyncScheduler):
    """Nothing of its own."""
