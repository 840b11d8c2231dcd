"""SGLang's scheduler in this process, whose caller turns its event loop."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable
from typing import Any

import sglang.srt.managers.scheduler as sglang_scheduler
import torch
from sglang.srt.mem_cache.allocator import paged
from sglang.srt.server_args import PortArgs, ServerArgs


class Silence:
    """Takes the place of SGLang's output streamer: whoever turns the loop reads its requests."""

    def stream_output(self, *_: Any, **__: Any) -> None:
        """There is no detokenizer to send it to."""


class Launched:
    """A function that is called like a triton kernel: ``kernel[grid](...)``."""

    def __init__(self, function: Callable[..., None]) -> None:
        self._function = function

    def __getitem__(self, grid: object) -> Callable[..., None]:
        return self._function


def hand_out_on_the_cpu() -> None:
    """Have SGLang's allocator do without triton, where it cannot by itself."""
    if not hasattr(paged, "alloc_decode_naive"):
        paged.alloc_extend_kernel = Launched(_extend)
        paged.alloc_decode_kernel = Launched(_decode)


def _extend(
    prefix_lens: torch.Tensor,
    seq_lens: torch.Tensor,
    last_loc: torch.Tensor,
    free_pages: torch.Tensor,
    out_indices: torch.Tensor,
    _: int,
    page_size: int,
) -> None:
    """Places of the tokens of prompts' chunks; where too few pages are free, SGLang says so."""
    pages = (seq_lens + page_size - 1) // page_size - (prefix_lens + page_size - 1) // page_size
    if int(pages.sum()) <= len(free_pages):
        paged.alloc_extend_naive(
            prefix_lens, seq_lens, last_loc, free_pages, out_indices, page_size, out_indices.device
        )


def _decode(
    seq_lens: torch.Tensor,
    last_loc: torch.Tensor,
    free_pages: torch.Tensor,
    out_indices: torch.Tensor,
    _: int,
    page_size: int,
) -> None:
    """Places of one token each: beside the last one, or at the start of a page."""
    starts_page = (seq_lens - 1) % page_size == 0
    if int(starts_page.sum()) <= len(free_pages):
        out_indices.copy_(last_loc + 1)
        out_indices[starts_page] = free_pages[: int(starts_page.sum())].to(torch.int64) * page_size


def turn(scheduler: Any) -> tuple[Any, Any]:
    """One turn of SGLang's event loop, as ``event_loop_overlap`` and ``event_loop_normal`` have it.

    Returns:
        the batch that was launched, and the one whose tokens were processed; None: there is none.
    """
    last = scheduler.last_batch
    plan = scheduler.get_next_batch_to_run(running_batch=scheduler.running_batch, last_batch=last)
    scheduler.running_batch = plan.running_batch
    batch = plan.batch_to_run
    result = scheduler.run_batch(batch) if batch else None
    done = batch
    if scheduler.enable_overlap:
        if batch:
            scheduler.result_queue.append((batch.copy(), result))
        done = process_oldest(scheduler) if last else None
        scheduler.launch_batch_sample_if_needed(result, batch)
    elif batch:
        scheduler.process_batch_result(batch, result)
    scheduler.last_batch = batch
    return batch, done


def process_oldest(scheduler: Any) -> Any:
    """Process the tokens of the batch that was launched first; returns it, or None: none runs."""
    if not scheduler.result_queue:
        return None
    batch, result = scheduler.result_queue.popleft()
    scheduler.process_batch_result(batch, result)
    return batch


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
        scheduler = Quiet(args, ports)
    else:
        sglang_scheduler.publish(args, role="scheduler")  # before 0.5.21
        names = list(inspect.signature(kind).parameters)[2:]
        own = {name: None if name == "dp_rank" else 0 for name in names}
        scheduler = Quiet(args, ports, **own)
    # As at the start of SGLang's overlap loop.
    scheduler.result_queue = deque()
    scheduler.enable_skip_finishing_decode = scheduler.enable_overlap
    return scheduler
