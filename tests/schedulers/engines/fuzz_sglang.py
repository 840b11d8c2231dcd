"""Random arrivals, aborts and options against SGLang's real scheduler: a program, prints JSON.

usage: python -m tests.schedulers.engines.fuzz_sglang RADIX TURNS SEED
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.schedulers.engines.greedy_sglang import SCHEDULERS

KV_BLOCKS = 64


class Time:
    """A clock that the device moves."""

    def __init__(self) -> None:
        self.time_s = 0.0

    def now_s(self) -> float:
        return self.time_s

    def arrival_s(self, request: Any) -> float:
        return self.time_s

    def nap(self, wake_s: float | None) -> None:
        self.time_s += 0.01

    def spend(self, batch_s: float, overhead_s: float) -> None:
        self.time_s += batch_s + overhead_s


class FlatTimer:
    """Batches of the same time whatever is in them."""

    step_overhead_s = 0.002
    needs_spread = False

    def batch_time_s(
        self, num_decodes: int, context_tokens: int, prefills: Any, spread: Any = None
    ) -> float:
        return 0.02


def fuzz(scheduler: Any, text: str, turns: int, seed: int) -> dict[str, int]:
    """One policy under random doings; the driver checks after every turn."""
    from tests.schedulers.engines.sglang_core import Driver

    driver, some = Driver(scheduler, text), random.Random(seed)
    prefixes = [[some.randrange(3, 600) for _ in range(some.randint(16, 200))] for _ in range(3)]
    asked: dict[str, int] = {}
    for _ in range(turns):
        doing = some.random()
        if doing < 0.25 and len(driver.alive) < 60:
            prompt = [some.randrange(3, 600) for _ in range(some.choice([1, 15, 16, 17, 120, 400]))]
            if some.random() < 0.5:
                prompt = some.choice(prefixes) + prompt[:150]
            name = str(len(asked))
            asked[name] = some.choice([1, 2, some.randint(1, 40), some.randint(1, 200)])
            said = {"tbt_slo_s": some.choice([0.05, 0.1, 0.5, "soon", -1])}
            driver.add(
                name, prompt, max_new_tokens=asked[name], ignore_eos=True, custom_params=said
            )
        elif doing < 0.28 and driver.alive:
            driver.abort(some.choice(list(driver.alive)))
        driver.turn()
    driver.run_out()
    for name, wanted in asked.items():
        if name not in driver.aborted:
            assert len(driver.tokens[name]) == wanted, (text, name)  # invariant 6
    assert scheduler.pages.free() == scheduler.view.total_blocks
    return {
        "requests": len(asked),
        "aborted": len(driver.aborted),
        "steps": len(driver.log.steps),
        "preemptions": sum(driver.log.num_preemptions.values()),
    }


def main(radix: bool, turns: int, seed: int) -> None:
    from tests.schedulers.engines.sglang_core import (
        EmulatedForward,
        build_scheduler,
        random_model,
    )

    scheduler = build_scheduler(random_model(Path(tempfile.mkdtemp())), KV_BLOCKS, radix)
    clock = Time()
    scheduler.clock = clock
    scheduler.tp_worker.forward_batch_generation = EmulatedForward(FlatTimer(), clock)
    json.dump({text: fuzz(scheduler, text, turns, seed) for text in SCHEDULERS}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1] == "radix", int(sys.argv[2]), int(sys.argv[3]))
