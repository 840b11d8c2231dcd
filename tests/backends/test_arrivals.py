"""When requests arrive in virtual time, and closed loops in the simulator."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from slaibench.backends.arrivals import ClosedLoop, OpenLoop, start_times
from slaibench.backends.base import RunOutput, RunSettings
from slaibench.backends.simulator.backend import Simulator
from slaibench.catalog.profiles import get_profile
from slaibench.costmodel import CostModel, StaircaseCostModel
from slaibench.recording.invariants import violation
from slaibench.recording.record import Outcome, RequestTable
from slaibench.schedulers.registry import build
from slaibench.workloads.request import Request
from tests.backends.agreement import CONTEXT, GPU, MODEL, requests


@dataclass
class Ended:
    """A request that has ended."""

    request_id: int
    token_steps: array[int] = field(default_factory=lambda: array("i"))


SECOND = StaircaseCostModel(t_lin_s=0.0, t_col_tokens=1, constant_s=1.0)
PROFILE = get_profile(GPU, MODEL)


def serve(wanted: list[Request], clients: int, ramp_s: float = 0.0, **more: Any) -> RunOutput:
    """On a device of a second a batch."""
    options = {"total_blocks": 1000, "block_size": 1, **more}
    horizon_s = options.pop("horizon_s", None)
    settings = RunSettings(concurrency=clients, ramp_s=ramp_s, horizon_s=horizon_s)
    return Simulator(SECOND, **options).run(wanted, build("sarathi"), settings)


def ends_s(table: RequestTable) -> np.ndarray:
    return np.where(table.outcome == "failed", table.due_s, table.last_token_s)


def in_flight(table: RequestTable, times_s: np.ndarray) -> np.ndarray:
    """Requests that were sent and had not ended, just after each time."""
    ended = np.searchsorted(np.sort(ends_s(table)), times_s, side="right")
    return np.searchsorted(table.due_s, times_s, side="right") - ended


def test_an_open_loop_sends_at_due_times_whatever_ends() -> None:
    loop = OpenLoop([Request(0, 1.0, 1, 1), Request(1, 1.5, 1, 1)])
    loop.end(0.5, Ended(0))
    assert [loop.next_s, loop.send(), loop.next_s, loop.send()] == [1.0, (1.0, 0), 1.5, (1.5, 1)]
    assert loop.next_s == math.inf
    assert OpenLoop([]).next_s == math.inf


def test_a_closed_loop_sends_when_a_client_is_free_and_not_before() -> None:
    loop = ClosedLoop(4, 2)
    assert [loop.send(), loop.send(), loop.next_s] == [(0.0, 0), (0.0, 1), math.inf]
    loop.end(3.0, Ended(0))
    loop.end(2.0, Ended(1))  # one that is heard of later may have ended earlier
    assert [loop.send(), loop.send()] == [(2.0, 2), (3.0, 3)]
    loop.end(4.0, Ended(2))
    loop.end(4.0, Ended(3))
    assert loop.next_s == math.inf  # nothing is left to be sent


def test_clients_begin_at_once_or_evenly_over_a_ramp() -> None:
    assert start_times(3, 0.0) == [0.0, 0.0, 0.0]
    assert start_times(4, 2.0) == [0.0, 0.5, 1.0, 1.5]


@pytest.mark.parametrize("arguments", [(1, 0), (1, 1, -1.0), (1, 1, math.nan), (1, 1, math.inf)])
def test_impossible_loops_are_refused(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match=r"concurrency must be|ramp_s must be"):
        ClosedLoop(*arguments)


def test_a_request_is_sent_when_one_ends_and_due_times_do_not_matter() -> None:
    # A second a batch: the first ends at 2, the second at 3, then whoever is next.
    wanted = [Request(0, 50.0, 1, 2), Request(1, 60.0, 1, 3), Request(2, 70.0, 1, 1),
              Request(3, 80.0, 1, 1)]  # fmt: skip
    output = serve(wanted, 2)
    table = output.requests
    assert table.due_s.tolist() == [0.0, 0.0, 2.0, 3.0]
    assert table.sent_s.tolist() == table.due_s.tolist()
    assert table.ttft_s.tolist() == [1.0, 1.0, 1.0, 1.0]
    assert output.end_s == 4.0
    assert violation(table, output.steps, len(wanted)) is None


def test_a_client_sends_when_it_has_read_the_last_token() -> None:
    near, far = (
        serve([Request(n, 0.0, 1, 2) for n in range(3)], 1, delivery_s=delivery_s).requests
        for delivery_s in (0.0, 0.25)
    )
    assert near.due_s.tolist() == [0.0, 2.0, 4.0]
    assert far.due_s.tolist() == [0.0, 2.25, 4.5]
    assert far.last_token_s.tolist() == [2.25, 4.5, 6.75]
    assert far.first_scheduled_s.tolist() == far.due_s.tolist()


def test_what_is_refused_ends_at_once_and_the_client_goes_on() -> None:
    wanted = [Request(0, 0.0, 2000, 1), Request(1, 0.0, 1, 2), Request(2, 0.0, 5000, 1),
              Request(3, 0.0, 1, 1)]  # fmt: skip
    table = serve(wanted, 1).requests
    assert table.outcome.tolist() == ["failed", "finished", "failed", "finished"]
    assert table.due_s.tolist() == [0.0, 0.0, 2.0, 2.0]


def test_a_horizon_leaves_out_whom_nobody_sent() -> None:
    wanted = [Request(n, 0.0, 1, 2) for n in range(9)]
    table = serve(wanted, 2, horizon_s=4.0).requests
    # Two that ended at 2, two at 4; the two after them are due as the run ends.
    assert table.due_s.tolist() == [0.0, 0.0, 2.0, 2.0, 4.0, 4.0]
    assert table.outcome.tolist()[-2:] == [Outcome.UNFINISHED.value] * 2


def test_more_clients_than_requests_are_a_burst() -> None:
    wanted = [Request(n, 0.0, 3, 2 + n) for n in range(5)]
    table = serve(wanted, 50).requests
    assert table.due_s.tolist() == [0.0] * 5
    assert table.finished.all()


@pytest.mark.parametrize("ramp_s", [0.0, 3.0])
@pytest.mark.parametrize("asynchronous", [False, True])
def test_as_many_as_clients_are_in_flight_until_none_is_left(
    asynchronous: bool, ramp_s: float
) -> None:
    clients, wanted = 24, requests(200)
    simulator = Simulator(
        CostModel(PROFILE),
        total_blocks=6000,
        max_context_tokens=CONTEXT,
        delivery_s=0.004,
        asynchronous=asynchronous,
    )
    settings = RunSettings(concurrency=clients, ramp_s=ramp_s)
    output = simulator.run(wanted, build("slai"), settings)
    table = output.requests
    assert violation(table, output.steps, len(wanted)) is None
    assert table.finished.all()
    after = np.unique(table.due_s[(table.due_s >= ramp_s) & (table.due_s < table.due_s[-1])])
    assert len(after) > 50
    assert set(in_flight(table, after).tolist()) == {clients}
    # Whoever is sent later than the first ones is sent when another ends, to the microsecond.
    starts = start_times(clients, ramp_s)
    free = np.sort([*starts, *ends_s(table)])[: len(table)]
    np.testing.assert_array_equal(table.due_s, free)


def test_the_number_in_flight_is_throughput_times_stay() -> None:
    """Little's law, over the time in which all clients are busy."""
    clients, wanted = 16, requests(400)
    simulator = Simulator(CostModel(PROFILE), total_blocks=20_000, max_context_tokens=CONTEXT)
    table = simulator.run(wanted, build("sarathi"), RunSettings(concurrency=clients)).requests
    stop_s = float(table.due_s[-1])  # until then nobody was idle
    stay_s = np.minimum(table.last_token_s, stop_s) - table.due_s
    throughput_rps = len(table) / stop_s
    assert throughput_rps * stay_s.mean() == pytest.approx(clients, rel=1e-9)
