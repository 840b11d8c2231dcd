"""What vLLM's prefix cache finds, the simulator's finds: the same batches, preemptions and all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from slaibench.backends.base import RunSettings
from slaibench.schedulers import registry
from slaibench.spec import Device
from slaibench.studies.systems.engines import VllmSystem
from tests.backends.agreement import assert_same, requests
from tests.backends.needed import needed
from tests.backends.prompts import KINDS, with_prompts
from tests.backends.vllm.test_ahead import Both


@pytest.fixture(scope="module", params=[False, True], ids=["synchronous", "asynchronous"])
def both(request: pytest.FixtureRequest) -> Iterator[Both]:
    needed(VllmSystem.ENGINE, Device.EMULATED)
    both = Both("h100", prefix_caching=True, asynchronous=request.param)
    yield both
    both.vllm.close()


@pytest.mark.parametrize("text", ["sarathi", "slai", "hrrn"])
@pytest.mark.parametrize("kind", KINDS)
def test_vllm_finds_what_the_simulator_finds(both: Both, text: str, kind: str) -> None:
    wanted = with_prompts(requests(40, rate_rps=4.0), kind)
    ours = both.simulator.run(wanted, registry.build(text), RunSettings())
    theirs = both.vllm.run(wanted, registry.build(text), RunSettings())
    assert_same(ours, theirs)
    if kind == "prompts of their own":
        assert theirs.requests.num_preemptions.sum() > 0
    elif kind != "second turns":  # few of which come when the first is over
        computed = theirs.steps.prefill_tokens.sum()
        assert computed < sum(request.prompt_tokens for request in wanted)


def test_what_requests_found_is_what_vllm_counts(both: Both) -> None:
    from vllm.v1.metrics.stats import PrefixCacheStats

    scheduler = registry.build("sarathi")
    core: Any = both.vllm._core_for(scheduler)
    manager = core._scheduler.kv_cache_manager
    manager.log_stats, manager.prefix_cache_stats = True, PrefixCacheStats()
    try:
        wanted = with_prompts(requests(40, rate_rps=4.0), "three beginnings")
        table = both.vllm.run(wanted, scheduler, RunSettings()).requests
        counted = manager.make_prefix_cache_stats()
    finally:
        manager.log_stats = False
    assert counted.requests == len(table)
    assert counted.hits == table.cached_tokens.sum() > 0
    assert (counted.preempted_requests > 0) == (table.num_preemptions.sum() > 0)
