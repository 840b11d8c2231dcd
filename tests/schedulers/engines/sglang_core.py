"""SGLang's scheduler for tests: driven turn by turn, checked after each. Needs SGLang."""

from __future__ import annotations

import logging
import os
from array import array
from pathlib import Path
from typing import Any

os.environ.update(
    SGLANG_USE_CPU_ENGINE="1",
    HF_HUB_OFFLINE="1",
    SGLANG_ENABLE_STRICT_MEM_CHECK_DURING_IDLE="1",
    # A model this small gains nothing from threads, and they wait for each other on a busy machine.
    OMP_NUM_THREADS="1",
)

from slaibench.backends.sglang.stand_ins import install

install()

from sglang.srt.managers.io_struct import (
    AbortReq,
    ContinueGenerationReqInput,
    PauseGenerationReqInput,
    TokenizedGenerateReqInput,
)
from sglang.srt.sampling.sampling_params import SamplingParams
from sglang.srt.server_args import ServerArgs

from slaibench.backends.sglang.forward import EmulatedForward
from slaibench.backends.sglang.in_process import start_scheduler, turn
from slaibench.schedulers import registry
from slaibench.schedulers.engines.sglang_scheduler import SlaibenchScheduler
from slaibench.schedulers.engines.step_log import MemoryStepLog
from tests.schedulers.engines.random_model import random_model
from tests.schedulers.engines.sglang_limits import MAX_ACTIVE, MAX_ADAPTERS, PAGE

__all__ = ["Driver", "EmulatedForward", "build_scheduler", "message", "random_model"]


FIELDS = frozenset(
    {
        *("lora_id", "priority", "input_embeds", "session_params"),
        *("return_logprob", "logprob_start_len", "top_logprobs_num"),
    }
)
"""Of a request, besides its sampling parameters."""


def build_scheduler(folder: Path, kv_blocks: int, radix: bool, *, overlaps: bool = False) -> Any:
    """The one scheduler that a process may have.

    Args:
        overlaps: whether it launches a batch before it has the tokens of the one before.
    """
    args = ServerArgs(
        model_path=str(folder),
        device="cpu",
        dtype="float32",
        attention_backend="torch_native",
        sampling_backend="pytorch",
        grammar_backend="none",
        skip_tokenizer_init=True,
        disable_cuda_graph=True,
        mem_fraction_static=0.5,
        context_length=1024,
        chunked_prefill_size=256,
        max_running_requests=MAX_ACTIVE,
        page_size=PAGE,
        max_total_tokens=PAGE * kv_blocks,
        disable_radix_cache=not radix,
        disable_overlap_schedule=not overlaps,
        enable_mixed_chunk=True,
    )
    scheduler = start_scheduler(SlaibenchScheduler, args)
    logging.disable(logging.WARNING)
    return scheduler


def message(name: str, prompt: list[int], **chosen: Any) -> Any:
    """A request as it reaches SGLang's scheduler.

    Args:
        chosen: sampling parameters, and any of ``FIELDS``.
    """
    fields = {name: chosen.pop(name) for name in FIELDS & set(chosen)}
    params = SamplingParams(**chosen)
    params.normalize(None)
    received = TokenizedGenerateReqInput(
        rid=f"<{name}>",
        input_text="",
        input_ids=array("q", prompt),
        input_embeds=None,
        mm_inputs=None,
        token_type_ids=None,
        sampling_params=params,
        return_logprob=False,
        logprob_start_len=-1,
        top_logprobs_num=0,
        token_ids_logprob=None,
        stream=True,
    )
    for field, value in fields.items():
        setattr(received, field, value)
    return received


def logprobs_of(req: Any) -> dict[str, list[Any]]:
    """Those of a request's prompt and output, and the ids of the likeliest tokens instead."""
    held = getattr(req, "logprob", None) or req  # before 0.5.22: its own
    return {
        "prompt": list(held.input_token_logprobs_val or []),
        "output": list(held.output_token_logprobs_val or []),
        "likeliest": [list(ids) for ids in held.output_top_logprobs_idx or []],
    }


class Driver:
    """Adds, aborts and turns; SGLang's books and ours are compared every turn.

    Args:
        scheduler: from ``build_scheduler``; taken over with nothing in it.
        text: the scheduler as on the command line.
    """

    def __init__(self, scheduler: Any, text: str) -> None:
        self.scheduler = scheduler
        scheduler.decide_by(registry.build(text))
        scheduler.step_log = self.log = MemoryStepLog()
        self.alive: dict[str, Any] = {}
        self.tokens: dict[str, list[int]] = {}
        self.logprobs: dict[str, dict[str, list[Any]]] = {}
        self.aborted: set[str] = set()
        self.refused: set[str] = set()

    def add(self, name: str, prompt: list[int], **chosen: Any) -> None:
        queue = self.scheduler.waiting_queue
        last = queue[-1] if queue else None
        self.scheduler.handle_generate_request(message(name, prompt, **chosen))
        queue = self.scheduler.waiting_queue
        if queue and queue[-1] is not last:
            self.alive[name] = queue[-1]
        else:
            self.refused.add(name)

    def abort(self, name: str) -> None:
        self.aborted.add(name)
        req = self.alive[name]
        waits = any(waiting is req for waiting in self.scheduler.waiting_queue)
        self.scheduler.abort_request(AbortReq(rid=f"<{name}>"))
        if waits:
            del self.alive[name]  # SGLang lets it go without another word

    def pause_and_retract(self) -> None:
        """What a weight update does: everybody loses its KV blocks and waits again."""
        self.scheduler.pause_generation(PauseGenerationReqInput(mode="retract"))
        self.scheduler.continue_generation(ContinueGenerationReqInput())

    def turn(self) -> bool:
        """One turn of the event loop; whether anything ran."""
        launched, done = turn(self.scheduler)
        if launched is None and done is None:
            self.scheduler.on_idle()
        self.check()
        for name in [name for name, req in self.alive.items() if req.finished()]:
            req = self.alive.pop(name)
            self.tokens[name] = list(req.output_ids)
            if req.return_logprob:
                self.logprobs[name] = logprobs_of(req)
            if type(req.finished_reason).__name__ == "FINISH_ABORT":
                self.aborted.add(name)
        return launched is not None or done is not None

    def run_out(self) -> None:
        while self.alive:
            self.turn()
        while self.turn():
            pass
        assert self.scheduler.flush_cache()

    def check(self) -> None:
        scheduler, view = self.scheduler, self.scheduler.view
        scheduler.invariant_checker.self_check_during_busy()
        if scheduler.scheduler is None:
            return
        waiting = [id(request.inner) for request in view.waiting]
        if len(waiting) == len(scheduler.waiting_queue):
            assert set(waiting) == set(map(id, scheduler.waiting_queue))
        holders = [*view.prefilling, *view.decoding]
        assert len({id(request.inner) for request in holders}) == len(holders)
        assert len(view.prefilling) <= 1
        if scheduler.enable_lora:
            assert len({request.inner.lora_id for request in holders}) <= MAX_ADAPTERS
        for request in view.decoding:
            if not request.inner.finished():
                expected = len(request.inner.origin_input_ids) + request.output_tokens - 1
                assert request.computed_tokens == expected
                assert not request.is_ending
        assert len(scheduler.flight.batches) == len(scheduler.result_queue)
        holders += scheduler.flight.ending
        if scheduler.disable_radix_cache and not any(r.inner.finished() for r in holders):
            held = sum(-(-request.computed_tokens // PAGE) for request in holders)
            assert held + scheduler.pages.free() == view.total_blocks
        if self.log.steps:
            last = self.log.steps[-1]
            assert last.prefill_tokens + last.decodes <= scheduler.scheduler.token_budget
            assert last.active <= scheduler.scheduler.max_active
