"""Numbers and tables as a page holds them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from benchmarks.beyond_slai.places import OURS
from slaibench.studies.capacity import CapacityResult
from slaibench.studies.compare import ttft_change
from slaibench.studies.estimate import Estimate
from slaibench.studies.operating_point import OperatingPoint
from slaibench.studies.sweep import SweepResult

LATENCIES = ("median TTFT", "P99 TTFT", "P99 TBT free", "P99 TBT paying")
LONGEST = "longest TTFT"
ON_TIME = "tokens on time"
TIERS = ("free", "paying")


def shown(estimate: Estimate | None, digits: int = 3) -> str:
    """A value with its interval, as ``0.412 [0.398, 0.427]``."""
    if estimate is None or estimate.value is None:
        return "-"
    if math.isinf(estimate.value):
        return "inf"
    text = f"{estimate.value:.{digits}f}"
    if estimate.ci95 is None:
        return text
    low, high = estimate.ci95
    return f"{text} [{low:.{digits}f}, {high:.{digits}f}]"


def less_one(ratio: Estimate) -> Estimate:
    """A ratio as a change."""
    value, low, high = (
        end if end is None else end - 1 for end in (ratio.value, ratio.low, ratio.high)
    )
    return replace(ratio, value=value, low=low, high=high)


def percent(change: Estimate) -> str:
    """A change, as ``-31 % [-35, -27]``."""
    if change.value is None:
        return "-"
    text = f"{100 * change.value:+.0f} %"
    return (
        text
        if change.ci95 is None
        else f"{text} [{', '.join(f'{100 * e:+.0f}' for e in change.ci95)}]"
    )


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Markdown, each row as soon as it is known."""
    print("| " + " | ".join(heads) + " |")
    print("|" + "---|" * len(heads))
    for row in rows:
        print("| " + " | ".join(row) + " |", flush=True)
    print()


def latencies(point: OperatingPoint) -> list[str]:
    """``LATENCIES``, seconds."""
    p50, p99, *tiers = _estimates(point)
    saturated = " (saturated)" if point.saturated else ""
    return [shown(p50) + saturated, shown(p99, 2), *map(shown, tiers)]


def _estimates(point: OperatingPoint) -> list[Estimate | None]:
    """What ``LATENCIES`` names."""
    tiers = (point.tiers[name].tbt_p99_s if name in point.tiers else None for name in TIERS)
    return [point.ttft_s["p50"], point.ttft_s["p99"], *tiers]


def side_by_side(swept: SweepResult, names: Sequence[str], rate: float) -> list[str]:
    """``LATENCIES`` and tokens on time of each, as ``0.49 / 0.35 / 0.26``; *: saturated."""
    at_rate = {point.scheduler: point for point in swept.points if point.rate_rps == rate}
    columns = []
    for point in (at_rate[name] for name in names):
        values = [
            shown(estimate and replace(estimate, low=None, high=None))
            for estimate in _estimates(point)
        ]
        values[0] += "*" if point.saturated else ""
        columns.append([*values, on_time(point)])
    return [" / ".join(values) for values in zip(*columns, strict=True)]


def on_time(point: OperatingPoint) -> str:
    """Share of tokens within their tier's TBT SLO, of the tier that does worst."""
    share = point.tokens_on_time
    return "-" if share is None else f"{100 * share:.2f} %"


def longest(swept: SweepResult, scheduler: str, rate: float) -> str:
    """The longest TTFT of any request measured, of all seeds; seconds."""
    waits = [
        float(summary.ttft_s[summary.due_s >= summary.metrics.window_s[0]].max())
        for summary in swept.summaries(scheduler, rate)
    ]
    return f"{max(waits):.1f}"


def change(swept: SweepResult, rate: float, base: str, q: float = 0.5) -> str:
    """A TTFT percentile of ours against another's, paired by request and seed."""
    return percent(ttft_change(swept.summaries(base, rate), swept.summaries(OURS, rate), q))


def capacity(result: CapacityResult) -> str:
    rate, ends = result.capacity.rate_rps, result.capacity.ci95
    if rate is None:
        return "none"
    interval = "" if ends is None else f" [{ends[0]:.2f}, {ends[1]:.2f}]"
    return f"{rate:.2f}{interval}" + (f" ({result.notes[0]})" if result.notes else "")
