"""From what client processes report to columns: nothing lost, nothing after the end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slaibench.client.results import ResultRow, is_plausible, prompt_count_notes, request_table
from slaibench.recording.record import Outcome
from slaibench.workloads.request import Request

T0 = 1000.0


def row(
    position: int, times: list[float], outcome: Outcome | None, left_s: float | None
) -> ResultRow:
    tokens = (np.array(times) + T0).tobytes()
    left = None if left_s is None else T0 + left_s
    return ResultRow(
        position, T0 + position + 0.25, left, outcome, "why" if outcome else "", None, tokens
    )


def test_what_came_after_the_end_did_not_happen() -> None:
    requests = [Request(7 + i, float(i), 10, 3) for i in range(5)]
    rows = {
        0: row(0, [1.0, 2.0, 3.0], Outcome.FINISHED, 3.0),
        1: row(1, [2.0, 3.0, 3.6], Outcome.FINISHED, 3.6),
        2: row(2, [], Outcome.FAILED, 3.6),
        3: row(3, [], None, None),
        4: row(4, [5.0], Outcome.FINISHED, 5.0),
    }
    table = request_table(requests, rows, T0, end_s=3.5)
    assert table.request_id.tolist() == [7, 8, 9, 10]
    assert table.outcome.tolist() == ["finished", "unfinished", "unfinished", "unfinished"]
    assert table.error.tolist() == ["why", "", "", ""]
    assert table.num_tokens.tolist() == [3, 2, 0, 0]
    assert table.sent_s.tolist() == [0.25, 1.25, 2.25, 3.25]


def test_a_request_that_was_never_tried_is_unfinished() -> None:
    table = request_table([Request(0, 1.0, 10, 3)], {}, T0, end_s=2.0)
    assert table.outcome.tolist() == ["unfinished"]
    assert np.isnan(table.sent_s).all()


def test_a_lost_request_failed() -> None:
    table = request_table(
        [Request(0, 0.0, 1, 1)], {0: ResultRow.lost(0, "died", T0 + 1, T0)}, T0, end_s=1.0
    )
    assert (table.outcome.tolist(), table.error.tolist()) == (["failed"], ["died"])


def test_rounding_lets_no_request_leave_before_it_is_due() -> None:
    due_s = 1.0000004
    early = ResultRow(0, T0 + due_s + 1e-9, None, None, "", None, b"")
    table = request_table([Request(0, due_s, 1, 1)], {0: early}, T0, end_s=2.0)
    assert table.sent_s[0] >= table.due_s[0]


@given(
    st.lists(
        st.tuples(
            st.floats(0, 10),
            st.lists(st.floats(0, 10), max_size=5).map(sorted),
            st.sampled_from([None, *Outcome]),
            st.booleans(),
        ),
        max_size=20,
    ),
    st.floats(0, 12),
)
def test_each_request_that_was_due_is_in_exactly_one_row(
    made: list[tuple[float, list[float], Outcome | None, bool]], end_s: float
) -> None:
    """Invariant 1."""
    made.sort(key=lambda request: request[0])
    requests = [Request(i, due_s, 1, 5) for i, (due_s, *_) in enumerate(made)]
    rows = {
        i: row(i, times, outcome, 10.0 if outcome else None)
        for i, (_, times, outcome, there) in enumerate(made)
        if there
    }
    table = request_table(requests, rows, T0, end_s)
    assert table.request_id.tolist() == [r.request_id for r in requests if r.due_s <= end_s]
    assert set(table.outcome) <= set(Outcome)
    assert (table.token_times_s <= end_s + 1e-6).all()
    assert table.token_offsets[-1] == len(table.token_times_s)


@pytest.mark.parametrize(
    ("sent", "counted", "plausible"),
    [
        (5, 77, True),
        (100, 10, True),
        (100, 9, False),
        (100, 11_000, True),
        (100, 11_001, False),
        (20, 10**9, False),
    ],
)
def test_a_count_is_compared_with_what_was_sent(sent: int, counted: int, plausible: bool) -> None:
    assert is_plausible(sent, counted) is plausible
    assert bool(prompt_count_notes([(sent, counted), (5, None)])) is not plausible


def test_the_note_has_the_worst() -> None:
    (note,) = prompt_count_notes([(20, 10**9), (20, 10**8)])
    assert "1,000,000,000 of a prompt of 20 tokens" in note
