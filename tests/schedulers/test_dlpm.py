from __future__ import annotations

from slaibench.schedulers.dlpm import Dlpm
from tests.schedulers.plain import PlainRequest, PlainView, chunks
from tests.schedulers.scenario import Scenario


def waiting(name: str, tenant: str, cached: int, tokens: int = 10) -> PlainRequest:
    return PlainRequest(name, tokens, tenant=tenant, computed_tokens=cached)


def admitted(scheduler: Dlpm, *requests: PlainRequest, budget: int) -> list[int | str]:
    scheduler.token_budget = budget
    return [name for name, _ in chunks(scheduler.schedule(PlainView(waiting=requests)))]


def test_without_a_cache_and_tenants_it_is_sarathi() -> None:
    written = []
    for name in ("dlpm", "sarathi"):
        scenario = Scenario(f"{name}:token_budget=8", total_blocks=60)
        for prompt, output in ((10, 4), (3, 9), (20, 2), (1, 5)):
            scenario.arrive(prompt, output)
        written.append(scenario.run())
    assert written[0] == written[1]


def test_the_longest_prefix_goes_first() -> None:
    requests = (waiting("none", "a", 0), waiting("long", "a", 8), waiting("short", "a", 3))
    assert admitted(Dlpm(), *requests, budget=30) == ["long", "short", "none"]


def test_a_tenant_keeps_its_prefix_while_its_share_lasts() -> None:
    """12 tokens each: a's first two take 6 each, then it is b's turn, though it finds nothing."""
    mine = [waiting(f"a{i}", "a", 4) for i in range(5)]
    others = [waiting(f"b{i}", "b", 0) for i in range(2)]
    turn = admitted(Dlpm(quantum=12), *mine, *others, budget=38)
    assert turn == ["a0", "a1", "b0", "b1", "a2"]


def test_balances_are_filled_up_only_where_nobody_has_any() -> None:
    scheduler = Dlpm(quantum=12)
    admitted(scheduler, waiting("a", "a", 4), waiting("b", "b", 0), budget=6)
    assert scheduler._balance == {"a": 12 - 6, "b": 12}
    admitted(scheduler, waiting("b", "b", 0), budget=10)
    assert scheduler._balance == {"a": 12 - 6, "b": 12 - 10}


def test_only_the_oldest_are_looked_at() -> None:
    requests = (waiting("old", "a", 0), waiting("young", "a", 8))
    assert admitted(Dlpm(window=1), *requests, budget=10) == ["old"]
