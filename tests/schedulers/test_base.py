from __future__ import annotations

from typing import Any

import pytest

from slaibench.schedulers.base import Batch, EngineView, Scheduler, option_names
from slaibench.schedulers.rad import Rad
from tests.schedulers.plain import PlainRequest


class Patient(Scheduler):
    """A user's scheduler: an option of its own, limits passed on."""

    def __init__(self, patience_s: float = 1.0, **limits: Any) -> None:
        super().__init__(**limits)
        self.patience_s = patience_s

    def schedule(self, view: EngineView) -> Batch:
        return Batch()


class Closed(Scheduler):
    """A user's scheduler that fixes the limits itself."""

    def __init__(self, *, size: int = 4) -> None:
        super().__init__(token_budget=size)
        self.size = size


class Forgetful(Scheduler):
    def __init__(self, *, size: int = 4) -> None:
        super().__init__()


def test_a_batch_is_true_when_something_runs() -> None:
    assert not Batch(preempt=[PlainRequest(0)], wake_s=1.0)
    assert Batch(decodes=[PlainRequest(0)])
    assert Batch(prefills=[(PlainRequest(0), 3)])


def test_tokens_of_a_batch() -> None:
    batch = Batch(
        decodes=[PlainRequest(0), PlainRequest(1)],
        prefills=[(PlainRequest(2), 7), (PlainRequest(3), 5)],
    )
    assert batch.num_tokens == 14


@pytest.mark.parametrize("limit", ["token_budget", "max_active"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "many"])
def test_limits_are_whole_numbers_of_at_least_one(limit: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{limit} must be a whole number of at least 1, not"):
        Scheduler(**{limit: value})


@pytest.mark.parametrize("value", [-0.01, 1.0, float("nan"), "high"])
def test_the_watermark_is_a_share(value: Any) -> None:
    with pytest.raises(ValueError, match=r"watermark must be in \[0, 1\), not"):
        Scheduler(watermark=value)


def test_the_least_limits_are_accepted() -> None:
    scheduler = Scheduler(token_budget=1, max_active=1, watermark=0)
    assert (scheduler.token_budget, scheduler.max_active, scheduler.watermark) == (1, 1, 0)


def test_options_hold_those_of_the_bases_that_take_them() -> None:
    assert Patient(3.0, max_active=7).options() == {
        "max_active": 7,
        "patience_s": 3.0,
        "token_budget": 512,
        "watermark": 0.01,
    }
    assert Rad(tile=64).options()["max_active"] == 64


def test_options_leave_out_what_the_constructor_would_refuse() -> None:
    assert option_names(Closed) == ["size"]
    assert Closed(size=9).options() == {"size": 9}
    assert Closed(**Closed(size=9).options()).token_budget == 9


def test_an_option_that_is_not_kept_is_reported() -> None:
    with pytest.raises(TypeError, match=r"Forgetful must keep its option 'size' as self\.size"):
        Forgetful().options()


def test_a_scheduler_without_a_rule_says_so() -> None:
    with pytest.raises(NotImplementedError):
        Scheduler().schedule(None)  # type: ignore[arg-type]
