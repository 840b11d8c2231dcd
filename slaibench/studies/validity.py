"""Whether a run is a measurement at all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from slaibench.measure.audit import ArrivalAudit
from slaibench.recording.record import Outcome, RequestTable

FAILED_SHARE = 0.01
"""Percentiles are shown up to the P99. With more than one request in a hundred without an answer,
those of the others describe a service that nobody got."""
MOST_REASONS = 3
"""Reasons of failures that a sentence has."""
Failures = tuple[tuple[str, int], ...]
"""Reasons, in the server's own words where it had any, and how many requests each had; the most
frequent one first."""


_LATE = "timed out: "
"""Begins the reason of a request that was given up."""


def failures(requests: RequestTable) -> Failures:
    """Why requests failed or timed out.

    Reasons that differ in their numbers alone (after how many tokens) are one: that of the first.
    """
    begins = {Outcome.FAILED.value: "", Outcome.TIMED_OUT.value: _LATE}
    outcomes = zip(requests.outcome.tolist(), requests.error.tolist(), strict=True)
    return add_up(
        (begins[outcome] + (error or "no reason given"), 1)
        for outcome, error in outcomes
        if outcome in begins
    )


def add_up(parts: Iterable[tuple[str, int]]) -> Failures:
    """Failures of several runs, or of one."""
    first: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for reason, count in parts:
        kind = re.sub(r"\d+", "0", reason)
        first.setdefault(kind, reason)
        counts[kind] += count
    return tuple((first[kind], count) for kind, count in counts.most_common())


def failure_words(reasons: Failures, due: int) -> str:
    """Failures in a sentence: how many of how many requests, and why; empty without any."""
    if not reasons:
        return ""
    total = sum(count for _, count in reasons)
    late = sum(count for reason, count in reasons if reason.startswith(_LATE))
    verb = "failed" if not late else "timed out" if late == total else "failed or timed out"
    head = f"{total:,} of {due:,} requests {verb}: "
    if late == total:
        reasons = tuple((reason.removeprefix(_LATE), count) for reason, count in reasons)
    if len(reasons) == 1:
        return head + reasons[0][0]
    first = [f"{count:,} x {reason}" for reason, count in reasons[:MOST_REASONS]]
    rest = sum(count for _, count in reasons[MOST_REASONS:])
    return head + "; ".join(first) + (f"; {rest:,} x otherwise" if rest else "")


def why_invalid(
    requests: RequestTable, audit: ArrivalAudit, changed: Sequence[str] = ()
) -> str | None:
    """Why a run's latencies stand for nothing, with its numbers; None where they count.

    Too many requests failed: they are in no latency, so that an engine that died would look fast.
    Or none was answered. Requests that timed out beside others that were answered are no fault:
    they waited, and count as waiting. Or the load generator could be what is asserted: requests
    were sent early, or so late that a verdict would be another without it. Failures come first,
    since whoever fails is seldom late by the load generator's fault.

    Args:
        changed: verdicts that are others without the send lag (``measure.lag``).
    """
    reasons = failures(requests)
    failed = int((requests.outcome == Outcome.FAILED.value).sum())
    unanswered = bool(reasons) and not requests.finished.any()
    if failed > FAILED_SHARE * len(requests) or unanswered:
        return failure_words(reasons, len(requests))
    if not audit.valid:
        return audit.reason
    if changed and audit.lag_p99_s is not None:
        return (
            f"send lag P99 {audit.lag_p99_s * 1e3:.2f} ms decides: {', '.join(changed)} without "
            "it; the load generator, not the engine, set the pace: use a lower rate or a faster "
            "client"
        )
    return None
