"""What vLLM promises of sessions, adapters, pauses and limits holds under every scheduler."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from slaibench.schedulers.engines.support import UnsupportedEngineError
from tests.schedulers.engines.vllm_core import Driver

LIMITS = "token_budget=256,max_active=64"
SCHEDULERS = (
    f"engine:{LIMITS}",
    f"sarathi:{LIMITS}",
    f"slai:{LIMITS}",
    f"hrrn:{LIMITS}",
    "rad:tile=16,chunk=64",
    "rad-batch-prefill:cycle=12,tile=8,chunk=64,max_active=24",
    f"orca:{LIMITS}",
    f"prefill-first:{LIMITS}",
    f"decode-first:{LIMITS}",
)
LORA: dict[str, Any] = {"enable_lora": True, "max_loras": 1, "max_lora_rank": 8}
PATIENT = {"tier": "free", "tbt_slo_s": 9.0}


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_no_more_adapters_run_than_fit_and_all_finish(
    make_core: Callable[..., Any], scheduler: str
) -> None:
    driver = Driver(make_core(**LORA), scheduler)
    driver.add("first", [*range(10, 90)], adapter=1, max_tokens=20, extra_args=PATIENT)
    for _ in range(3):
        driver.step()
    for adapter in (2, 3):
        driver.add(f"adapter {adapter}", [*range(20, 100)], adapter=adapter, max_tokens=20)
    driver.add("without", [*range(20, 100)], max_tokens=20)
    driver.run_out(2000)  # which looks at the adapters after every step
    assert set(driver.finished.values()) == {"length"}
    assert len(driver.finished) == 4


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_session_goes_on_with_its_next_input_alone(
    make_core: Callable[..., Any], scheduler: str
) -> None:
    driver = Driver(make_core(), scheduler)
    driver.add("session", [5] * 40, resumable=True, max_tokens=4)
    for _ in range(20):
        driver.step()
    assert len(driver.tokens["session"]) == 4
    assert driver.scheduler.get_num_unfinished_requests() == 0
    driver.add("session", [6] * 30, resumable=True, max_tokens=4)
    for _ in range(20):
        driver.step()
    assert len(driver.tokens["session"]) == 8
    assert driver.turns["session"] == 2
    driver.add("session", [1])
    driver.run_out(10)
    assert not driver.scheduler.requests


def test_a_sessions_input_takes_nothing_of_anothers_chunk(make_core: Callable[..., Any]) -> None:
    # RAD prefills one prompt at a time, the one that was admitted first.
    driver = Driver(make_core(), "rad:tile=16,chunk=64")
    driver.add("session", [5] * 40, resumable=True, max_tokens=1)
    driver.step()
    driver.add("long", [7] * 200, max_tokens=2)
    driver.step()
    driver.add("session", [6] * 100, resumable=True, max_tokens=1)
    begun = len(driver.log.steps)
    for _ in range(3):
        driver.step()
    assert [step.prefill_tokens for step in driver.log.steps[begun:]] == [64, 64, 8]
    assert len(driver.tokens["long"]) == 1
    assert len(driver.tokens["session"]) == 1
    for _ in range(3):
        driver.step()
    assert len(driver.tokens["session"]) == 2
    driver.abort("session")
    driver.run_out(100)


def test_chunks_of_several_that_are_admitted_at_once_are_the_schedulers(
    make_core: Callable[..., Any],
) -> None:
    from slaibench.schedulers.base import Batch, Scheduler

    class Slices(Scheduler):
        name = "slices"

        def schedule(self, view: Any) -> Batch:
            batch = Batch(decodes=list(view.decoding))
            for request in (*view.prefilling, *view.waiting):
                rest = request.prefill_tokens - request.computed_tokens
                batch.prefills.append((request, min(rest, 10)))
            return batch

    driver = Driver(make_core(), "sarathi:token_budget=256,max_active=64")
    driver.ours = Slices(token_budget=256, max_active=64)
    driver.scheduler.decide_by(driver.ours)
    for index in range(3):
        driver.add(f"r{index}", [5] * 35, max_tokens=2)
    driver.run_out(20)
    assert [step.prefill_tokens for step in driver.log.steps] == [30, 30, 30, 15, 0]


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_sessions_that_hold_every_block_do_not_lock_each_other_out(
    make_core: Callable[..., Any], scheduler: str
) -> None:
    driver = Driver(make_core(), scheduler)
    for name in ("a", "b"):
        driver.add(name, [5] * 450, resumable=True, max_tokens=2)
    for _ in range(40):
        driver.step()
    assert driver.turns == {"a": 1, "b": 1}
    driver.add("a", [6] * 200, resumable=True, max_tokens=2)
    for _ in range(10):
        driver.step()
    driver.add("b", [1])  # ends it
    for _ in range(40):
        driver.step()
    assert len(driver.tokens["a"]) == 4
    driver.add("a", [1])
    driver.run_out(10)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_pause_stops_all_or_the_new_ones_and_everything_goes_on_after_it(
    make_core: Callable[..., Any], scheduler: str
) -> None:
    from vllm.v1.core.sched.interface import PauseState

    driver = Driver(make_core(), scheduler)
    driver.add("old", [5] * 200, max_tokens=10)
    driver.step()
    driver.scheduler.set_pause_state(PauseState.PAUSED_ALL)
    driver.add("new", [5] * 20, max_tokens=10)
    steps = len(driver.log.steps)
    for _ in range(5):
        driver.step()
    assert len(driver.log.steps) == steps
    driver.scheduler.set_pause_state(PauseState.PAUSED_NEW)
    for _ in range(30):
        driver.step()
    assert driver.finished == {"old": "length"}
    assert driver.tokens["new"] == []
    driver.scheduler.set_pause_state(PauseState.UNPAUSED)
    driver.run_out(30)
    assert driver.finished == {"old": "length", "new": "length"}


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_session_keeps_its_place_among_the_active(
    make_core: Callable[..., Any], scheduler: str
) -> None:
    if scheduler.startswith("engine"):
        pytest.skip("vLLM's own rule is asked for its slots in vLLM's own tests")
    name, _, options = scheduler.partition(":")
    tight = options.replace("max_active=64", "max_active=2").replace(
        "max_active=24", "max_active=2"
    )
    tight = tight if "max_active" in tight else f"{tight},max_active=2"
    driver = Driver(make_core(), f"{name}:{tight}")
    driver.add("session", [5] * 20, resumable=True, max_tokens=1)
    for _ in range(3):
        driver.step()
    for index in range(3):
        driver.add(f"r{index}", [5] * 20, max_tokens=5)
    for _ in range(60):
        driver.step()  # which looks at how many are active
    assert [driver.finished.get(f"r{index}") for index in range(3)] == ["length"] * 3
    driver.abort("session")
    driver.run_out(10)


def test_a_prompt_that_vllm_cannot_take_does_not_stop_who_decodes(
    make_core: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the encoder cache has no room for a prompt's images."""
    driver = Driver(make_core(), "rad:tile=16,chunk=64")
    driver.add("decodes", [5] * 20, max_tokens=5)
    driver.step()
    driver.add("images", [5] * 20, max_tokens=5)
    manager = driver.scheduler.kv_cache_manager
    allocate = manager.allocate_slots

    def allocate_slots(request: Any, *args: Any, **kwargs: Any) -> Any:
        if request.request_id == "images" and "decodes" not in driver.finished:
            return None
        return allocate(request, *args, **kwargs)

    monkeypatch.setattr(manager, "allocate_slots", allocate_slots)
    driver.run_out(40)
    assert driver.finished == {"decodes": "length", "images": "length"}


def test_an_active_limit_of_vllms_own_holds(make_core: Callable[..., Any]) -> None:
    core = make_core(max_num_active_seqs=3)
    with pytest.raises(UnsupportedEngineError, match="--max-num-active-seqs 64"):
        Driver(core, "sarathi:token_budget=256,max_active=64")
    for scheduler in ("engine", "sarathi:token_budget=256,max_active=3"):
        driver = Driver(core, scheduler)
        for index in range(8):
            driver.add(f"r{index}", [5] * 20, max_tokens=5)
        driver.run_out(100)
        assert max(step.active for step in driver.log.steps) == 3, scheduler


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_grammar_is_waited_for_and_one_that_cannot_be_made_fails_its_request_alone(
    make_core: Callable[..., Any], scheduler: str
) -> None:
    from vllm import SamplingParams
    from vllm.v1.request import Request, RequestStatus

    driver = Driver(make_core(), scheduler)
    grammars = [SimpleNamespace(grammar=None) for _ in range(2)]
    for name, grammar in zip(("good", "bad"), grammars, strict=True):
        params = SamplingParams(max_tokens=3, ignore_eos=True, temperature=0.0)
        waits = Request(name, [5] * 20, params, None)
        waits.structured_output_request = grammar
        waits.status = RequestStatus.WAITING_FOR_STRUCTURED_OUTPUT_GRAMMAR
        driver.tokens[name] = []
        driver.scheduler.add_request(waits)
    driver.add("other", [5] * 20, max_tokens=3)
    for _ in range(5):
        driver.step()
    assert driver.finished == {"other": "length"}
    assert driver.tokens == {"other": driver.tokens["other"], "good": [], "bad": []}
    good = driver.scheduler.requests["good"]
    good.structured_output_request = None  # a mask needs a tokenizer, which this engine lacks
    good.status = RequestStatus.WAITING
    grammars[1].grammar = ValueError("no such rule")
    driver.run_out(20)
    assert driver.finished == {"other": "length", "good": "length", "bad": "error"}


def test_a_prompt_of_embeddings_is_counted_like_one_of_tokens(
    make_core: Callable[..., Any],
) -> None:
    import torch
    from vllm import SamplingParams
    from vllm.v1.engine import EngineCoreRequest

    core = make_core(enable_prompt_embeds=True)
    driver = Driver(core, "sarathi:token_budget=64,max_active=9")
    driver.tokens["embedded"] = []
    request = EngineCoreRequest(
        request_id="embedded",
        prompt_token_ids=None,
        prompt_embeds=torch.zeros(100, 8),
        mm_features=None,
        sampling_params=SamplingParams(max_tokens=3, ignore_eos=True, temperature=0.0),
        pooling_params=None,
        arrival_time=driver.clock.time_s,
        lora_request=None,
        cache_salt=None,
        data_parallel_rank=None,
    )
    core.add_request(*core.preprocess_add_request(request))
    driver.run_out(20)
    assert [step.prefill_tokens for step in driver.log.steps] == [64, 36, 0, 0]
    assert len(driver.tokens["embedded"]) == 3
