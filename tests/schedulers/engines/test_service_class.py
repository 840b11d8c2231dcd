from __future__ import annotations

from typing import Any

import pytest

from slaibench.schedulers.engines.service_class import (
    ServiceClassError,
    checked_service_class,
    service_class,
)


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
    extra: dict[str, Any] | None, expected: tuple[str, float]
) -> None:
    assert service_class(extra) == expected


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
]


@pytest.mark.parametrize("said", WRONG, ids=range(len(WRONG)))
def test_whatever_a_client_says_is_an_error_of_that_request_or_the_default(said: Any) -> None:
    with pytest.raises(ServiceClassError) as caught:
        checked_service_class(said)
    assert len(str(caught.value)) < 200
    str(caught.value).encode()
    assert service_class(said) == ("free", 0.5)


def test_of_two_fields_the_right_one_counts_where_nothing_can_be_refused() -> None:
    assert service_class({"tier": "paying", "tbt_slo_s": "soon"}) == ("paying", 0.5)
    assert service_class({"tier": [], "tbt_slo_s": 0.1}) == ("free", 0.1)


@pytest.mark.parametrize("said", [None, {}, {"tier": None, "tbt_slo_s": None}, {"else": [1]}])
def test_what_is_not_said_is_the_default(said: Any) -> None:
    assert checked_service_class(said) == ("free", 0.5)
