"""vLLM's CPU engine with asynchronous scheduling, which its platform for CPUs turns off.

What the model runner does for it is written for GPUs: it copies tokens on a stream of their own and
waits for events. A CPU computes in order, so streams and events have nothing to do.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import torch
from vllm.v1.executor.uniproc_executor import UniProcExecutor


class _InOrder:
    """A stream, or an event, of a device that does one thing after another."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.device = torch.device("cpu")

    def record(self, *args: Any) -> None: ...

    def synchronize(self) -> None: ...

    def wait_stream(self, stream: Any) -> None: ...


class AheadOnCpu(UniProcExecutor):
    """vLLM's executor of one process; what is built after it finds the mode switched on."""

    def _init_executor(self) -> None:
        self.scheduler_config.async_scheduling = True
        torch.cuda.Stream = torch.cuda.Event = _InOrder  # type: ignore[misc,assignment]
        torch.cuda.current_stream = _InOrder  # type: ignore[assignment]
        torch.cuda.stream = lambda stream: nullcontext()  # type: ignore[assignment]
        super()._init_executor()
