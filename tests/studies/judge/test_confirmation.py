"""How much of a device confirms a judgement."""

from __future__ import annotations

import pytest

from slaibench.measure.regression import ChangeVerdict
from slaibench.studies.judge.confirmation import START_S, confirmation
from slaibench.studies.regression.result import Row

RUN_S = {5.0: 100.0, 6.0: 80.0}


def row(
    change: float, verdict: ChangeVerdict, *, sd: float = 0.05, rate_rps: float = 5.0, **more: str
) -> Row:
    return Row(
        scheduler="mine",
        rate_rps=rate_rps,
        metric=more.get("metric", "ttft_p50_s"),
        verdict=verdict,
        before=1.0,
        after=1 + change,
        replicates=(8, 8),
        paired=True,
        change=change,
        sd=sd,
    )


def test_a_large_change_takes_fewer_minutes_than_a_small_one() -> None:
    large, small = (
        confirmation([row(change, ChangeVerdict.WORSE)], 0.05, RUN_S) for change in (0.5, 0.1)
    )
    assert large is not None
    assert small is not None
    assert large.num_pairs < small.num_pairs
    expected_s = 2 * large.num_pairs * RUN_S[5.0] + 2 * START_S
    assert large.minutes == pytest.approx(expected_s / 60)


def test_the_cheapest_of_each_direction_is_named() -> None:
    rows = [
        row(0.3, ChangeVerdict.WORSE),
        row(0.6, ChangeVerdict.WORSE, rate_rps=6.0, metric="tbt_p99_all_s"),
        row(-0.4, ChangeVerdict.BETTER),
        row(0.01, ChangeVerdict.SAME),
    ]
    plan = confirmation(rows, 0.05, RUN_S)
    assert plan is not None
    assert [check.change for check in plan.checks] == [-0.4, 0.6]
    assert plan.rates == (5.0, 6.0)
    assert plan.metrics == ("ttft_p50_s", "tbt_p99_all_s")


def test_a_device_is_taken_to_have_noise_where_virtual_time_has_none() -> None:
    exact = confirmation([row(0.1, ChangeVerdict.WORSE, sd=0.0)], 0.05, RUN_S)
    assert exact is not None
    assert exact.num_pairs > 2


def test_without_a_change_it_is_that_none_is_there() -> None:
    plan = confirmation([row(0.001, ChangeVerdict.SAME)], 0.05, RUN_S)
    assert plan is not None
    assert [check.change for check in plan.checks] == [None]


def test_what_no_number_of_runs_shows_is_not_promised() -> None:
    assert confirmation([row(0.0501, ChangeVerdict.WORSE, sd=1.0)], 0.05, RUN_S) is None


def test_identical_runs_leave_nothing_to_confirm() -> None:
    same = Row("mine", 5.0, "ttft_p50_s", ChangeVerdict.IDENTICAL, 1.0, 1.0, (8, 8), paired=True)
    assert confirmation([same], 0.05, RUN_S) is None
