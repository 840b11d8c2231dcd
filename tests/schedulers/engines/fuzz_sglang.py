"""Random arrivals, aborts and options against SGLang's real scheduler: a program, prints JSON.

usage: python -m tests.schedulers.engines.fuzz_sglang RADIX LOOP TURNS SEED
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.schedulers.engines.greedy_sglang import SCHEDULERS
from tests.schedulers.engines.sglang_limits import MAX_ADAPTERS

KV_BLOCKS = 64


class Time:
    """A clock that the device moves."""

    def __init__(self) -> None:
        self.time_s = self.free_s = 0.0

    def now_s(self) -> float:
        return self.time_s

    def ended_s(self) -> float:
        return self.time_s

    def arrival_s(self, request: Any) -> float:
        return self.time_s

    def nap(self, wake_s: float | None) -> None:
        self.time_s += 0.01

    def spend(self, batch_s: float, overhead_s: float) -> None:
        self.time_s += batch_s + overhead_s

    def launch(self, batch_s: float, between_s: float, hidden_s: float) -> float:
        self.time_s += hidden_s
        self.free_s = max(self.time_s, self.free_s) + batch_s + between_s
        return self.free_s

    def wait(self, end_s: float) -> None:
        self.time_s = max(self.time_s, end_s)


class FlatTimer:
    """Batches of the same time whatever is in them."""

    needs_spread = False

    def batch_time_s(
        self, num_decodes: int, context_tokens: int, prefills: Any, spread: Any = None
    ) -> float:
        return 0.02

    def between_s(self, num_sequences: int) -> float:
        return 0.002

    def hidden_s(self, num_sequences: int) -> float:
        return 0.004


def fuzz(scheduler: Any, text: str, turns: int, seed: int) -> dict[str, int]:
    """One scheduler under random doings; the driver checks after every turn."""
    from tests.schedulers.engines.sglang_core import Driver

    driver, some = Driver(scheduler, text), random.Random(seed)
    sessions = Sessions(scheduler, driver, some)
    prefixes = [[some.randrange(3, 600) for _ in range(some.randint(16, 200))] for _ in range(3)]
    outputs: dict[str, int] = {}
    pauses = 0
    for _ in range(turns):
        doing = some.random()
        if doing < 0.25 and len(driver.alive) < 60:
            prompt = [some.randrange(3, 600) for _ in range(some.choice([1, 15, 16, 17, 120, 400]))]
            if some.random() < 0.5:
                prompt = some.choice(prefixes) + prompt[:150]
            name = str(len(outputs))
            outputs[name] = some.choice([1, 2, some.randint(1, 40), some.randint(1, 200)])
            driver.add(
                name, prompt, max_new_tokens=outputs[name], ignore_eos=True, **besides(some, prompt)
            )
        elif doing < 0.28 and driver.alive:
            driver.abort(some.choice(list(driver.alive)))
        elif doing < 0.32 and scheduler.pages.cached:
            name = sessions.go_on(str(len(outputs)))
            outputs[name] = sessions.OUTPUT_TOKENS
        elif 0.32 < doing < 0.323:
            pauses += 1
            driver.pause_and_retract()
        driver.turn()
    driver.run_out()
    sessions.close()
    for name, wanted in outputs.items():
        if name not in driver.aborted | driver.refused:
            assert len(driver.tokens[name]) == wanted, (text, name)  # invariant 6
    assert scheduler.pages.free() == scheduler.view.total_blocks
    return {
        "requests": len(outputs),
        "aborted": len(driver.aborted),
        "refused": len(driver.refused),
        "pauses": pauses,
        "session_turns": sessions.num_turns,
        "steps": len(driver.log.steps),
        "preemptions": sum(driver.log.num_preemptions.values()),
    }


def besides(some: random.Random, prompt: list[int]) -> dict[str, Any]:
    """What a request may say besides its prompt, right and wrong."""
    chosen: dict[str, Any] = {
        "custom_params": {"tbt_slo_s": some.choice([0.05, 0.1, 0.5, None])},
        "lora_id": some.choice([None, None, None, "a", "a", "b", "c"]),
        "priority": some.choice([None, 0, 5, -(2**40)]),
    }
    kind = some.random()
    if kind < 0.05:
        chosen["custom_params"] = some.choice([[1], "x", 5, {"tier": []}, {"tbt_slo_s": -1}])
    elif kind < 0.1:
        chosen["input_embeds"] = [[0.5]] * len(prompt)
    return chosen


class Sessions:
    """Conversations that SGLang keeps: each turn is added to what was said before."""

    OUTPUT_TOKENS = 5
    IDS = ("first", "second")

    def __init__(self, scheduler: Any, driver: Any, some: random.Random) -> None:
        from sglang.srt.managers.io_struct import OpenSessionReqInput

        self._controller, self._driver, self._some = scheduler.session_controller, driver, some
        self._last: dict[str, str | None] = dict.fromkeys(self.IDS)
        self.num_turns = 0
        for name in self.IDS:
            self._controller.open(OpenSessionReqInput(capacity_of_str_len=1000, session_id=name))

    def go_on(self, name: str) -> str:
        """A turn of one of them; what comes too early or is too long, SGLang refuses."""
        from sglang.srt.managers.io_struct import SessionParams

        session = self._some.choice(self.IDS)
        last = self._last[session]
        prompt = [self._some.randrange(3, 600) for _ in range(self._some.choice([3, 40]))]
        self._driver.add(
            name,
            prompt,
            max_new_tokens=self.OUTPUT_TOKENS,
            ignore_eos=True,
            session_params=SessionParams(id=session, rid=last),
        )
        if last is None or last[1:-1] in self._driver.tokens:
            self._last[session] = f"<{name}>"
            self.num_turns += 1
        return name

    def close(self) -> None:
        from sglang.srt.managers.io_struct import CloseSessionReqInput

        for name in self.IDS:
            self._controller.close(CloseSessionReqInput(session_id=name))


def with_adapters(scheduler: Any) -> None:
    """SGLang's rule of who may join whom; its layers of LoRA need a GPU, and nothing computes."""
    from sglang.srt.lora.lora_manager import LoRAManager

    manager = SimpleNamespace(max_loras_per_batch=MAX_ADAPTERS, num_pinned_loras=0)
    manager.validate_lora_batch = LoRAManager.validate_lora_batch.__get__(manager)
    scheduler.tp_worker.model_runner.lora_manager = manager
    scheduler.enable_lora = True


def main(radix: bool, overlaps: bool, turns: int, seed: int) -> None:
    from tests.schedulers.engines.sglang_core import (
        EmulatedForward,
        build_scheduler,
        random_model,
    )

    model = random_model(Path(tempfile.mkdtemp()))
    scheduler = build_scheduler(model, KV_BLOCKS, radix, overlaps=overlaps)
    scheduler.is_emulated = True
    with_adapters(scheduler)
    clock = Time()
    scheduler.clock = clock
    scheduler.tp_worker.forward_batch_generation = EmulatedForward(FlatTimer(), clock)
    json.dump({text: fuzz(scheduler, text, turns, seed) for text in SCHEDULERS}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1] == "radix", sys.argv[2] == "overlap", int(sys.argv[3]), int(sys.argv[4]))
