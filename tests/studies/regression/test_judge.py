"""Two sides of runs become verdicts; what cannot be compared says why."""

from __future__ import annotations

import math
from typing import Any

import pytest

from slaibench.measure.regression import ChangeVerdict
from slaibench.studies.regression.judge import rows_of, sides_of
from slaibench.studies.regression.replicate import Replicate
from slaibench.studies.regression.result import SATURATED, Row
from tests.studies.regression.replicates import replicate, side

OLD = [0.10, 0.12, 0.11, 0.13]


def rows(old: list[Replicate], new: list[Replicate]) -> dict[str, Row]:
    return {row.metric: row for row in rows_of(sides_of(old, new), 0.05)}


def judged(old: list[Replicate], new: list[Replicate]) -> Row:
    by_metric = rows(old, new)
    (name,) = set(by_metric) - {SATURATED}
    return by_metric[name]


def times(factor: float, jitter: float = 0.001) -> list[float]:
    """The old values, moved; each by a little more or less."""
    return [value * (factor + jitter * (-1) ** i) for i, value in enumerate(OLD)]


@pytest.mark.parametrize(
    ("metric", "factor", "verdict"),
    [
        ("ttft_p50_s", 1.2, ChangeVerdict.WORSE),
        ("ttft_p50_s", 0.8, ChangeVerdict.BETTER),
        ("ttft_p50_s", 1.01, ChangeVerdict.SAME),
        ("output_tokens_per_s", 0.8, ChangeVerdict.WORSE),
        ("output_tokens_per_s", 1.2, ChangeVerdict.BETTER),
        ("tbt_p99_s@paying", 1.2, ChangeVerdict.WORSE),
    ],
)
def test_pairs_with_a_shared_spread_settle_it(
    metric: str, factor: float, verdict: ChangeVerdict
) -> None:
    row = judged(side(metric, OLD), side(metric, times(factor)))
    assert row.verdict is verdict
    assert row.paired
    assert row.change == pytest.approx(factor - 1, abs=1e-3)
    assert row.low is not None
    assert row.high is not None
    assert row.low < row.change < row.high


def test_other_seeds_are_compared_as_independent_runs() -> None:
    """The same numbers: the spread between seeds now counts, and hides what pairs show."""
    other = side("ttft_p50_s", times(1.12), first_seed=100)
    row = judged(side("ttft_p50_s", OLD), other)
    assert not row.paired
    assert row.verdict is ChangeVerdict.UNKNOWN
    assert row.mde is not None
    assert row.mde > 0.12
    assert row.needed is not None
    assert row.needed > 4
    assert (
        judged(side("ttft_p50_s", OLD), side("ttft_p50_s", times(1.12))).verdict
        is ChangeVerdict.WORSE
    )


def test_the_same_seeds_with_other_requests_are_no_pairs() -> None:
    new = side("ttft_p50_s", times(1.12), load="drawn by another NumPy")
    assert not judged(side("ttft_p50_s", OLD), new).paired


@pytest.mark.parametrize(("first", "count"), [(0, 2), (1, 3)])
def test_fewer_seeds_are_paired_with_theirs(first: int, count: int) -> None:
    new = side("ttft_p50_s", times(1.2)[first : first + count], first_seed=first)
    row = judged(side("ttft_p50_s", OLD), new)
    assert row.paired
    assert row.replicates == (count, count)
    assert row.change == pytest.approx(0.2, abs=1e-3)


def test_identical_runs_are_identical_whatever_their_code() -> None:
    old = [
        replicate(seed, {"ttft_p50_s": value}, content=f"c{seed}") for seed, value in enumerate(OLD)
    ]
    by_metric = rows(old, list(old))
    assert {row.verdict for row in by_metric.values()} == {ChangeVerdict.IDENTICAL}
    other = [*old[:-1], replicate(3, {"ttft_p50_s": OLD[3]}, content="moved")]
    by_metric = rows(old, other)
    assert by_metric["ttft_p50_s"].verdict is ChangeVerdict.SAME
    assert "equal in every replicate" in by_metric["ttft_p50_s"].reason


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ({"n": 100}, {"n": 300}, "n too small: worth 400 independent values of the 1,000 it takes"),
        ({}, {"invalid": "sent late"}, "4 runs are no measurement: sent late"),
        ({"saturated": True, "stopped_early": True}, {}, None),
        (
            {"saturated": True, "stopped_early": True},
            {"saturated": True, "stopped_early": True},
            "saturated in 4 of 4 runs before, 4 of 4 now",
        ),
    ],
)
def test_what_cannot_be_compared_says_why(
    old: dict[str, Any], new: dict[str, Any], reason: str | None
) -> None:
    row = judged(side("ttft_p99_s", OLD, **old), side("ttft_p99_s", times(2.0), **new))
    if reason is None:  # it was saturated, and no longer is
        assert row.verdict is ChangeVerdict.BETTER
        return
    assert row.verdict is ChangeVerdict.UNKNOWN
    assert reason in row.reason


def test_a_latency_lost_to_saturation_is_worse() -> None:
    new = side("ttft_p50_s", times(0.9), saturated=True, stopped_early=True)
    by_metric = rows(side("ttft_p50_s", OLD), new)
    assert by_metric["ttft_p50_s"].verdict is ChangeVerdict.WORSE
    assert by_metric["ttft_p50_s"].change is None
    assert by_metric[SATURATED].verdict is ChangeVerdict.WORSE
    assert (by_metric[SATURATED].before, by_metric[SATURATED].after) == (0.0, 1.0)


def test_a_percentile_lost_among_the_waiting_is_worse_and_a_part_of_it_cannot_be_told() -> None:
    old = side("ttft_p99_s", OLD)
    assert judged(old, side("ttft_p99_s", [math.inf] * 4)).verdict is ChangeVerdict.WORSE
    some = judged(old, side("ttft_p99_s", [0.1, 0.1, 0.1, math.inf]))
    assert some.verdict is ChangeVerdict.UNKNOWN
    assert "still waiting" in some.reason


def test_saturation_in_some_runs_only_is_shown_and_not_decided() -> None:
    old = side("ttft_p50_s", OLD)
    new = [*old[:3], replicate(3, {"ttft_p50_s": 0.5}, saturated=True)]
    by_metric = rows(old, new)
    assert by_metric[SATURATED].verdict is ChangeVerdict.UNKNOWN
    assert "0 of 4 runs saturated before, 1 of 4 now" in by_metric[SATURATED].reason


@pytest.mark.parametrize(
    ("values", "reason"),
    [([0.1, 0.1, 0.1, None], "some run has no value"), ([0.1, 0.1, 0.1, 0.0], "some value is 0")],
)
def test_runs_without_a_value_have_no_change(values: list[float | None], reason: str) -> None:
    row = judged(side("ttft_p50_s", OLD), side("ttft_p50_s", values))
    assert row.verdict is ChangeVerdict.UNKNOWN
    assert reason in row.reason


def test_one_replicate_is_no_sample() -> None:
    row = judged(side("ttft_p50_s", [0.1]), side("ttft_p50_s", [0.2]))
    assert row.verdict is ChangeVerdict.UNKNOWN
    assert "one replicate" in row.reason
    equal = judged(side("ttft_p50_s", [0.1]), side("ttft_p50_s", [0.1], content="other"))
    assert equal.verdict is ChangeVerdict.SAME


def test_repetitions_that_are_apart_count_as_noise() -> None:
    """A/A: each seed ran twice on each side, 20 % apart."""
    first, again = side("ttft_p50_s", OLD), side("ttft_p50_s", times(1.2))
    new = [side("ttft_p50_s", times(factor), content="b") for factor in (1.1, 1.32)]
    noisy = judged([*first, *again], [*new[0], *new[1]])
    assert noisy.noise == pytest.approx(math.log(1.2) / math.sqrt(2), rel=0.02)
    assert noisy.replicates == (4, 4)
    assert noisy.change == pytest.approx(0.1, abs=2e-3)
    assert noisy.verdict is ChangeVerdict.UNKNOWN
    quiet = judged(first, side("ttft_p50_s", times(1.1)))
    assert quiet.noise is None
    assert quiet.verdict is ChangeVerdict.WORSE
