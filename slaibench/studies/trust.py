"""What a reader must know of how far runs can be trusted: modes, failures, notes, lag, tails."""

from __future__ import annotations

from collections.abc import Sequence

from slaibench.measure.quantile_interval import tail_of
from slaibench.measure.steady import Steadiness
from slaibench.studies.executors import CellResult
from slaibench.studies.modes import mode_warnings
from slaibench.studies.overload import under_load
from slaibench.studies.replicates import state_of
from slaibench.studies.run_summary import RunSummary
from slaibench.studies.validity import add_up, failure_words

EXTREME_TAIL = 20.0
"""P99 over P50 of TTFT from which on a few requests starve. In an M/M/1 queue it is 6.6 at any
load; lengths of ShareGPT4 under first come, first served make it 4 to 8."""
GROWING_TAIL = 1.5
MOST_FAILURES = 5
"""Rates whose failures are shown one by one."""


def warnings_of(cells: Sequence[CellResult]) -> tuple[str, ...]:
    """What a reader must know of how far runs' numbers can be trusted; each once."""
    return (
        *mode_warnings(cells),
        *failure_warnings(cells),
        *notes_of(cells),
        *turn_warnings(cells),
        *lag_warnings(cells),
        *tail_warnings(cells),
    )


def failure_warnings(cells: Sequence[CellResult]) -> tuple[str, ...]:
    """Why requests failed, with the server's own words and how many, by scheduler and rate."""
    at: dict[str, list[RunSummary]] = {}
    for result in cells:
        where = f"{result.cell.scheduler} {result.cell.load}"
        at.setdefault(where, []).append(result.summary)
    sentences = []
    for where, summaries in at.items():
        reasons = add_up(failure for summary in summaries for failure in summary.failures)
        due = sum(summary.metrics.counts.due for summary in summaries)
        if reasons:
            sentences.append(f"{where}: {failure_words(reasons, due)}")
    more = len(sentences) - MOST_FAILURES
    rest = (f"requests failed at {more} more rates as well",) if more > 0 else ()
    return (*sentences[:MOST_FAILURES], *rest)


def lag_warnings(cells: Sequence[CellResult]) -> tuple[str, ...]:
    """How late requests were sent at worst, where that is more than nothing and decides nothing."""
    late = [
        result for result in cells if result.summary.audit.late and result.summary.invalid is None
    ]
    if not late:
        return ()
    worst = max(late, key=lambda result: result.summary.audit.lag_p99_s)
    lag_s = worst.summary.audit.lag_p99_s
    median_s = worst.summary.metrics.overall.ttft.percentile(0.5).sample_value
    share = f", {100 * lag_s / median_s:.3g} % of its median TTFT" if median_s else ""
    return (
        f"requests were sent late: P99 {1e3 * lag_s:.2f} ms in the worst run{share}; TTFT, which "
        "runs from the due time, includes it, and no verdict depends on it",
    )


def notes_of(cells: Sequence[CellResult]) -> tuple[str, ...]:
    """What the runs say of themselves, each sentence once, with the schedulers it is said of."""
    notes: dict[str, set[str]] = {}
    for cell in cells:
        for note in cell.summary.notes:
            notes.setdefault(note, set()).add(cell.cell.scheduler)
    return tuple(f"{note} ({', '.join(sorted(who))})" for note, who in sorted(notes.items()))


def turn_warnings(cells: Sequence[CellResult]) -> tuple[str, ...]:
    """In how many runs turns of sessions were never due, and how many in the first of them."""
    loads = under_load(cells)
    short = [result for result in loads if result.summary.never_due]
    if not short:
        return ()
    first = short[0]
    runs = f"in {len(short)} of {len(loads)} runs not every session came to its end"
    return (f"{runs}; {first.cell.words}: {first.summary.never_due}",)


def tail_warnings(cells: Sequence[CellResult]) -> tuple[str, ...]:
    """Which schedulers let some requests wait out of all proportion: at the lowest such rate."""
    by_scheduler: dict[str, list[CellResult]] = {}
    for result in sorted(under_load(cells), key=lambda result: result.cell.level):
        by_scheduler.setdefault(result.cell.scheduler, []).append(result)
    out = []
    for scheduler, own in by_scheduler.items():
        for load, level in dict.fromkeys((run.cell.load, run.cell.level) for run in own):
            summaries = [result.summary for result in own if result.cell.level == level]
            if state_of(summaries) is Steadiness.GROWING:
                break
            tail = tail_of([summary.samples["ttft", None] for summary in summaries])
            if tail is None or tail.ratio < EXTREME_TAIL:
                continue
            grows = f", and {tail.growth:.1f} times as long in the runs' second halves"
            out.append(
                f"{scheduler} {load}: the P99 of TTFT is {tail.ratio:.0f} times "
                f"its median{grows if tail.growth >= GROWING_TAIL else ''}: some requests starve"
            )
            break
    return tuple(out)
