"""What must hold of every run's tables (docs/design.md, invariants 1 and 3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np

from slaibench.recording.record import FloatArray, Outcome, RequestTable, StepTable

ROUNDING_S = 2e-6
"""Token times are rounded to whole microseconds; due times are not, and may seem so much later."""


def violation(requests: RequestTable, steps: StepTable, num_requests: int | None) -> str | None:
    """The first thing that does not hold, in words; None: all does.

    Args:
        num_requests: how many were generated, of which some may not have been due; None: unknown.
    """
    return next(_violations(requests, steps, num_requests), None)


def _violations(
    requests: RequestTable, steps: StepTable, num_requests: int | None
) -> Iterator[str]:
    yield from _shapes(requests, steps)
    yield from _buckets(requests, num_requests)
    yield from _order(requests)
    yield from _clock(steps)


def _shapes(requests: RequestTable, steps: StepTable) -> Iterator[str]:
    num, offsets = len(requests), requests.token_offsets
    for table, name in ((requests, "requests"), (steps, "steps")):
        for field in fields(table):
            rows = len(getattr(table, field.name))
            ragged = field.name in ("token_offsets", "token_times_s")
            if rows != len(table) and not ragged:
                yield f"{name}: {field.name} has {rows} rows, the first column {len(table)}"
    ends = (offsets[0], offsets[-1]) if len(offsets) == num + 1 else (-1, -1)
    if ends != (0, len(requests.token_times_s)) or (np.diff(offsets) < 0).any():
        yield "requests: token times do not belong to one request each"


def _buckets(requests: RequestTable, num_requests: int | None) -> Iterator[str]:
    """Invariant 1: every request that was due is there once, in one bucket."""
    unknown = set(requests.outcome.tolist()) - {outcome.value for outcome in Outcome}
    if unknown:
        yield f"invariant 1: no request ends as {min(unknown)!r}"
    ids, counts = np.unique(requests.request_id, return_counts=True)
    if (counts > 1).any():
        yield f"invariant 1: request {ids[counts > 1][0]} is there {counts.max()} times"
    if num_requests is not None and len(requests) > num_requests:
        yield f"invariant 1: {len(requests)} requests were due, {num_requests} were generated"


def _order(requests: RequestTable) -> Iterator[str]:
    """Invariant 3: due <= sent <= first scheduled <= first token <= last token."""
    if not np.isfinite(requests.due_s).all():
        yield "invariant 3: a request has no due time"
    if (np.diff(requests.due_s) < 0).any():
        yield "invariant 3: requests are not in the order of their due times"
    named = (
        ("due", requests.due_s),
        ("sent", requests.sent_s),
        ("first scheduled", requests.first_scheduled_s),
        ("given its first token", requests.first_token_s),
    )
    for (before, earlier_s), (after, later_s) in (
        (named[i], named[j]) for i in range(len(named)) for j in range(i + 1, len(named))
    ):
        yield from _late(requests, earlier_s - later_s, f"{before} after it was {after}")
    times_s = requests.token_times_s
    if not np.isfinite(times_s).all():
        yield "invariant 3: a token has no time"
    back = np.diff(times_s) < 0
    # From the last token of one request to the first of the next, time may go back.
    starts = requests.token_offsets[1:-1]
    back[starts[(starts > 0) & (starts < len(times_s))] - 1] = False
    if back.any():
        place = np.searchsorted(requests.token_offsets, int(back.argmax()), side="right") - 1
        yield f"invariant 3: request {requests.request_id[place]} has a token before an earlier one"


def _late(requests: RequestTable, late_s: FloatArray, words: str) -> Iterator[str]:
    late = late_s > ROUNDING_S  # false where one of them never was
    if late.any():
        first = int(late.argmax())
        yield f"invariant 3: request {requests.request_id[first]} was {words} ({late_s[first]:g} s)"


def _clock(steps: StepTable) -> Iterator[str]:
    """Invariant 3: the clock never runs back."""
    checks: tuple[tuple[str, Any], ...] = (
        ("starts before the one before it", np.diff(steps.start_s) < 0),
        ("ends before it starts", steps.end_s < steps.start_s),
    )
    for words, wrong in checks:
        if wrong.any():
            number = int(wrong.argmax()) + len(steps) - len(wrong)
            yield f"invariant 3: step {number} {words}"
    if not (np.isfinite(steps.start_s).all() and np.isfinite(steps.end_s).all()):
        yield "invariant 3: a step has no time"
