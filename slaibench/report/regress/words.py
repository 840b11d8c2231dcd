"""A regression run's numbers and verdicts in words, the same on a terminal and in every file."""

from __future__ import annotations

import math
from collections.abc import Iterable

from slaibench.measure.regression import ChangeVerdict
from slaibench.report.table import BAD, GOOD, UNSURE
from slaibench.report.words import NOTHING, UNSERVED, plain_change, significant
from slaibench.studies.regression.result import SATURATED, RegressResult, Row

TENFOLD = 9.0
"""Changes beyond it are of no use as percentages."""
TABLE_MARKS = {
    ChangeVerdict.WORSE: BAD,
    ChangeVerdict.BETTER: GOOD,
    ChangeVerdict.UNKNOWN: UNSURE,
}
"""How a cell of a table shows a verdict; others are not marked."""


def value(row: Row, number: float | None) -> str:
    """One side of a row: seconds, a rate, or the share of saturated runs."""
    if number is None:
        return NOTHING
    if row.metric == SATURATED:
        return f"{number:.0%} of runs"
    return UNSERVED if math.isinf(number) else significant(number)


def change(row: Row) -> str:
    return NOTHING if row.change is None else plain_change(row.change)


def interval(row: Row) -> str:
    """``-0.3% to +1.2%``; empty without one."""
    if row.low is None or row.high is None:
        return ""
    return f"{plain_change(row.low)} to {plain_change(row.high)}"


def detail(row: Row) -> str:
    """What a reader of a verdict must know besides; may be empty."""
    if row.verdict is not ChangeVerdict.UNKNOWN or row.mde is None:
        return row.reason
    if row.needed is not None and row.needed <= min(row.replicates):
        return "close to the margin; twice the margin would have been found"
    more = (
        f"{row.needed:,} replicates would find twice the margin"
        if row.needed is not None
        else "more than 10,000 replicates would be needed"
    )
    if row.mde > TENFOLD:
        return f"not even a tenfold change would have been found; {more}"
    return f"{plain_change(row.mde)} would have been found; {more}"


def place(row: Row) -> str:
    """``slai at 5 requests/s``."""
    return f"{row.scheduler} at {row.rate_rps:g} requests/s"


def moved(row: Row) -> str:
    """A row in a line: ``TTFT P50: 0.123 → 0.140 (+13.8%, 90 % interval +11% to +17%)``."""
    sides = f"{value(row, row.before)} → {value(row, row.after)}"
    if row.change is None:
        why = row.reason
    else:
        why = f"{change(row)}, 90 % interval {interval(row)}" if interval(row) else change(row)
    return f"{row.words}: {sides}" + (f" ({why})" if why else "")


def headline(result: RegressResult) -> str:
    """The verdict on the whole, with how often each was given."""
    if not result.rows:
        return f"{result.name}: nothing to compare with"
    counts = result.counts
    if result.verdict is ChangeVerdict.IDENTICAL:
        return (
            f"{result.name}: identical; in {result.num_cells:,} runs every token came at the "
            "same time"
        )
    parts = [f"{counts[verdict]} {verdict.value}" for verdict in ChangeVerdict if counts[verdict]]
    return f"{result.name}: {result.verdict.value} ({', '.join(parts)})"


def about(result: RegressResult) -> Iterable[str]:
    """What was run against what by which rule, and what to beware of."""
    yield result.about
    yield (
        f"against {result.against}; margin {result.margin:.0%}; {result.num_identical:,} of "
        f"{result.num_cells:,} runs identical"
    )
    yield from (f"a run is no measurement: {reason}" for reason in result.invalid)
    yield from (f"note: {note}" for note in result.notes)
