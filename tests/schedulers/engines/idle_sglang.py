"""SGLang's own event loop under schedulers that run nothing for a while: a program, prints JSON.

usage: python -m tests.schedulers.engines.idle_sglang RADIX LOOP

SGLang takes a turn without a batch for idleness: it checks its pools and may go to sleep.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

from slaibench.schedulers.base import Batch, EngineView, Scheduler
from slaibench.schedulers.sarathi import Sarathi
from slaibench.schedulers.slai import Slai
from tests.schedulers.engines.fuzz_sglang import KV_BLOCKS, FlatTimer, Time

NUM_REQUESTS = 16
LIMITS = {"token_budget": 64, "max_active": 16}
IDLE_TURNS = 3


class Watching(Scheduler):
    """Remembers whom it was shown."""

    def __init__(self, **limits: Any) -> None:
        super().__init__(**limits)
        self.shown: list[Any] = []

    def queue_key(self, request: Any) -> Any:
        self.shown.append(request.inner)
        return super().queue_key(request)


class Drowsy(Watching, Sarathi):
    """Runs nothing for some turns after each batch."""

    turn = 0

    def schedule(self, view: EngineView) -> Batch:
        self.turn += 1
        if self.turn % (IDLE_TURNS + 1):
            return Batch(wake_s=view.now_s + 0.01)
        return super().schedule(view)


class Patient(Watching, Slai):
    """Decodes nobody before it must."""

    def schedule(self, view: EngineView) -> Batch:
        batch = super().schedule(view)
        del batch.decodes[batch.critical_decodes :]
        if not batch and view.decoding:
            batch.wake_s = min(request.scheduler_data for request in view.decoding)
        return batch


class Feed:
    """Takes the place of SGLang's request receiver; ends the loop when it has been idle for long.

    Args:
        messages: handed over one a turn, now and then.
    """

    def __init__(self, scheduler: Any, messages: list[Any]) -> None:
        self.scheduler, self.messages = scheduler, messages
        self.idle_turns = self.idle_turns_holding_kv = 0
        self.some = random.Random(3)

    def recv_requests(self, *_: Any, **__: Any) -> list[Any]:
        scheduler = self.scheduler
        if scheduler.last_batch is None:
            held = scheduler.pages.free() < scheduler.view.total_blocks
            self.idle_turns_holding_kv += held
            self.idle_turns += not held
        if self.messages and self.some.random() < 0.2:
            return [self.messages.pop()]
        if not self.messages and scheduler.is_fully_idle():
            scheduler.gracefully_exit = True
        return []


def serve(engine: Any, scheduler: Any) -> dict[str, Any]:
    from tests.schedulers.engines.sglang_core import message

    some = random.Random(4)
    wanted = {str(number): some.randint(1, 30) for number in range(NUM_REQUESTS)}
    messages = [
        message(
            name,
            [some.randrange(3, 600) for _ in range(some.choice([1, 16, 17, 150]))],
            max_new_tokens=tokens,
            ignore_eos=True,
            custom_params={"tbt_slo_s": 0.3},
        )
        for name, tokens in wanted.items()
    ]
    engine.decide_by(scheduler)
    engine.request_receiver = feed = Feed(engine, messages)
    engine.gracefully_exit = False
    engine._war_barrier_enabled = False  # as run_event_loop has it on a CPU
    (engine.event_loop_overlap if engine.enable_overlap else engine.event_loop_normal)()
    got = {req.rid: len(req.output_ids) for req in scheduler.shown}
    assert got == {f"<{name}>": tokens for name, tokens in wanted.items()}
    assert engine.pages.free() == engine.view.total_blocks
    return {"idle_holding_kv": feed.idle_turns_holding_kv, "idle": feed.idle_turns}


def main(radix: bool, overlaps: bool) -> None:
    os.environ.update(
        SGLANG_ENABLE_STRICT_MEM_CHECK_DURING_BUSY="1",
        SGLANG_ENABLE_STRICT_MEM_CHECK_DURING_IDLE="1",
        SGLANG_CHECK_KV_PAGE_INVARIANTS="1",
    )
    from tests.schedulers.engines.sglang_core import (
        EmulatedForward,
        build_scheduler,
        random_model,
    )

    model = random_model(Path(tempfile.mkdtemp()))
    engine = build_scheduler(model, KV_BLOCKS, radix, overlaps=overlaps)
    clock = Time()
    engine.clock = clock
    engine.tp_worker.forward_batch_generation = EmulatedForward(FlatTimer(), clock)
    schedulers = {"engine drowsy": Drowsy(**LIMITS), "engine patient": Patient(**LIMITS)}
    json.dump(
        {name: serve(engine, scheduler) for name, scheduler in schedulers.items()}, sys.stdout
    )


if __name__ == "__main__":
    main(sys.argv[1] == "radix", sys.argv[2] == "overlap")
