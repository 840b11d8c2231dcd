"""Random arrivals, aborts and options against vLLM's real scheduler and KV cache manager."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
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
NUM_ADAPTERS = 4
CORES: dict[str, dict[str, Any]] = {
    "plain": {},
    "prefix caching": {"enable_prefix_caching": True},
    "priorities": {"scheduling_policy": "priority"},
    "adapters": {"enable_lora": True, "max_loras": 2, "max_lora_rank": 8},
    "all together": {
        "enable_prefix_caching": True,
        "scheduling_policy": "priority",
        "enable_lora": True,
        "max_loras": 1,
        "max_lora_rank": 8,
        "max_num_active_seqs": 24,
    },
}


def limited(text: str) -> str:
    """The scheduler with limits that the small engine of these tests allows."""
    given = text.partition(":")[2]
    rest = [f"{name}={value}" for name, value in LIMITS.items() if name not in given]
    return f"{text}{',' if given else ':'}{','.join(rest)}"


@dataclass
class Session:
    """A request with several inputs: how much more it takes, and what it has had."""

    request_id: str
    adapter: int
    inputs_left: int
    inputs: int = 0
    asked_tokens: int = 0
    prompt_tokens: int = 0


class Fuzz:
    """One run of random doings, the same for the same seed."""

    def __init__(self, driver: Driver, seed: int, *, shared_prefixes: bool) -> None:
        self.driver, self.random = driver, random.Random(seed)
        self.prefixes = [self.ids(self.random.randint(16, 300)) for _ in range(3)]
        self.shared_prefixes = shared_prefixes
        self.has_adapters = driver.scheduler.lora_config is not None
        # vLLM's own rule preempts a session whose turn ends with the token in flight, and then
        # forgets what it said so far (0.32, Scheduler._update_request_as_session).
        own_rule = driver.scheduler.scheduler is None
        ahead = driver.core.batch_queue is not None
        # A turn that ends in the middle of accepted tokens leaves vLLM with more tokens computed
        # than the session has (0.32, Scheduler.update_from_output).
        self.has_sessions = not (own_rule and ahead) and not driver.scheduler.num_spec_tokens
        self.outputs: dict[str, tuple[int, bool]] = {}
        self.sessions: list[Session] = []
        self.ended: dict[str, Session] = {}
        self.aborted: set[str] = set()
        self.tag = f"{seed}-{driver.ours.name}-"

    def ids(self, count: int) -> list[int]:
        return [self.random.randrange(3, 30_000) for _ in range(count)]

    def adapter(self) -> int:
        if not self.has_adapters:
            return 0
        return self.random.choice([0, *range(1, NUM_ADAPTERS + 1)])

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
        if some.random() < 0.2:
            # Prompt logprobs take no prefix of the cache.
            params |= some.choice([{"logprobs": 2}, {"logprobs": 2, "prompt_logprobs": 1}])
        adapter = self.adapter()
        # What n > 1 becomes inside the engine: requests of the same prompt, at the same time.
        for _ in range(some.choice([1, 1, 1, 2, 4])):
            request_id = f"{self.tag}{len(self.outputs)}"
            self.outputs[request_id] = (output, stops)
            priority = some.randint(0, 2)
            self.driver.add(request_id, list(prompt), priority=priority, adapter=adapter, **params)

    def begin_session(self) -> None:
        session = Session(
            f"{self.tag}s{len(self.ended)}", self.adapter(), self.random.randint(1, 4)
        )
        self.ended[session.request_id] = session
        self.sessions.append(session)
        self.add_input(session)

    def add_input(self, session: Session) -> None:
        """The next input, or the end. It may come while the one before is still being answered."""
        if session.inputs_left == 0:
            self.sessions.remove(session)
            self.driver.add(session.request_id, [1], adapter=session.adapter)
            return
        prompt, output = self.random.randint(1, 90), self.random.randint(1, 20)
        session.inputs_left -= 1
        session.inputs += 1
        session.asked_tokens += output
        self.driver.add(
            session.request_id,
            self.ids(prompt),
            adapter=session.adapter,
            resumable=True,
            max_tokens=output,
        )

    def abort(self) -> None:
        alive = sorted(set(self.driver.scheduler.requests) - self.aborted)
        if alive:
            request_id = self.random.choice(alive)
            self.aborted.add(request_id)
            self.sessions = [
                session for session in self.sessions if session.request_id != request_id
            ]
            self.driver.abort(request_id)
            self.driver.check()

    def pause(self) -> None:
        """Stop all or the new ones for some steps, or forget the cache, that of who runs too."""
        from vllm.v1.core.sched.interface import PauseState

        scheduler = self.driver.scheduler
        state = self.random.choice([PauseState.PAUSED_ALL, PauseState.PAUSED_NEW, None])
        if state is not None:
            scheduler.set_pause_state(state)
            for _ in range(self.random.randint(1, 8)):
                self.driver.step()
            scheduler.set_pause_state(PauseState.UNPAUSED)
        elif not scheduler.waiting.num_holding:  # vLLM refuses it while sessions hold blocks
            assert scheduler.reset_prefix_cache(reset_running_requests=True)
            self.driver.check()

    def run(self, num_steps: int) -> None:
        for _ in range(num_steps):
            doing = self.random.random()
            if doing < 0.22 and len(self.driver.scheduler.requests) < 60:
                self.add()
            elif doing < 0.24:
                self.abort()
            elif doing < 0.26 and len(self.sessions) < 4 and self.has_sessions:
                self.begin_session()
            elif doing < 0.27:
                self.pause()
            elif doing < 0.40 and self.sessions:
                self.add_input(self.random.choice(self.sessions))
            self.driver.step()
        while self.sessions:
            self.add_input(self.random.choice(self.sessions))
            self.driver.step()
        self.driver.run_out()


@pytest.mark.parametrize("kind", CORES)
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_the_books_balance_after_every_step(
    make_core: Callable[..., Any], kind: str, scheduler: str
) -> None:
    balanced(make_core(**CORES[kind]), kind, scheduler, num_steps=2000)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_the_books_balance_with_a_batch_in_flight(
    make_core: Callable[..., Any], scheduler: str
) -> None:
    core = make_core(async_scheduling=True, **CORES["all together"])
    driver = balanced(core, "all together", scheduler, num_steps=1000)
    assert driver.most_in_flight == 2


@pytest.mark.parametrize("scheduler", ["slai", "hrrn:tile=32", "rad:tile=16,chunk=64"])
def test_the_books_balance_with_drafted_tokens(
    make_core: Callable[..., Any], scheduler: str
) -> None:
    drafts = {"method": "ngram", "num_speculative_tokens": 5}
    core = make_core(speculative_config=drafts, **CORES["prefix caching"])
    driver = balanced(core, "prefix caching", scheduler, num_steps=300)
    # Several tokens a decode, and each request's first is its prefill's.
    decodes = sum(step.decodes for step in driver.log.steps)
    assert decodes < 0.6 * (sum(map(len, driver.tokens.values())) - len(driver.tokens))


def balanced(core: Any, kind: str, scheduler: str, num_steps: int) -> Driver:
    driver = Driver(core, limited(scheduler))
    fuzz = Fuzz(driver, seed=7, shared_prefixes=bool(CORES[kind].get("enable_prefix_caching")))
    fuzz.run(num_steps)
    assert set(driver.finished) == set(fuzz.outputs) | set(fuzz.ended)  # invariant 1
    for request_id, (output, stops) in fuzz.outputs.items():
        got = len(driver.tokens[request_id])
        if request_id in fuzz.aborted or stops:
            assert got <= output
        else:
            assert got == output, request_id  # invariant 6
    for request_id, session in fuzz.ended.items():
        if request_id not in fuzz.aborted:
            assert driver.turns[request_id] == session.inputs, request_id
            assert len(driver.tokens[request_id]) == session.asked_tokens, request_id
    view = driver.scheduler.view
    assert driver.scheduler.kv_cache_manager.block_pool.get_num_free_blocks() == view.total_blocks
    if not scheduler.startswith(SELDOM_PREEMPT):
        assert sum(driver.log.num_preemptions.values()) > 0
    assert not view.prefilling
    assert not view.decoding
    assert not view.ending
    assert not view.waiting
    assert not driver.scheduler.waiting.resumable
    return driver
