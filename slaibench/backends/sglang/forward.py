"""An emulated device for SGLang: batches take the time that a cost model says, tokens are made up.

SGLang's scheduler, radix cache, request and token pools are the real ones; only what a GPU would
do is not.
"""

from __future__ import annotations

import time
from typing import Any, Protocol

import torch
from sglang.srt.layers.logits_processor import LogitsProcessorOutput
from sglang.srt.managers.utils import GenerationBatchResult

from slaibench.backends.simulator.engine import BatchTimer

MADE_UP_TOKEN = 7
"""What every request says, always: lengths and times do not depend on it."""


class Time(Protocol):
    """How a device's time passes."""

    def spend(self, batch_s: float, overhead_s: float) -> None:
        """Return when a batch that begins now is done."""


class RealTime:
    """A device that computes as long as the cost model says, on the machine's own clock.

    The time between two steps that is not the device's is part of the cost model; the engine's
    own work between steps is taken off it.
    """

    def __init__(self) -> None:
        self._free_s = 0.0

    def spend(self, batch_s: float, overhead_s: float) -> None:
        now = time.monotonic()
        earliest = self._free_s + overhead_s
        start = earliest if self._free_s <= now < earliest else now
        self._free_s = start + batch_s
        while (left := self._free_s - time.monotonic()) > 0:
            time.sleep(left)


class EmulatedForward:
    """Takes the place of ``TpModelWorker.forward_batch_generation``.

    Args:
        timer: the cost model.
        passes: how its times pass.
    """

    def __init__(self, timer: BatchTimer, passes: Time) -> None:
        self.timer = timer
        self.time = passes

    def __call__(self, batch: Any, *_: Any, **__: Any) -> GenerationBatchResult:
        """Let the batch's time pass; a token for every row (SGLang skips unfinished prompts)."""
        rows = len(batch.reqs)
        if batch.forward_mode.is_decode():
            decodes, prefills = rows, []
            context_tokens = int(batch.seq_lens_cpu.sum())
        else:
            decodes = len(batch.decoding_reqs or ())
            first = rows - decodes
            prefills = list(zip(batch.extend_lens[:first], batch.prefix_lens[:first], strict=True))
            context_tokens = sum(batch.prefix_lens[first:]) + decodes
        batch_s = self.timer.batch_time_s(decodes, context_tokens, prefills)
        self.time.spend(batch_s, self.timer.step_overhead_s)
        return GenerationBatchResult(
            logits_output=LogitsProcessorOutput(next_token_logits=None),
            next_token_ids=torch.full((rows,), MADE_UP_TOKEN, dtype=torch.int64),
            can_run_cuda_graph=False,
        )
