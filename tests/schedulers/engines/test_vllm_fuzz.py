"""Random arrivals, aborts and options against vLLM's real scheduler and KV cache manager."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.schedulers.engines.vllm_core import Driver

SCHEDULERS = (
    "sarathi",
    "sarathi:order=spf,token_budget=64",
    "slai",
    "slai:order=spf-priority,offset=fixed:2,decode_limit=6",
    "hrrn:tile=32",
    "hrrn:patience_s=inf,size=budget",
    "rad:tile=16,chunk=64",
    "rad-batch-prefill:cycle=12,tile=8,chunk=64",
    "orca",
    "prefill-first",
    "decode-first",
    "engine",
)
SELDOM_PREEMPT = ("decode-first", "rad-batch-prefill")
"""Those that admit nobody while others decode rarely run out of blocks."""
LIMITS = {"token_budget": 256, "max_active": 24}
CORES: dict[str, dict[str, Any]] = {
    "plain": {},
    "prefix caching": {"enable_prefix_caching": True},
    "priorities": {"scheduling_policy": "priority"},
}


def limited(text: str) -> str:
    """The scheduler with limits that the small engine of these tests allows."""
    given = text.partition(":")[2]
    rest = [f"{name}={value}" for name, value in LIMITS.items() if name not in given]
    return f"{text}{',' if given else ':'}{','.join(rest)}"


class Fuzz:
    """One run of random doings, the same for the same seed."""

    def __init__(self, driver: Driver, seed: int, *, shared_prefixes: bool) -> None:
        self.driver, self.random = driver, random.Random(seed)
        self.prefixes = [self.ids(self.random.randint(16, 300)) for _ in range(3)]
        self.shared_prefixes = shared_prefixes
        self.asked: dict[str, tuple[int, bool]] = {}
        self.tag = f"{seed}-{driver.policy.name}-"

    def ids(self, count: int) -> list[int]:
        return [self.random.randrange(3, 30_000) for _ in range(count)]

    def add(self) -> None:
        some = self.random
        prompt = self.ids(some.choice([1, 15, 16, 17, some.randint(1, 200), some.randint(1, 600)]))
        if self.shared_prefixes and some.random() < 0.6:
            prompt = some.choice(self.prefixes) + prompt[:100]
        output = some.choice([1, 2, some.randint(1, 40), some.randint(1, 200)])
        params: dict[str, Any] = {"max_tokens": output}
        stops = some.random() < 0.1
        if stops:
            params |= {"stop_token_ids": [7], "min_tokens": some.randint(0, output)}
        if some.random() < 0.8:
            slo = some.choice([0.05, 0.1, 0.5, "0.2", "soon", -1])
            params["extra_args"] = {"tier": some.choice(["paying", "free"]), "tbt_slo_s": slo}
        # What n > 1 becomes inside the engine: requests of the same prompt, at the same time.
        for _ in range(some.choice([1, 1, 1, 2, 4])):
            request_id = f"{self.tag}{len(self.asked)}"
            self.asked[request_id] = (output, stops)
            self.driver.add(request_id, list(prompt), priority=some.randint(0, 2), **params)

    def abort(self) -> None:
        alive = [each for each in self.asked if each not in self.driver.finished]
        if alive:
            self.driver.abort(self.random.choice(alive))
            self.driver.check()

    def run(self, num_steps: int) -> None:
        for _ in range(num_steps):
            doing = self.random.random()
            if doing < 0.25 and len(self.driver.scheduler.requests) < 60:
                self.add()
            elif doing < 0.27:
                self.abort()
            self.driver.step()
        self.driver.run_out()


@pytest.mark.parametrize("kind", CORES)
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_the_books_balance_after_every_step(
    make_core: Callable[..., Any], kind: str, scheduler: str
) -> None:
    core = make_core(**CORES[kind])
    driver = Driver(core, limited(scheduler))
    fuzz = Fuzz(driver, seed=7, shared_prefixes=kind == "prefix caching")
    fuzz.run(3000)
    assert set(driver.finished) == set(fuzz.asked)  # invariant 1
    for request_id, (output, stops) in fuzz.asked.items():
        got = len(driver.tokens[request_id])
        if driver.finished[request_id] == "abort" or stops:
            assert got <= output
        else:
            assert got == output, request_id  # invariant 6
    view = driver.scheduler.view
    assert driver.scheduler.kv_cache_manager.block_pool.get_num_free_blocks() == view.total_blocks
    if not scheduler.startswith(SELDOM_PREEMPT):
        assert sum(driver.log.num_preemptions.values()) > 0
    assert not view.started
    assert not view.decoding
    assert not view.waiting
