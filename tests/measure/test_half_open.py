"""Half-open sessions: whose arrivals count, until when, and how long a system takes to fill."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from slaibench.measure.half_open import measured_part, ramp_s, sessions_of
from slaibench.measure.metrics import run_metrics
from slaibench.measure.steady import Steadiness, early_verdict, recording_steadiness, steadiness
from slaibench.recording.record import Recording
from slaibench.workloads.request import Request, Turn
from tests.measure.recordings import NAN, Row, recording


def run(rows: list[tuple[float, float, int, int]], end_s: float = 100.0) -> Recording:
    """Of (due, last token or NaN, session, turn)."""
    made = recording(
        [
            Row(due, outcome="unfinished") if math.isnan(last) else Row(due, [due + 0.1, last])
            for due, last, _, _ in rows
        ],
        end_s,
    )
    columns = {
        "session": np.array([session for *_, session, _ in rows]),
        "turn": np.array([turn for *_, turn in rows]),
    }
    facts = {**made.run, "turns": {"kind": "half-open"}}
    return replace(made, run=facts, requests=replace(made.requests, **columns))


ROWS = [(0.0, 1.0, 7, 1), (0.5, 2.0, -1, 0), (1.0, 3.0, 2, 1), (4.0, NAN, 7, 2), (5.0, 6.0, 2, 2),
        (8.0, 9.0, 3, 1), (20.0, 22.0, 2, 3)]  # fmt: skip


def test_a_session_comes_with_its_first_turn_and_is_over_with_its_last() -> None:
    whole = run(ROWS)
    left_s = np.array([last for _, last, _, _ in ROWS])
    came_s, over_s = sessions_of(whole.requests, left_s)
    np.testing.assert_array_equal(came_s, [0.0, 0.5, 1.0, 8.0])
    np.testing.assert_array_equal(over_s, [NAN, 2.0, 22.0, 9.0])


def test_what_is_due_after_the_last_session_came_is_left_out() -> None:
    part = measured_part(run(ROWS)).requests
    assert part.due_s.tolist() == [0.0, 0.5, 1.0, 4.0, 5.0, 8.0]
    assert len(part.token_times_s) == 10
    open_loop = recording([Row(0.0, [1.0]), Row(2.0, [3.0])], 9.0)
    assert measured_part(open_loop) is open_loop


def test_the_warm_up_is_as_long_as_sessions_overlap() -> None:
    """100 sessions of three turns of a second each, 10 s apart: a session lasts 21 s."""
    rows = sorted(
        (0.9 * session + 10 * turn, 0.9 * session + 10 * turn + 1, session, turn + 1)
        for session in range(100)
        for turn in range(3)
    )
    part = measured_part(run(rows, end_s=200.0))
    metrics = run_metrics(part)
    assert metrics.warmup is not None
    assert metrics.warmup.cut_s == pytest.approx(42.0)
    assert metrics.window_s == (pytest.approx(42.0), pytest.approx(0.9 * 99))
    # From there on a turn comes every 0.3 s, as declared, and before and after that fewer do.
    assert metrics.throughput_rps == pytest.approx(1 / 0.3, rel=0.02)
    window = recording_steadiness(part).window_s
    assert window is None or window[0] == pytest.approx(42.0)


def sessions(count: int, turns: int, think_s: float) -> list[Request]:
    made = [
        Request(0, session + number * think_s, 1, 1, turn=Turn(
            session, number + 1, 0 if number else None, think_s if number else 0.0))
        for session in range(count) for number in range(turns)
    ]  # fmt: skip
    return sorted(made, key=lambda request: request.due_s)


def test_before_a_run_the_pauses_say_how_long_sessions_overlap_at_least() -> None:
    assert ramp_s(sessions(100, 4, 5.0)) == 30.0
    assert ramp_s([Request(0, 0.0, 1, 1), Request(1, 9.0, 1, 1)]) == 0.0
    at_own_times = [Request(i, float(i), 1, 1, turn=Turn(0, i + 1)) for i in range(9)]
    assert ramp_s(at_own_times) == 0.0


def test_nobody_is_stopped_for_growing_while_sessions_still_join() -> None:
    due_s = np.arange(0, 200, 0.2)
    waits_s = np.where(due_s < 50, 0.1, (due_s - 50) * 2)
    first_s = due_s + waits_s
    left_s = first_s + 1
    assert early_verdict(due_s, first_s, left_s, 190.0).state is Steadiness.GROWING
    verdict = early_verdict(due_s, first_s, left_s, 190.0, least_fill_s=100.0)
    assert verdict.state is Steadiness.CANNOT_TELL
    late = steadiness(due_s, first_s, left_s, 200.0, least_fill_s=1000.0)
    assert late.state is not Steadiness.STEADY
