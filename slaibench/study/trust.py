"""What went wrong with runs that is told beside their numbers: failures, and send lag."""

from __future__ import annotations

from collections.abc import Sequence

from slaibench.study.digest import CellDigest
from slaibench.study.pool import CellResult
from slaibench.study.validity import add_up, failure_words

MOST_FAILURES = 5
"""Rates whose failures are told one by one."""


def failure_warnings(cells: Sequence[CellResult]) -> tuple[str, ...]:
    """Why requests failed, with the server's own words and how many, by scheduler and rate."""
    at: dict[str, list[CellDigest]] = {}
    for one in cells:
        where = f"{one.cell.scheduler} at {one.cell.rate_rps:g} requests/s"
        at.setdefault(where, []).append(one.digest)
    told = []
    for where, digests in at.items():
        found = add_up(each for digest in digests for each in digest.failures)
        due = sum(digest.metrics.counts.due for digest in digests)
        if found:
            told.append(f"{where}: {failure_words(found, due)}")
    more = len(told) - MOST_FAILURES
    rest = (f"requests failed at {more} more rates as well",) if more > 0 else ()
    return (*told[:MOST_FAILURES], *rest)


def lag_warnings(cells: Sequence[CellResult]) -> tuple[str, ...]:
    """How late requests were sent at worst, where that is more than nothing and decides nothing."""
    late = [one for one in cells if one.digest.audit.late and one.digest.invalid is None]
    if not late:
        return ()
    worst = max(late, key=lambda one: one.digest.audit.lag_p99_s)
    lag_s = worst.digest.audit.lag_p99_s
    median_s = worst.digest.metrics.overall.ttft.percentile(0.5).sample_value
    share = f", {100 * lag_s / median_s:.3g} % of its median TTFT" if median_s else ""
    return (
        f"requests were sent late: P99 {1e3 * lag_s:.2f} ms in the worst run{share}; TTFT, which "
        "runs from the due time, includes it, and no verdict depends on it",
    )
