"""Closed loops over HTTP: who is free sends next. Nothing measures speed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from slaibench.client.closed_loop import ClosedLoop
from slaibench.client.load import run_load
from slaibench.client.pacer import MAX_IN_A_ROW
from slaibench.client.prompts import TokenIdPrompts
from slaibench.client.sizing import num_processes
from slaibench.client.target import Target
from slaibench.recording.invariants import violation
from slaibench.recording.record import StepTable
from slaibench.workloads.request import Request
from tests.client.behaviours import BEHAVIOURS
from tests.client.serving import Answer, Received, by_tier, serve

PROMPTS = TokenIdPrompts(1000)


class StoppedAlarm:
    """Rings when the test says so."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self.ring = callback
        self.at_s: float | None = None

    def set(self, at_s: float) -> None:
        self.at_s = at_s

    def close(self) -> None:
        self.at_s = None


async def _clients(clients: int, count: int) -> tuple[ClosedLoop, list[tuple[int, float]]]:
    fired: list[tuple[int, float]] = []
    loop = asyncio.get_running_loop()
    closed = ClosedLoop(loop, clients, count, 5.0, lambda *what: fired.append(what), StoppedAlarm)
    return closed, fired


def test_all_begin_at_the_start_and_a_few_at_a_time() -> None:
    async def run() -> None:
        closed, fired = await _clients(MAX_IN_A_ROW + 2, 100)
        closed.catch_up(4.9)
        assert fired == []
        closed.catch_up(5.0)
        assert fired == [(number, 5.0) for number in range(MAX_IN_A_ROW)]
        await asyncio.sleep(0.01)  # the rest is sent in the loop's next turn
        assert [number for number, _ in fired] == list(range(MAX_IN_A_ROW + 2))

    asyncio.run(run())


def test_whoever_is_free_takes_the_next_and_says_since_when() -> None:
    async def run() -> None:
        closed, fired = await _clients(1, 3)
        closed.catch_up(6.0)
        closed.free(7.0)
        assert len(fired) == 1  # not within whatever read the end
        closed.catch_up(7.5)
        assert fired[1:] == [(1, 7.0)]
        closed.free(8.0)
        await asyncio.sleep(0.01)  # an end that was no read
        assert fired[2:] == [(2, 8.0)]
        closed.free(9.0)
        await asyncio.sleep(0.01)
        assert (len(fired), closed.close()) == (3, [])

    asyncio.run(run())


def test_after_the_close_nothing_is_sent() -> None:
    async def run() -> None:
        closed, fired = await _clients(2, 9)
        closed.catch_up(6.0)
        assert closed.close() == [(number, None) for number in range(2, 9)]
        closed.free(7.0)
        closed.catch_up(8.0)
        await asyncio.sleep(0.01)
        assert len(fired) == 2

    asyncio.run(run())


@pytest.mark.parametrize("processes", [1, 2])
def test_as_many_as_there_are_clients_are_in_flight(processes: int) -> None:
    inside: list[int] = [0]
    most = 0

    async def slow(received: Received, answer: Answer) -> None:
        nonlocal most
        inside[0] += 1
        most = max(most, inside[0])
        answer.head()
        for _ in range(received.body["max_tokens"]):
            answer.token()
            await answer.flush()
            await asyncio.sleep(0.002)
        inside[0] -= 1
        answer.end()

    requests = [Request(i, 0.0, 3, 2 + i % 7) for i in range(60)]
    with serve({"/v1/completions": slow}) as server:
        result = run_load(
            Target(server.url, "m"), requests, PROMPTS, concurrency=4, processes=processes
        )
        connections = server.num_connections
    table = result.requests
    assert most == 4
    assert table.finished.all()
    assert sorted(table.request_id.tolist()) == list(range(60))
    if processes == 1:
        assert table.request_id.tolist() == list(range(60))  # in their order
    assert violation(table, StepTable.empty(), 60) is None
    assert np.count_nonzero(table.due_s == 0) == 4
    # Whoever sends again was free since its last request ended, and that was no earlier than its
    # last token.
    last = np.sort(table.last_token_s)[: len(table) - 4]
    assert (table.due_s[4:] >= last - 2e-6).all()
    assert connections <= 4 + processes * 2 + 1  # kept, and not twice as many


def test_refusals_end_a_closed_loop_before_they_use_up_its_requests() -> None:
    async def refuses(received: Received, answer: Answer) -> None:
        answer.whole(400, '{"error": {"message": "no"}}')

    requests = [Request(i, 0.0, 3, 2) for i in range(500)]
    with serve({"/v1/completions": refuses}) as server:
        result = run_load(
            Target(server.url, "m"), requests, PROMPTS, concurrency=2, most_failures=5
        )
        asked = len(server.received)
    assert asked <= 5 + 1 + 2
    assert result.requests.outcome.tolist() == ["failed"] * 500
    assert result.requests.error[-1].startswith("not sent: more than 5 requests had failed")
    assert violation(result.requests, StepTable.empty(), 500) is None


def test_a_client_whose_request_failed_goes_on() -> None:
    tiers = ["broken" if i == 1 else "plain" for i in range(20)]
    requests = [Request(i, 0.0, 3, 2, tier=tier) for i, tier in enumerate(tiers)]
    with serve(BEHAVIOURS) as server:
        target = Target(server.url, "m", extra_of=by_tier)
        result = run_load(target, requests, PROMPTS, concurrency=1)
    outcomes = result.requests.outcome.tolist()
    assert (outcomes.count("failed"), outcomes.count("finished")) == (1, 19)


def test_a_horizon_leaves_out_whom_nobody_took() -> None:
    requests = [Request(i, 0.0, 3, 4, tier="never" if i else "plain") for i in range(50)]
    with serve(BEHAVIOURS) as server:
        target = Target(server.url, "m", extra_of=by_tier)
        result = run_load(target, requests, PROMPTS, concurrency=3, horizon_s=0.5)
    assert result.requests.outcome.tolist().count("finished") == 1
    assert len(result.requests) == 4
    assert result.end_s == 0.5


def test_a_closed_loop_needs_a_client() -> None:
    with pytest.raises(ValueError, match="concurrency must be at least 1, not 0"):
        run_load(Target("http://127.0.0.1:9", "m"), [Request(0, 0.0, 3, 4)], PROMPTS, concurrency=0)


def test_processes_are_as_many_as_the_streams_need() -> None:
    requests = [Request(i, 0.0, 3, 4) for i in range(5000)]
    assert num_processes(requests, cores=8, concurrency=1) == 1
    assert num_processes(requests, cores=8, concurrency=200) == 1
    assert num_processes(requests, cores=8, concurrency=1000) == 4
    assert num_processes(requests, cores=3, concurrency=10_000) == 2
