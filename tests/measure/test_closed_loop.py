"""Which part of a closed loop is measured, and what its audit says."""

from __future__ import annotations

import numpy as np
import pytest

from slaibench.measure.closed_loop import (
    LIGHTER,
    MOST_LIGHTER,
    loop_audit,
    measured_part,
    ramp_s,
)
from slaibench.recording.record import RequestTable, first_rows
from tests.measure.recordings import Row, recording


def turns(clients: int, count: int, stay_s: float = 1.0, late_s: float = 0.0) -> RequestTable:
    """Each client's requests one after another, each sent so long after its client was free."""
    rows = []
    for number in range(count):
        sent_s = number // clients * (stay_s + late_s)
        due_s = max(0.0, sent_s - late_s)  # as the one before it ends
        rows.append(Row(due_s, (due_s + 0.5 * stay_s, sent_s + stay_s), sent_s=sent_s))
    return recording(rows, end_s=1e6).requests


def test_the_ramp_is_two_turns_and_the_end_is_a_request_of_each_client() -> None:
    table = turns(3, 60)
    start_s, part = measured_part(table, 3)
    assert start_s == 2.0  # twice a stay of 1 s
    assert len(part) == 57
    np.testing.assert_array_equal(part.due_s, table.due_s[:57])
    assert len(part.token_times_s) == 2 * 57
    assert part.last_token_s.tolist() == table.last_token_s[:57].tolist()


def test_a_ramp_is_at_most_half_of_the_run() -> None:
    assert ramp_s(turns(3, 9), 3) == 1.0  # sent over 2 s
    assert ramp_s(turns(3, 0), 3) == 0.0
    never = recording([Row(0.0, (), "timed_out"), Row(4.0, (), "timed_out")], 9.0).requests
    assert ramp_s(never, 1) == 2.0  # nobody of the first ones came back


def test_more_clients_than_requests_leave_nothing() -> None:
    _, part = measured_part(turns(3, 3), 3)
    assert len(part) == 0
    assert len(first_rows(turns(3, 3), 0).token_offsets) == 1
    audit = loop_audit(turns(3, 3), 3)
    assert (audit.turn_p99_s, audit.little, audit.share_full) == (None, None, None)
    assert audit.why_invalid == audit.note == ""


def test_clients_that_keep_up_are_all_busy() -> None:
    audit = loop_audit(turns(4, 400), 4)
    assert audit.share_full == pytest.approx(1.0)
    assert audit.mean_in_flight == pytest.approx(4.0)
    assert audit.turn_max_s == pytest.approx(0.0)
    assert audit.little == pytest.approx(0.0, abs=0.02)  # Little's law, but for the ends
    assert (audit.num_ramp, audit.num_end) == (8, 4)
    assert audit.why_invalid == audit.note == ""


@pytest.mark.parametrize(
    ("late_s", "is_noted", "is_invalid"),
    [
        (LIGHTER / 2, False, False),
        (LIGHTER * 2, True, False),
        (MOST_LIGHTER * 0.9, True, False),
        (MOST_LIGHTER * 1.2, False, True),
    ],
)
def test_a_client_that_is_late_makes_a_lighter_load(
    late_s: float, is_noted: bool, is_invalid: bool
) -> None:
    audit = loop_audit(turns(4, 400, late_s=late_s), 4)
    assert audit.turn_p50_s == pytest.approx(late_s)
    assert audit.mean_in_flight == pytest.approx(4 / (1 + late_s), rel=1e-3)
    assert audit.share_full == pytest.approx(1 / (1 + late_s), rel=1e-2)
    assert bool(audit.note) is is_noted
    assert bool(audit.why_invalid) is is_invalid
    for text in filter(None, (audit.note, audit.why_invalid)):
        assert "of 4 clients had a request in flight on average" in text


def test_where_requests_failed_turns_are_from_when_the_client_heard_of_it() -> None:
    rows = [
        Row(0.0, (0.5, 1.0)),
        Row(1.0, (), "failed", sent_s=1.0),
        Row(1.25, (1.5, 2.25), sent_s=1.5),
    ]
    audit = loop_audit(recording(rows, 3.0).requests, 1)
    assert audit.turn_max_s == pytest.approx(0.25)
    assert audit.little is None
