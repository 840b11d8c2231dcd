"""Half-open sessions in the simulator: a turn is due when the one before has ended."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from slaibench.backends.arrivals import HalfOpen
from slaibench.backends.base import Progress, RunOutput, RunSettings
from slaibench.backends.simulator.backend import Simulator
from slaibench.backends.speculation import Speculation
from slaibench.costmodel import CostModel, StaircaseCostModel
from slaibench.recording.invariants import violation
from slaibench.schedulers.registry import build
from slaibench.workloads.request import Request, Turn
from slaibench.workloads.schedule import followers_of
from tests.backends.agreement import PROFILE
from tests.backends.sessions import conversations, expected_due_s, numbered
from tests.backends.simulator.random_runs import (
    MILLISECONDS,
    VARIANTS,
    schedulers,
    total_blocks,
    workloads,
)
from tests.backends.simulator.test_determinism import as_bytes

SECOND = StaircaseCostModel(t_lin_s=0.0, t_col_tokens=1, constant_s=1.0)


def serve(wanted: list[Request], **more: Any) -> RunOutput:
    """On a device of a second a batch."""
    options = {"total_blocks": 1000, "block_size": 1, **more}
    given = {name: options.pop(name) for name in ("horizon_s", "stop") if name in options}
    run = RunSettings(stop_every_s=1.0, **given)
    return Simulator(SECOND, **options).run(wanted, build("sarathi"), run)


def chain(*sizes: tuple[int, int], due_s: float = 0.0, think_s: float = 0.5) -> list[Request]:
    """One session, of turns of so many prompt and output tokens."""
    return [
        Request(place, due_s + place * think_s, prompt, output, turn=Turn(
            0, place + 1, place - 1 if place else None, think_s if place else 0.0))
        for place, (prompt, output) in enumerate(sizes)
    ]  # fmt: skip


def test_a_turn_is_due_when_the_one_before_has_ended_and_its_client_has_thought() -> None:
    output = serve(chain((1, 2), (1, 3), (1, 1)))
    table = output.requests
    assert table.due_s.tolist() == [0.0, 2.5, 6.0]
    assert table.sent_s.tolist() == table.due_s.tolist()
    assert table.ttft_s.tolist() == [1.0, 1.0, 1.0]
    assert table.turn.tolist() == [1, 2, 3]
    assert violation(table, output.steps, 3) is None
    sessions = {"begun": 1, "finished": 1, "cut": 0}
    assert output.facts == {"turns": {"kind": "half-open", "sessions": sessions, "never_due": {}}}
    assert output.notes == ()


def test_the_end_is_when_the_client_has_read_the_last_token() -> None:
    table = serve(chain((1, 2), (1, 2)), delivery_s=0.25).requests
    assert table.due_s.tolist() == [0.0, 2.75]
    assert table.first_scheduled_s.tolist() == [0.0, 2.75]


def test_rows_are_by_when_requests_were_due_and_not_by_their_ids() -> None:
    # The second turn would be due at 0.5, and is at 4.5, after a request of another session.
    wanted = numbered([*chain((1, 4), (1, 1)), Request(9, 3.0, 1, 1, turn=Turn(1, 1))])
    table = serve(wanted).requests
    assert [request.request_id for request in wanted] == [0, 1, 2]
    assert table.request_id.tolist() == [0, 2, 1]
    assert table.due_s.tolist() == [0.0, 3.0, 4.5]
    assert table.session.tolist() == [0, 1, 0]


def test_what_is_due_at_the_same_time_goes_in_the_runs_order() -> None:
    """A turn that follows and a request that waits for none, both due at 2."""
    early = [*chain((1, 2), (1, 1), think_s=0.0), Request(2, 2.0, 1, 1)]
    late = [chain((1, 2))[0], Request(1, 2.0, 1, 1),
            Request(2, 2.0, 1, 1, turn=Turn(0, 2, 0))]  # fmt: skip
    assert serve(early).requests.request_id.tolist() == [0, 1, 2]
    assert serve(late).requests.request_id.tolist() == [0, 1, 2]
    assert serve(late).requests.due_s.tolist() == [0.0, 2.0, 2.0]


def test_two_turns_may_wait_for_the_same_one() -> None:
    first = Request(0, 0.0, 1, 1, turn=Turn(0, 1))
    wanted = [first, Request(1, 0.0, 1, 2, turn=Turn(0, 2, 0, 0.0)),
              Request(2, 0.0, 1, 2, turn=Turn(0, 3, 0, 5.0))]  # fmt: skip
    assert serve(wanted).requests.due_s.tolist() == [0.0, 1.0, 6.0]


def test_after_a_refused_turn_none_is_due() -> None:
    refused = chain((1, 1), (2000, 1), (1, 1), (1, 1))
    output = serve([*refused, Request(4, 7.0, 1, 1, turn=Turn(1, 1))])
    assert output.requests.request_id.tolist() == [0, 1, 4]
    assert output.requests.outcome.tolist() == ["finished", "failed", "finished"]
    assert output.requests.due_s.tolist() == [0.0, 1.5, 7.0]
    assert output.notes == ("2 turns of 1 session were never due: after one that failed",)
    facts = output.facts["turns"]
    assert facts["sessions"] == {"begun": 2, "finished": 1, "cut": 1}
    assert facts["never_due"] == {"failed": 2}


@pytest.mark.parametrize(
    ("horizon_s", "rows", "note"),
    [
        (3.0, 2, "1 turn of 1 session was never due: after one that was unfinished at the end"),
        (5.5, 2, "1 turn of 1 session was never due: only after the end of the run"),
        (6.0, 3, None),
    ],
)
def test_a_horizon_in_the_middle_of_a_session(horizon_s: float, rows: int, note: str) -> None:
    """Due at 0, 2.5 and 6; the second turn ends at 5.5. A session that did not begin is none."""
    later = [Request(3, 50.0, 1, 1, turn=Turn(1, 1)), Request(4, 51.0, 1, 1, turn=Turn(1, 2, 3))]
    output = serve([*chain((1, 2), (1, 3), (1, 1)), *later], horizon_s=horizon_s)
    assert output.requests.turn.tolist() == [1, 2, 3][:rows]
    assert output.notes == (() if note is None else (note,))
    assert output.facts["turns"]["sessions"] == {
        "begun": 1,
        "finished": 0,
        "cut": int(note is not None),
    }


def test_reasons_are_counted_apart() -> None:
    refused = [Request(n + 3, 1.0, prompt, 1, turn=Turn(1, n + 1, n + 2 if n else None))
               for n, prompt in enumerate((2000, 1))]  # fmt: skip
    output = serve(numbered([*chain((1, 2), (1, 3), (1, 1)), *refused]), horizon_s=3.0)
    assert output.notes == (
        "2 turns of 2 sessions were never due: 1 after one that failed, 1 after one that was "
        "unfinished at the end",
    )


def test_a_stop_rule_sees_turns_when_they_are_due() -> None:
    seen: list[Progress] = []

    def look(progress: Progress) -> str | None:
        seen.append(progress)
        return "enough" if progress.now_s >= 4 else None

    wanted = numbered([*chain((1, 2), (1, 3), (1, 1)), Request(9, 1.0, 1, 1, turn=Turn(1, 1))])
    output = serve(wanted, stop=look)
    last = seen[-1]
    assert (output.stopped_early, output.end_s) == ("enough", last.now_s)
    for progress in seen:
        assert (np.diff(progress.due_s) >= 0).all()
        assert (progress.due_s <= progress.now_s).all()
    table = output.requests
    np.testing.assert_array_equal(last.due_s, table.due_s)
    np.testing.assert_array_equal(last.first_s, table.first_token_s)
    np.testing.assert_array_equal(last.left_s, np.where(table.finished, table.last_token_s, np.nan))


@pytest.mark.parametrize(
    ("turn", "concurrency", "message"),
    [
        (Turn(0, 2, 7), None, "request 1 waits for request 7, which is not before it"),
        (Turn(0, 2, 1), None, "request 1 waits for request 1, which is not before it"),
        (Turn(4, 2, 0), None, "waits for request 0, which is not before it in session 4: let"),
        (Turn(0, 2, 0, -1.0), None, "due -1.0 s after request 0 has ended: think_s must be 0"),
        (Turn(0, 2, 0, math.inf), None, "think_s must be 0 or more"),
        (Turn(0, 2, 0), 8, r"8 clients of a closed loop .*: leave the concurrency out"),
    ],
)
def test_what_cannot_run_is_refused(turn: Turn, concurrency: int | None, message: str) -> None:
    wanted = [Request(0, 0.0, 1, 1, turn=Turn(0, 1)), Request(1, 0.0, 1, 1, turn=turn)]
    simulator = Simulator(SECOND, total_blocks=10)
    with pytest.raises(ValueError, match=message):
        simulator.run(wanted, build("sarathi"), RunSettings(concurrency=concurrency))


def test_turns_at_times_of_their_own_are_an_open_loop() -> None:
    wanted = [Request(place, 0.5 * place, 1, 2, turn=Turn(0, place + 1)) for place in range(3)]
    output = serve(wanted)
    assert output.requests.due_s.tolist() == [0.0, 0.5, 1.0]
    assert output.facts == {}
    simulator = Simulator(SECOND, total_blocks=10)
    closed = simulator.run(wanted, build("sarathi"), RunSettings(concurrency=1)).requests
    assert closed.due_s.tolist() == [0.0, 2.0, 4.0]


def test_nobody_is_due_before_somebody_ends() -> None:
    wanted = chain((1, 1), (1, 1))
    arrivals = HalfOpen(wanted, followers_of(wanted))
    assert (arrivals.send(), arrivals.next_s) == ((0.0, 0), math.inf)
    assert HalfOpen([], {}).next_s == math.inf


@st.composite
def sessions(draw: st.DrawFn) -> list[Request]:
    """Small random requests, some of which follow others."""
    wanted = draw(workloads())
    last: dict[int, int] = {}
    out = []
    for place, request in enumerate(wanted):
        session = draw(st.integers(0, 3))
        before = last.get(session)
        think_s = draw(st.sampled_from([0.0, 0.0, 0.001, 0.0123456789, 1.0]))
        number = sum(r.turn.session == session for r in out if r.turn) + 1
        turn = Turn(session, number, before, think_s if before is not None else 0.0)
        out.append(Request(place, request.due_s, request.prompt_tokens, request.output_tokens,
                           request.tier, request.tbt_slo_s, turn=turn))  # fmt: skip
        last[session] = place
    return out


@pytest.mark.parametrize("variant", VARIANTS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_every_turn_is_due_at_the_last_token_before_it_and_the_pause(
    variant: str, data: st.DataObject
) -> None:
    wanted = data.draw(sessions())
    slack = data.draw(st.sampled_from([0, 1, 5, 200]), label="slack")
    scheduler = data.draw(schedulers(variant))
    delivery_s = data.draw(st.sampled_from([0.0, 0.0042]), label="delivery_s")
    asynchronous = data.draw(st.booleans(), label="asynchronous")
    simulator = Simulator(
        MILLISECONDS,
        total_blocks=total_blocks(wanted, 2, slack),
        block_size=2,
        delivery_s=delivery_s,
        asynchronous=asynchronous,
    )
    output = simulator.run(wanted, scheduler, RunSettings())
    table = output.requests
    event(f"preempted: {table.num_preemptions.sum() > 0}")
    assert violation(table, output.steps, len(wanted)) is None
    assert sorted(table.request_id.tolist()) == list(range(len(wanted)))
    assert table.finished.all()
    np.testing.assert_array_equal(table.due_s, expected_due_s(wanted, table))
    by_time = sorted(zip(table.due_s.tolist(), table.request_id.tolist(), strict=True))
    assert [number for _, number in by_time] == table.request_id.tolist()  # ties by id


def test_drafted_tokens_end_turns_as_others_do() -> None:
    speculation = Speculation(draft_tokens=3, acceptance_rate=0.6)
    simulator = Simulator(CostModel(PROFILE), total_blocks=1500, speculation=speculation)
    wanted = conversations(40)
    output = simulator.run(wanted, build("sarathi"), RunSettings())
    table = output.requests
    assert table.finished.all()
    assert len(table) == len(wanted)
    np.testing.assert_array_equal(table.due_s, expected_due_s(wanted, table))


@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_same_sessions_give_the_same_bytes(asynchronous: bool) -> None:
    simulator = Simulator(
        CostModel(PROFILE, asynchronous=asynchronous),
        total_blocks=1000,
        prefix_caching=True,
        asynchronous=asynchronous,
        delivery_s=0.0042,
    )
    wanted = conversations(40)
    runs = [simulator.run(wanted, build("slai"), RunSettings()) for _ in range(2)]
    assert as_bytes(runs[0]) == as_bytes(runs[1])
    table = runs[0].requests
    np.testing.assert_array_equal(table.due_s, expected_due_s(wanted, table))
    assert table.request_id.tolist() != sorted(table.request_id.tolist())
    # Later turns find what was said before: far fewer tokens are computed than prompts have.
    assert runs[0].steps.prefill_tokens.sum() < 0.8 * table.prompt_tokens.sum()
