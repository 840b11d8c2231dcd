from __future__ import annotations

import math
from typing import Any

import pytest

from slaibench.backends.simulator.state import SimRequest
from slaibench.schedulers.service_class import (
    ServiceClass,
    ServiceClassError,
    checked_service_class,
    service_class,
)
from slaibench.workloads.request import Request


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        (None, ("free", 0.5)),
        ({"tier": "paying", "tbt_slo_s": 0.1}, ("paying", 0.1)),
        ({"tier": "paying"}, ("paying", 0.5)),
        ({"tbt_slo_s": "0.2"}, ("free", 0.2)),
        ({"tbt_slo_s": "soon"}, ("free", 0.5)),
        ({"tbt_slo_s": -1}, ("free", 0.5)),
        ({"tbt_slo_s": float("nan")}, ("free", 0.5)),
        ({"tbt_slo_s": None}, ("free", 0.5)),
    ],
)
def test_a_request_says_its_service_class_or_gets_the_default(
    extra: dict[str, Any] | None, expected: tuple[Any, ...]
) -> None:
    assert service_class(extra) == ServiceClass(*expected)


BIG = 10**5000
WRONG: list[Any] = [
    [1],
    "x",
    5,
    True,
    [["tier", "a"]],
    {"tier": []},
    {"tier": {}},
    {"tier": 5},
    {"tier": BIG},
    {"tier": ""},
    {"tier": "x" * 10**6},
    {"tbt_slo_s": BIG},
    {"tbt_slo_s": -BIG},
    {"tbt_slo_s": 0},
    {"tbt_slo_s": -0.0},
    {"tbt_slo_s": float("inf")},
    {"tbt_slo_s": float("nan")},
    {"tbt_slo_s": "1e999"},
    {"tbt_slo_s": "\ud800"},
    {"tbt_slo_s": True},
    {"tbt_slo_s": [0.1]},
    {"tbt_slo_s": {"s": 0.1}},
    {"ttft_slo_s": 0},
    {"ttft_slo_s": "now"},
    {"priority": 1.5},
    {"priority": True},
    {"priority": BIG},
    {"tenant": ""},
    {"tenant": 7},
    {"max_output_tokens": 0},
    {"max_output_tokens": -BIG},
    {"max_output_tokens": "9"},
]


@pytest.mark.parametrize("said", WRONG, ids=range(len(WRONG)))
def test_whatever_a_client_says_is_an_error_of_that_request_or_the_default(said: Any) -> None:
    with pytest.raises(ServiceClassError) as caught:
        checked_service_class(said)
    assert len(str(caught.value)) < 200
    str(caught.value).encode()
    assert service_class(said) == ServiceClass()


def test_of_two_fields_the_right_one_counts_where_nothing_can_be_refused() -> None:
    assert service_class({"tier": "paying", "tbt_slo_s": "soon"}) == ServiceClass("paying")
    assert service_class({"tier": [], "tbt_slo_s": 0.1}) == ServiceClass("free", 0.1)


@pytest.mark.parametrize("said", [None, {}, {"tier": None, "tbt_slo_s": None}, {"else": [1]}])
def test_what_is_not_said_is_the_default(said: Any) -> None:
    assert checked_service_class(said) == ServiceClass()


def test_what_a_request_says_is_what_is_read_of_it() -> None:
    served = ServiceClass("paying", 0.1, 2.0, -3, "acme", 64)
    assert served.said() == served._asdict()
    for said in (served, ServiceClass(), ServiceClass(tenant="acme")):
        assert checked_service_class(said.said()) == service_class(said.said()) == said
    assert ServiceClass().said() == {"tier": "free", "tbt_slo_s": 0.5}


def test_a_request_of_an_engine_has_its_class_and_a_deadline() -> None:
    request = SimRequest(Request(0, 1.0, 5, 5, "paying", 0.1, ttft_slo_s=2.0, tenant="acme"))
    assert ServiceClass.of(request) == ServiceClass("paying", 0.1, 2.0, tenant="acme")
    assert request.ttft_due_s == 3.0
    assert SimRequest(Request(0, 1.0, 5, 5)).ttft_due_s == math.inf
