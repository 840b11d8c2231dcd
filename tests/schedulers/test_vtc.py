from __future__ import annotations

import numpy as np
import pytest

from slaibench.backends.base import RunSettings
from slaibench.backends.simulator.backend import Simulator
from slaibench.recording.record import RequestTable
from slaibench.schedulers.registry import build
from slaibench.workloads.request import Request
from tests.schedulers.scenario import Scenario, seconds_per_token


def test_with_one_tenant_it_is_sarathi() -> None:
    written = []
    for name in ("vtc", "sarathi"):
        scenario = Scenario(f"{name}:token_budget=8", total_blocks=60)
        for prompt, output in ((10, 4), (3, 9), (20, 2), (1, 5)):
            scenario.arrive(prompt, output)
        written.append(scenario.run())
    assert written[0] == written[1]


def test_tenants_take_turns_by_tokens_not_by_requests() -> None:
    scenario = Scenario("vtc:token_budget=4,max_active=1")
    for _ in range(3):
        scenario.arrive(4, 1, tenant="long")
    for _ in range(6):
        scenario.arrive(1, 1, tenant="short")
    # A prompt counts 1 a token and its output 2: 6 for one of long's, 3 for one of short's.
    assert "".join(step[0] for step in scenario.run()) == "ADEBFGCHI"


def test_outputs_count_twice() -> None:
    scenario = Scenario("vtc:max_active=1")
    scenario.arrive(1, 5, tenant="writes")  # 1 + 2 * 5
    scenario.arrive(10, 1, tenant="reads")  # 10 + 2
    scenario.arrive(1, 1, tenant="writes")
    scenario.arrive(1, 1, tenant="reads")
    order = [step[0] for step in scenario.run() if "+" in step]
    assert order == ["A", "B", "C", "D"]


def test_who_was_away_gets_no_credit_for_it() -> None:
    scenario = Scenario("vtc:max_active=1,token_budget=100")
    for _ in range(4):
        scenario.arrive(100, 1, tenant="busy")
    assert scenario.steps(2) == ["A+100", "B+100"]
    for _ in range(3):
        scenario.arrive(100, 1, tenant="back")
    # Lifted to busy's counter; from there they take turns.
    assert scenario.run() == ["C+100", "E+100", "D+100", "F+100", "G+100"]


def test_a_preempted_prompt_is_charged_once() -> None:
    """A and B outgrow the cache; B comes back before C, which waits for the same tenant's turn."""
    scenario = Scenario("vtc:watermark=0", total_blocks=12)
    scenario.arrive(5, 6, tenant="one")
    scenario.arrive(5, 6, tenant="two")
    scenario.run()
    served = scenario.scheduler._served  # type: ignore[attr-defined]
    assert served == {"one": 5 + 2 * 6, "two": 5 + 2 * 6}


def served_by(table: RequestTable, until_s: float, tenant: str) -> float:
    mine = table.tenant == tenant
    tokens = sum(
        int((table.token_times_s[begin:end] <= until_s).sum())
        for begin, end in zip(
            table.token_offsets[:-1][mine], table.token_offsets[1:][mine], strict=True
        )
    )
    return 2 * tokens + float(table.prompt_tokens[mine & (table.first_token_s <= until_s)].sum())


@pytest.mark.parametrize(("name", "fair"), [("vtc", True), ("sarathi", False)])
def test_two_backlogged_tenants_differ_by_no_more_than_the_bound(name: str, fair: bool) -> None:
    """Sheng et al., Theorem 4.4: 2 max(w_p L_input, w_q M), M the tokens that the cache holds."""
    requests = [
        *(Request(i, 0.0, 40, 20, tenant="many") for i in range(200)),
        *(Request(200 + i, 0.0, 10, 10, tenant="few") for i in range(200)),
    ]
    simulator = Simulator(seconds_per_token(0.001), total_blocks=400, block_size=1)
    table = simulator.run(requests, build(f"{name}:token_budget=64"), RunSettings()).requests
    bound = 2 * max(40, 2 * 400)
    busy_until = min(
        float(table.first_token_s[table.tenant == tenant].max()) for tenant in ("many", "few")
    )
    gaps = [
        abs(served_by(table, time_s, "many") - served_by(table, time_s, "few"))
        for time_s in np.linspace(0, busy_until, 21)[1:].tolist()
    ]
    assert (max(gaps) <= bound) is fair
