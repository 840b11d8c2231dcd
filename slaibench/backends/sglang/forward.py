"""An emulated device for SGLang: batches take the time that a cost model says, tokens are made up.

SGLang's scheduler, radix cache, request and token pools are the real ones; only what a GPU would
do is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from sglang.srt.layers.logits_processor import LogitsProcessorOutput
from sglang.srt.managers.utils import GenerationBatchResult

from slaibench.backends.engines.device import DeviceTime
from slaibench.backends.simulator.batch_timer import BatchTimer
from slaibench.costmodel import spread_of
from slaibench.workloads.content import GENERATED_TOKEN


@dataclass(frozen=True, slots=True)
class Arrival:
    """Takes the place of the event that SGLang waits for before it reads a batch's tokens.

    Args:
        time: the device's.
        end_s: when they are there.
    """

    time: DeviceTime
    end_s: float

    def synchronize(self) -> None:
        self.time.wait(self.end_s)


class Tokens(GenerationBatchResult):
    """SGLang's result of a batch; in its overlap loop, they arrive some time after it is launched.

    Attributes:
        arrival: None: they are there.
    """

    arrival: Arrival | None = None
    copy_done: Any

    def copy_to_cpu(self, *args: Any, **kwargs: Any) -> None:
        super().copy_to_cpu(*args, **kwargs)
        self.copy_done = self.arrival or self.copy_done


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
        sequences = len(contexts) + len(prefills)
        between_s = self.timer.between_s(sequences)
        result = Tokens(
            logits_output=LogitsProcessorOutput(next_token_logits=None),
            next_token_ids=torch.full((rows,), GENERATED_TOKEN, dtype=torch.int64),
            can_run_cuda_graph=False,
        )
        if batch.enable_overlap:
            hidden_s = self.timer.hidden_s(sequences)
            result.arrival = Arrival(self.time, self.time.launch(batch_s, between_s, hidden_s))
        else:
            self.time.spend(batch_s, between_s)
        return result
