"""What our scheduling adds to a step of SGLang's, in time, against SGLang's own scheduler.

usage: python -m benchmarks.sglang_scheduling_cost [--schedulers sarathi slai ...] [--steps 300]

Real schedulers on an emulated device, a process each, since SGLang keeps its configuration in
globals; what they hold and how they are compared: ``benchmarks.scheduling_cost``. Timed:
``get_next_batch_to_run()`` and ``process_batch_result()``. ``adapter`` is ours with SGLang's own
rule deciding. Needs SGLang; without a GPU, batches are tensors of the CPU's.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import time
from array import array
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.scheduling_cost import (
    BLOCK_SIZE,
    BUDGET,
    CONTEXT,
    KV_BLOCKS,
    FlatTimer,
    Lane,
    VirtualSecond,
    build_scheduler,
    run,
)

ACTIVE = (16, 128, 256)
OWN = "SGLang's own"
ADAPTER = "adapter"
DONE = None


class SglangEngine:
    """SGLang under its own scheduler or one of ours (``benchmarks.scheduling_cost.Engine``)."""

    def __init__(self, name: str, active: int) -> None:
        self._name, self._active = name, active
        self._scheduler = scheduler = _start(name, active)
        self._alive: list[Any] = []
        self._added = 0
        from slaibench.backends.sglang.forward import EmulatedForward  # noqa: PLC0415  (seconds)

        clock = VirtualSecond()
        scheduler.tp_worker.forward_batch_generation = EmulatedForward(FlatTimer(), clock)
        if name != OWN:
            scheduler.clock = clock

    def add(self, prompt_tokens: int, output_tokens: int, tbt_slo_s: float) -> None:
        from sglang.srt.managers.io_struct import TokenizedGenerateReqInput  # noqa: PLC0415
        from sglang.srt.sampling.sampling_params import SamplingParams  # noqa: PLC0415

        self._added += 1
        params = SamplingParams(
            max_new_tokens=output_tokens,
            ignore_eos=True,
            temperature=0.0,
            custom_params={"tbt_slo_s": tbt_slo_s},
        )
        params.normalize(None)
        self._scheduler.handle_generate_request(
            TokenizedGenerateReqInput(
                rid=str(self._added),
                input_text="",
                input_ids=array("q", [5]) * prompt_tokens,
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
        )
        self._alive.append(self._scheduler.waiting_queue[-1])

    def step(self) -> float:
        scheduler = self._scheduler
        began = time.perf_counter_ns()
        plan = scheduler.get_next_batch_to_run(
            running_batch=scheduler.running_batch, last_batch=scheduler.last_batch
        )
        spent_ns = time.perf_counter_ns() - began
        scheduler.running_batch = plan.running_batch
        batch = plan.batch_to_run
        if batch:
            result = scheduler.run_batch(batch)
            began = time.perf_counter_ns()
            scheduler.process_batch_result(batch, result)
            spent_ns += time.perf_counter_ns() - began
        scheduler.last_batch = batch
        self._alive = [request for request in self._alive if not request.finished()]
        return spent_ns / 1e3

    def num_held(self) -> int:
        return len(self._alive)

    def num_decoding(self) -> int:
        return sum(bool(request.output_ids) for request in self._alive)

    def start_over(self) -> None:
        from sglang.srt.managers.io_struct import AbortReq  # noqa: PLC0415

        waiting = set(map(id, self._scheduler.waiting_queue))
        self._scheduler.abort_request(AbortReq(abort_all=True))
        # Who is active leaves with its next token.
        self._alive = [request for request in self._alive if id(request) not in waiting]
        while self._alive or self._scheduler.last_batch:
            self.step()
        if self._name not in (OWN, ADAPTER):
            self._scheduler.decide_by(build_scheduler(self._name, self._active))

    def close(self) -> None:
        """The process ends."""


class RemoteLane:
    """A lane in a process of its own."""

    def __init__(self, name: str, active: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(name, active, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def fill(self, kind: str, active: int, waiting: int) -> None:
        self._ask("fill", kind, active, waiting)

    def step(self) -> float:
        spent_us: float = self._ask("step")
        return spent_us

    def close(self) -> None:
        self._pipe.send(DONE)
        self._process.join()

    def _ask(self, what: str, *arguments: Any) -> Any:
        self._pipe.send((what, arguments))
        return self._pipe.recv()  # EOFError: it failed, and said why


def _serve(name: str, active: int, pipe: Connection) -> None:
    lane = Lane(SglangEngine(name, active))
    while (message := pipe.recv()) is not DONE:
        what, arguments = message
        pipe.send(getattr(lane, what)(*arguments))
    os._exit(0)  # SGLang's own threads would be waited for


def _start(name: str, active: int) -> Any:
    """SGLang's scheduler, as it is or with ours in its place."""
    os.environ.update(SGLANG_USE_CPU_ENGINE="1", HF_HUB_OFFLINE="1", OMP_NUM_THREADS="1")
    from slaibench.backends.sglang.stand_ins import install  # noqa: PLC0415

    install()  # before the first import of SGLang
    import sglang.srt.managers.scheduler as own  # noqa: PLC0415
    from sglang.srt.server_args import ServerArgs  # noqa: PLC0415

    from slaibench.backends.engines.model_folder import model_folder  # noqa: PLC0415
    from slaibench.backends.engines.options import EngineOptions  # noqa: PLC0415
    from slaibench.backends.sglang.arguments import CPU, engine_args  # noqa: PLC0415
    from slaibench.backends.sglang.in_process import start_scheduler  # noqa: PLC0415
    from slaibench.catalog.model import get_model  # noqa: PLC0415
    from slaibench.schedulers.engines.sglang_scheduler import SlaibenchScheduler  # noqa: PLC0415

    model = replace(get_model("tiny-mistral"), max_context_tokens=CONTEXT)
    options = EngineOptions(
        model=model,
        checkpoint=None,
        max_context_tokens=CONTEXT,
        token_budget=BUDGET,
        max_active=active,
        kv_blocks=KV_BLOCKS,
        block_size=BLOCK_SIZE,
    )
    args = ServerArgs(**engine_args(options, model_folder(model)), **CPU, skip_tokenizer_init=True)
    scheduler = start_scheduler(own.Scheduler if name == OWN else SlaibenchScheduler, args)
    logging.disable(logging.WARNING)
    return scheduler


def main() -> None:
    title = __doc__.split("\n", maxsplit=1)[0]
    run(title, OWN, (ADAPTER,), ACTIVE, RemoteLane)


if __name__ == "__main__":
    main()
