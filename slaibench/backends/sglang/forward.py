"""An emulated device for SGLang: batches take the time that a cost model says, tokens are made up.

SGLang's scheduler, radix cache, request and token pools are the real ones; only what a GPU would
do is not.
"""

from __future__ import annotations

from typing import Any

import torch
from sglang.srt.layers.logits_processor import LogitsProcessorOutput
from sglang.srt.managers.utils import GenerationBatchResult

from slaibench.backends.engines.device import MADE_UP_TOKEN
from slaibench.backends.engines.device_time import DeviceTime
from slaibench.backends.simulator.engine import BatchTimer


class EmulatedForward:
    """Takes the place of ``TpModelWorker.forward_batch_generation``.

    Args:
        timer: the cost model.
        passes: how its times pass.
    """

    def __init__(self, timer: BatchTimer, passes: DeviceTime) -> None:
        self.timer = timer
        self.time = passes

    def __call__(self, batch: Any, *_: Any, **__: Any) -> GenerationBatchResult:
        """Let the batch's time pass; a token for every row (SGLang skips unfinished prompts)."""
        rows = len(batch.reqs)
        if batch.forward_mode.is_decode():
            decodes, prefills = rows, []
            context_tokens = int(batch.seq_lens_cpu.sum())
            longest_tokens = int(batch.seq_lens_cpu.max())
        else:
            decodes = len(batch.decoding_reqs or ())
            first = rows - decodes
            prefills = list(zip(batch.extend_lens[:first], batch.prefix_lens[:first], strict=True))
            before = batch.prefix_lens[first:]
            context_tokens = sum(before) + decodes
            longest_tokens = max(before, default=-1) + 1
        batch_s = self.timer.batch_time_s(decodes, context_tokens, prefills, longest_tokens)
        self.time.spend(batch_s, self.timer.step_overhead_s)
        return GenerationBatchResult(
            logits_output=LogitsProcessorOutput(next_token_logits=None),
            next_token_ids=torch.full((rows,), MADE_UP_TOKEN, dtype=torch.int64),
            can_run_cuda_graph=False,
        )
