"""SGLang's scheduler in this process, whose caller turns its event loop."""

from __future__ import annotations

import inspect
from typing import Any

import sglang.srt.managers.scheduler as sglang_scheduler
from sglang.srt.server_args import PortArgs, ServerArgs

from slaibench.backends.sglang.cpu_pages import hand_out_on_the_cpu


class Silence:
    """Takes the place of SGLang's output streamer: whoever turns the loop reads its requests."""

    def stream_output(self, *_: Any, **__: Any) -> None:
        """There is no detokenizer to send it to."""


def start_scheduler(kind: Any, args: ServerArgs) -> Any:
    """The one scheduler that a process may have: SGLang keeps its configuration in globals.

    Args:
        kind: SGLang's scheduler class, or one that is derived from it.
        args: for the CPU and without a tokenizer.

    Raises:
        ValueError, RuntimeError, AssertionError: SGLang does not start like that.
    """

    class Quiet(kind):
        def init_output_streamer(self) -> None:
            self.output_streamer = Silence()

    hand_out_on_the_cpu()
    ports = PortArgs.init_new(args)
    if "ranks" in inspect.signature(sglang_scheduler.publish).parameters:
        ranks = sglang_scheduler.SpawnRanks(world_rank=0, dp_rank=None, gpu_id=0)
        sglang_scheduler.publish(args, role="scheduler", ranks=ranks)
        return Quiet(args, ports)
    sglang_scheduler.publish(args, role="scheduler")  # before 0.5.21
    names = list(inspect.signature(kind).parameters)[2:]
    return Quiet(args, ports, **{name: None if name == "dp_rank" else 0 for name in names})
