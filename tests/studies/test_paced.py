"""A capacity search within minutes: its budget, its guard, what ends it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slaibench.spec import StudySpec
from slaibench.studies import paced
from slaibench.studies.pace import MOST_FAILURES, Ended, Pace
from slaibench.studies.paced_result import PacedResult, holds
from slaibench.studies.targets import Targets
from tests.client.behaviours import never
from tests.client.serving import Answer, Behaviour, Received, Server, serve, tokens
from tests.studies.studies import H100, WORKLOAD

GOOD_FOR = 12
"""Requests that a failing server answers before it fails."""


def simulated(results: Path, pace: Pace, **fields: object) -> PacedResult:
    values = {
        "schedulers": ("sarathi",),
        "workload": WORKLOAD,
        **({} if "gpu" in fields else {"profile": str(H100)}),
        **fields,
    }
    return paced.run(paced.plan(StudySpec.model_validate(values), results, pace))


def test_the_interval_holds_what_a_long_search_says(tmp_path: Path) -> None:
    result = simulated(tmp_path, Pace(5.0))
    low, high = result.capacity.ci95 or (0.0, 0.0)
    assert low < 30.6 < high  # benchmarks/capacity_coverage.py: 30.6 [29.3, 31.8]
    assert result.spent_s <= 300


def test_long_outputs_are_not_taken_for_carried_since_nobody_waits_yet(tmp_path: Path) -> None:
    result = simulated(tmp_path, Pace(5.0), workload="sharegpt4-model", first_seed=4000)
    assert 0.3 < (result.capacity.rate_rps or 0.0) / 6.9 < 1.4  # short runs alone held 19
    assert max(cell.cell.rate_rps for cell in result.long) < 1.5 * 6.9
    lengths = {cell.cell.horizon_s for cell in result.cells}
    assert max(lengths) == Pace(5.0).long_s
    assert any(8.0 < length <= Pace(5.0).most_step_s for length in lengths if length)


def test_what_is_on_disk_is_not_run_again_and_counts_as_it_did(tmp_path: Path) -> None:
    first, second = (simulated(tmp_path, Pace(2.0)) for _ in range(2))
    assert all(cell.reused for cell in second.cells)
    assert first.to_json() == second.to_json()


def test_requests_that_wait_for_too_long_speak_against_a_rate(tmp_path: Path) -> None:
    """In the seconds of a short run most of them have no first token yet: no TTFT is measured."""
    slow = {"gpu": "rtx4090", "model": "llama-3.1-8b"}  # it carries 7.1 requests/s
    result = simulated(tmp_path, Pace(1.0, max_rate_rps=32.0, start_rps=4.0, long=False), **slow)
    targets = Targets.of(result.spec)
    held = {cell.cell.rate_rps: holds(targets, cell) for cell in result.cells}
    assert held == {4.0: True, 8.0: True, 16.0: False}
    assert result.ended is Ended.SATURATED
    assert result.capacity.bracket == (8.0, 16.0)


def test_where_no_rate_fails_the_answer_is_the_largest_that_is_sure_to_hold(tmp_path: Path) -> None:
    slow = {"gpu": "rtx4090", "model": "llama-3.1-8b", "first_seed": 3}
    result = simulated(tmp_path, Pace(3.0), **slow)  # it carries 7.1 requests/s
    assert result.at_least
    assert result.capacity.shape is None
    assert result.capacity.rate_rps == result.capacity.sure_rps
    assert (result.capacity.rate_rps or 0.0) < max(cell.cell.rate_rps for cell in result.long) < 7.1


def test_no_rate_is_the_answer_that_a_run_speaks_against(tmp_path: Path) -> None:
    """Of so few requests no target can be told, and no verdict of steadiness."""
    slow = {"gpu": "rtx4090", "model": "llama-3.1-8b", "slo": "ttft_p50<0.16"}
    result = simulated(tmp_path, Pace(2.0), **slow)
    targets = Targets.of(result.spec)
    against = [c.cell.rate_rps for c in result.cells if not holds(targets, c)]
    assert result.capacity.shape is None
    assert not result.at_least
    assert result.capacity.rate_rps is None or result.capacity.rate_rps < min(against)


def test_never_more_than_the_largest_rate_is_offered(tmp_path: Path) -> None:
    result = simulated(tmp_path, Pace(2.0, max_rate_rps=3.0))
    assert max(cell.cell.rate_rps for cell in result.cells) == 3.0
    assert result.ended is Ended.MAX_RATE
    assert result.capacity.shape is None


def test_a_tail_that_minutes_cannot_carry_is_said_with_a_percentile_that_they_can(
    tmp_path: Path,
) -> None:
    result = simulated(tmp_path, Pace(2.0, max_rate_rps=16.0))
    (tail,) = [untold for untold in result.untold if untold.slo == "ttft_p99<5"]
    assert tail.worth < tail.needed
    assert tail.q is not None
    assert tail.q < 0.99
    assert tail.value_s is not None


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"minutes": 0.1}, "--minutes 0.1"),
        ({"minutes": 1e9}, "--minutes 1e"),
        ({"max_rate_rps": 0.0}, "--max-rate"),
        ({"max_rate_rps": 1e-4}, "--max-rate 0.0001"),
    ],
)
def test_a_pace_that_tells_nothing_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Pace(**fields)


def test_the_length_of_runs_is_not_the_users(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--minutes decides"):
        simulated(tmp_path, Pace(), num_requests=100)


async def _fails(received: Received, answer: Answer) -> None:
    answer.whole(500, "sorry", "text/plain")


async def _limits(received: Received, answer: Answer) -> None:
    answer.whole(429, '{"error": "slow down"}')


@pytest.fixture(params=[_fails, _limits, never], ids=["500", "429", "hangs"])
def failing(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that serves some requests, and then fails for good."""
    bad: Behaviour = request.param
    count = 0

    async def for_a_while(received: Received, answer: Answer) -> None:
        nonlocal count
        count += 1
        await (tokens if count <= GOOD_FOR else bad)(received, answer)

    with serve({"/v1/completions": for_a_while}) as server:
        yield server


def test_a_server_that_fails_is_left_alone(failing: Server, tmp_path: Path) -> None:
    spec = StudySpec(
        schedulers=("endpoint",),
        backend="endpoint",
        url=failing.url,
        model="m",
        workload="uniform:prompt=4-9,output=2-3",
    )
    result = paced.run(
        paced.plan(spec, tmp_path, Pace(1.0, start_rps=8.0)), rest=lambda seconds: None
    )
    sent = sum(received.path == "/v1/completions" for received in failing.received)
    assert result.ended in (Ended.FAILURES, Ended.SILENT)
    # A server that hangs is noticed by those that wait: its guard allows 3 times 64 and 10.
    hangs = result.ended is Ended.SILENT
    assert sent - GOOD_FOR <= (202 if hangs else MOST_FAILURES + 3)
    assert len(result.cells) == 1
