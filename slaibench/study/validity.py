"""Whether a run is a measurement at all."""

from __future__ import annotations

from collections import Counter

from slaibench.measure.audit import ArrivalAudit
from slaibench.recording.record import Outcome, RequestTable

FAILED_SHARE = 0.01
"""Percentiles are told up to the P99. With more than one request in a hundred without an answer,
those of the others describe a service that nobody got."""


def why_invalid(requests: RequestTable, audit: ArrivalAudit) -> str | None:
    """Why a run's latencies stand for nothing, with its numbers; None where they count.

    Either the load generator, not the engine, set the pace, or too many requests failed: failed
    ones are in no latency, so that an engine that died would look fast.
    """
    if not audit.valid:
        return audit.reason
    failed = requests.outcome == Outcome.FAILED.value
    count = int(failed.sum())
    if count <= FAILED_SHARE * len(requests):
        return None
    ((error, _),) = Counter(requests.error[failed].tolist()).most_common(1)
    return f"{count:,} of {len(requests):,} requests failed: {error or 'no reason given'}"
