"""The requests' columns, from what client processes reported."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from operator import attrgetter

import numpy as np

from slaibench.client.prompt_counts import is_plausible
from slaibench.client.tokens import Counted
from slaibench.client.worker import Row
from slaibench.recording.record import FloatArray, Outcome, RequestTable
from slaibench.workloads.request import Request


def lost_row(position: int, error: str, left_s: float) -> Row:
    """Stands for a request whose client process died: what it read is lost with it."""
    return Row(position, None, left_s, Outcome.FAILED, error, None, b"")


def request_table(
    requests: Sequence[Request], rows: Mapping[int, Row], t0_s: float, end_s: float
) -> RequestTable:
    """One row for each request due by ``end_s`` (invariant 1), by due time.

    Whatever came after ``end_s`` did not happen: its tokens are cut, and a request that ended later
    is unfinished. Times become microseconds after ``t0_s``.

    Args:
        requests: the schedule.
        rows: by position in it; a request without one was never tried.
        t0_s: monotonic time of the run's start.
        end_s: the run's end, after its start.
    """
    requests = requests[: bisect_right(requests, end_s, key=attrgetter("due_s"))]
    count = len(requests)
    sent = np.full(count, np.nan)
    prompt_tokens = np.array([request.prompt_tokens for request in requests], dtype=np.int64)
    outcomes = [Outcome.UNFINISHED.value] * count
    errors = [""] * count
    times: list[FloatArray] = []
    known = np.ones(count, dtype=bool)
    for position in range(count):
        row = rows.get(position)
        if row is None:
            times.append(np.empty(0))
            continue
        if row.sent_s is not None and row.sent_s - t0_s <= end_s:
            sent[position] = row.sent_s - t0_s
        known[position] = row.counted is not Counted.TOTAL
        counted = row.prompt_tokens
        if counted is not None and is_plausible(requests[position].prompt_tokens, counted):
            prompt_tokens[position] = counted
        seen = np.frombuffer(row.tokens, dtype=np.float64) - t0_s
        times.append(seen[: np.searchsorted(seen, end_s, side="right")])
        if row.outcome is not None and row.left_s is not None and row.left_s - t0_s <= end_s:
            outcomes[position] = row.outcome.value
            errors[position] = row.error
    due = np.array([request.due_s for request in requests], dtype=np.float64)
    return RequestTable(
        request_id=np.array([request.request_id for request in requests], dtype=np.int64),
        due_s=due,
        # Rounding must not let a request leave before it was due (invariant 3).
        sent_s=np.where(sent >= due, np.maximum(_microseconds(sent), due), _microseconds(sent)),
        first_scheduled_s=np.full(count, np.nan),
        prompt_tokens=prompt_tokens,
        output_tokens=np.array([request.output_tokens for request in requests], dtype=np.int64),
        tier=np.array([request.tier for request in requests], dtype=np.str_),
        tbt_slo_s=np.array([request.tbt_slo_s for request in requests], dtype=np.float64),
        outcome=np.array(outcomes, dtype=np.str_),
        error=np.array(errors, dtype=np.str_),
        num_preemptions=np.zeros(count, dtype=np.int64),
        token_offsets=np.concatenate(
            [np.zeros(1, dtype=np.int64), np.cumsum([len(each) for each in times], dtype=np.int64)]
        ),
        token_times_s=_microseconds(np.concatenate(times) if times else np.empty(0)),
        token_times_known=known,
    )


def _microseconds(times_s: FloatArray) -> FloatArray:
    """As they are stored: whole microseconds."""
    return np.rint(times_s * 1e6) / 1e6
