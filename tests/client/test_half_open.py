"""Half-open sessions over HTTP: a turn is due when the one before has ended. Nothing measures
speed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket

import numpy as np
import pytest

from slaibench.client.load import LoadResult, run_load
from slaibench.client.prompts import TokenIdPrompts
from slaibench.client.target import Target
from slaibench.recording.invariants import violation
from slaibench.recording.record import FloatArray, StepTable
from slaibench.workloads.request import Request, Turn
from tests.backends.sessions import expected_due_s, numbered
from tests.client.behaviours import BEHAVIOURS
from tests.client.serving import by_tier, serve

PROMPTS = TokenIdPrompts(1000)


def sessions(
    count: int, turns: int, *, gap_s: float = 0.02, think_s: float = 0.03, odd: str = "plain"
) -> list[Request]:
    """Sessions one after another; the second turn of the first one is odd (its tier)."""
    made = []
    for session in range(count):
        for number in range(1, turns + 1):
            follows = len(made) - 1 if number > 1 else None
            tier = odd if (session, number) == (0, 2) else "plain"
            due_s = session * gap_s + (number - 1) * think_s
            turn = Turn(session, number, follows, think_s if number > 1 else 0.0)
            made.append(Request(len(made), due_s, 3, 2 + number, tier, turn=turn))
    return numbered(made)


def check(result: LoadResult, wanted: list[Request]) -> None:
    """What holds of every run."""
    table = result.requests
    assert violation(table, StepTable.empty(), len(wanted)) is None
    late_s = table.due_s - expected_due_s(wanted, table)
    first = table.turn == 1
    assert (late_s[first] == 0).all()
    # No earlier than the last token before it; of a lost client none is known.
    assert not (late_s[~first] < -2e-6).any()
    sent = ~np.isnan(table.sent_s)
    assert (table.sent_s[sent] >= table.due_s[sent]).all()


@pytest.mark.parametrize("processes", [1, 3])
def test_a_turn_is_sent_when_the_one_before_has_ended(processes: int) -> None:
    wanted = sessions(10, 4)
    with serve() as server:
        result = run_load(Target(server.url, "m"), wanted, PROMPTS, processes=processes)
        asked = [received.headers["X-Request-Id"] for received in server.received]
    check(result, wanted)
    assert len(asked) == len(set(asked)) == 40
    assert result.requests.finished.all()
    assert sorted(result.requests.request_id.tolist()) == list(range(40))
    facts = result.sessions.facts()["turns"]
    assert facts == {
        "kind": "half-open",
        "sessions": {"begun": 10, "finished": 10, "cut": 0},
        "never_due": {},
    }
    assert result.notes == ()


def test_a_server_that_takes_its_time_is_sent_later_turns_later() -> None:
    wanted = sessions(1, 3, think_s=0.0)
    with serve(BEHAVIOURS) as server:
        target = Target(server.url, "m", extra_body={"behave": "slow"})
        result = run_load(target, wanted, PROMPTS)
    check(result, wanted)
    assert (np.diff(result.requests.due_s) > 0).all()


@pytest.mark.parametrize(("odd", "ends"), [("bad_request", "failed"), ("never", "timed_out")])
def test_after_a_turn_that_did_not_finish_none_is_due(odd: str, ends: str) -> None:
    wanted = sessions(3, 4, odd=odd)
    with serve(BEHAVIOURS) as server:
        target = Target(server.url, "m", extra_of=by_tier, timeout_s=0.8)
        result = run_load(target, wanted, PROMPTS, processes=1)
        assert len(server.received) == 10
    check(result, wanted)
    assert sorted(result.requests.outcome.tolist()) == sorted([ends, *["finished"] * 9])
    words = ends.replace("_", " ")
    assert f"2 turns of 1 session were never due: after one that {words}" in result.notes
    assert result.sessions.facts()["turns"]["never_due"] == {ends: 2}


def test_a_horizon_in_the_middle_of_sessions() -> None:
    wanted = sessions(2, 3, think_s=0.4, odd="never")
    with serve(BEHAVIOURS) as server:
        target = Target(server.url, "m", extra_of=by_tier)
        result = run_load(target, wanted, PROMPTS, horizon_s=0.7)
    check(result, wanted)
    assert result.end_s == 0.7
    table = result.requests
    assert list(zip(table.session.tolist(), table.turn.tolist(), strict=True)) == [
        (0, 1), (1, 1), (0, 2), (1, 2)]  # fmt: skip
    assert table.outcome.tolist() == ["finished", "finished", "unfinished", "finished"]
    assert result.notes[-1] == (
        "2 turns of 2 sessions were never due: 1 after one that was unfinished at the end, 1 only "
        "after the end of the run"
    )


def test_a_look_sees_turns_when_they_are_due() -> None:
    looks: list[tuple[float, FloatArray, FloatArray]] = []

    def look(now_s: float, due_s: FloatArray, left_s: FloatArray) -> str | None:
        looks.append((now_s, due_s, left_s))
        return "enough" if np.isfinite(left_s).sum() >= 6 else None

    wanted = sessions(3, 50, think_s=0.1)
    with serve() as server:
        target = Target(server.url, "m")
        result = run_load(target, wanted, PROMPTS, look=look, look_every_s=0.2)
    check(result, wanted)
    for now_s, due_s, left_s in looks:
        assert (np.diff(due_s) >= 0).all()
        assert (due_s <= now_s).all()
        assert not (left_s < due_s).any()
    assert result.stopped_early == "enough"
    table = result.requests
    assert 6 <= len(looks[-1][1]) <= len(table) < 150
    # What was seen of the turns is what is on record.
    assert np.isin(np.rint(looks[-1][1] * 1e6), np.rint(table.due_s * 1e6)).all()


def test_a_dead_server_ends_sessions_and_the_run() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        wanted = sessions(20, 3)
        result = run_load(Target(url, "m"), wanted, PROMPTS)
    check(result, wanted)
    assert result.requests.outcome.tolist() == ["failed"] * 20
    assert result.requests.turn.tolist() == [1] * 20
    assert "40 turns of 20 sessions were never due: after one that failed" in result.notes


def test_a_client_process_that_dies_takes_its_sessions_with_it() -> None:
    wanted = sessions(20, 6, think_s=0.15)

    def look(now_s: float, due_s: FloatArray, left_s: FloatArray) -> None:
        children = multiprocessing.active_children()
        if len(children) == 2 and now_s > 0.5:
            os.kill(children[0].pid or 0, signal.SIGKILL)

    with serve() as server:
        target = Target(server.url, "m")
        result = run_load(target, wanted, PROMPTS, processes=2, look=look, look_every_s=0.2)
    check(result, wanted)
    table = result.requests
    lost = np.unique(table.session[table.outcome == "failed"])
    assert len(lost) == 10
    assert result.sessions.facts()["turns"]["sessions"] == {
        "begun": 20,
        "finished": 10,
        "cut": 10,
    }
    assert table.finished[~np.isin(table.session, lost)].all()
    assert any("never due: after one that failed" in note for note in result.notes)


def test_a_closed_loop_of_such_sessions_is_refused() -> None:
    with pytest.raises(ValueError, match="leave the concurrency out"):
        run_load(Target("http://h", "m"), sessions(1, 2), PROMPTS, concurrency=4)
