"""``--scheduling-policy priority``: the least urgent wait longest and lose their blocks first."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from slaibench.schedulers.base import Batch
from slaibench.schedulers.engines.vllm_priority import spare_urgent
from tests.schedulers.engines.vllm_core import Driver

LIMITS = "token_budget=256,max_active=64"
SCHEDULERS = (
    f"engine:{LIMITS}",
    f"sarathi:{LIMITS}",
    f"slai:offset=fixed:2,{LIMITS}",
    f"hrrn:{LIMITS}",
    "rad:tile=16,chunk=64",
    f"orca:{LIMITS}",
    f"prefill-first:{LIMITS}",
)


@pytest.mark.parametrize("caching", [False, True])
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_nobody_is_preempted_while_a_less_urgent_one_runs(
    make_core: Callable[..., Any], scheduler: str, caching: bool
) -> None:
    core = make_core(scheduling_policy="priority", enable_prefix_caching=caching)
    driver = Driver(core, scheduler)
    preempt = core.scheduler._preempt_request
    inverted = []

    def watched(request: Any, *args: Any, **kwargs: Any) -> None:
        spared = [other.priority for other in core.scheduler.running if other is not request]
        inverted.extend(priority for priority in spared if priority > request.priority)
        preempt(request, *args, **kwargs)

    core.scheduler._preempt_request = watched
    try:
        # The most urgent arrive last, so that an order by arrival would preempt just them.
        for index in range(12):
            priority = 2 - index // 4
            driver.add(f"r{index}", [5] * 64, priority=priority, max_tokens=110)
            driver.step()
        driver.run_out()
    finally:
        del core.scheduler._preempt_request
    assert sum(driver.log.num_preemptions.values()) > 0
    assert inverted == []
    assert {len(tokens) for tokens in driver.tokens.values()} == {110}
    urgent = {f"r{index}" for index in range(8, 12)}
    assert not urgent & set(driver.log.num_preemptions)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_less_urgent_one_is_admitted_after_the_urgent_ones(
    make_core: Callable[..., Any], scheduler: str
) -> None:
    # hrrn ranks by itself, whatever the queue's order is.
    driver = Driver(make_core(scheduling_policy="priority"), scheduler)
    driver.add("runs", [5] * 900, max_tokens=2)
    driver.step()
    driver.add("short", [5] * 100, priority=5, max_tokens=2)
    driver.add("long", [5] * 500, priority=1, max_tokens=2)
    driver.run_out()
    assert list(driver.log.first_scheduled_s) == ["runs", "long", "short"]


def request(name: str, priority: int, arrival_s: float, num_blocks: int = 1) -> Any:
    return SimpleNamespace(
        name=name,
        request_id=name,
        inner=SimpleNamespace(priority=priority),
        arrival_s=arrival_s,
        num_blocks=num_blocks,
        needs_block=True,
        waiting=False,
        prefill_tokens=16,
    )


def view(*decoding: Any, prefilling: Any = (), free_blocks: int = 0) -> Any:
    return SimpleNamespace(
        prefilling=list(prefilling),
        decoding=list(decoding),
        free_blocks=free_blocks,
        block_size=16,
        tokens_per_decode=1,
    )


def test_the_schedulers_choice_stands_among_equals() -> None:
    first, second, third = (request(name, 1, index) for index, name in enumerate("abc"))
    batch = Batch(decodes=[second, third], preempt=[first], critical_decodes=2)
    spare_urgent(batch, view(first, second, third), 256)
    assert (batch.preempt, batch.decodes, batch.critical_decodes) == ([first], [second, third], 2)


def test_as_many_blocks_come_free_as_the_scheduler_asked_for() -> None:
    urgent = request("urgent", 0, 9.0, num_blocks=3)
    lesser = [request(name, 2, index, num_blocks=2) for index, name in enumerate("ab")]
    batch = Batch(decodes=lesser, preempt=[urgent], critical_decodes=1)
    spare_urgent(batch, view(*lesser, urgent), 256)
    assert batch.preempt == [lesser[1], lesser[0]]
    assert (batch.decodes, batch.critical_decodes) == ([urgent], 0)
