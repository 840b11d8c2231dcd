"""An emulated device for SGLang: batches take the time that a cost model says, tokens are made up.

SGLang's scheduler, radix cache, request and token pools are the real ones; only what a GPU would
do is not.
"""

from __future__ import annotations

from typing import Any

import torch
from sglang.srt.layers.logits_processor import LogitsProcessorOutput
from sglang.srt.managers.utils import GenerationBatchResult

from slaibench.backends.engines.device import MADE_UP_TOKEN, DeviceTime
from slaibench.backends.simulator.engine import BatchTimer
from slaibench.costmodel import spread_of


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
            contexts, prefills = batch.seq_lens_cpu.tolist(), []
        else:
            first = rows - len(batch.decoding_reqs or ())
            prefills = list(zip(batch.extend_lens[:first], batch.prefix_lens[:first], strict=True))
            contexts = [before + 1 for before in batch.prefix_lens[first:]]
        batch_s = self.timer.batch_time_s(
            len(contexts), sum(contexts), prefills, spread_of(contexts)
        )
        self.time.spend(batch_s, self.timer.between_s(len(contexts) + len(prefills)))
        return GenerationBatchResult(
            logits_output=LogitsProcessorOutput(next_token_logits=None),
            next_token_ids=torch.full((rows,), MADE_UP_TOKEN, dtype=torch.int64),
            can_run_cuda_graph=False,
        )
