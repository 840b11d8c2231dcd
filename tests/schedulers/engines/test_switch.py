"""Only a request that says a scheduler's name to an idle engine switches it."""

from __future__ import annotations

from typing import Any

import pytest

from slaibench.schedulers.engines.switch import REQUEST_KEY, Switch


def switched(said: Any, *, busy: bool = False) -> list[str]:
    used: list[str] = []
    switch = Switch(used.append, lambda: None)
    switch.look_at(said, busy)
    switch.engine_is_idle()
    return used


def test_a_name_switches_an_idle_engine_and_no_other() -> None:
    assert switched({REQUEST_KEY: "slai"}) == ["slai"]
    assert switched({REQUEST_KEY: "slai"}, busy=True) == []


@pytest.mark.parametrize(
    "said", [None, {}, [1], "x", 5, {REQUEST_KEY: None}, {REQUEST_KEY: [1]}, {REQUEST_KEY: {}}]
)
def test_whatever_else_a_request_says_switches_nothing(said: Any) -> None:
    assert switched(said) == []
