"""Results as tables on a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from slaibench.spec import StudySpec
from slaibench.study.capacity import CapacityResult
from slaibench.study.compare import CompareResult
from slaibench.study.estimate import Estimate
from slaibench.study.point import Point
from slaibench.study.sweep import SweepResult

DIM = "dim"


def seconds(estimate: Estimate, *, interval: bool = False) -> str:
    """``0.123`` s, with its interval if asked; words where there is no number."""
    if estimate.value is None:
        return "n too small"
    if math.isinf(estimate.value):
        return "unserved"
    text = f"{estimate.value:.3g}" if estimate.value < 100 else f"{estimate.value:.0f}"
    if interval and estimate.ci95 is not None:
        text += f" [{estimate.low:.3g}, {estimate.high:.3g}]"
    return text


def share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def change(estimate: Estimate) -> str:
    """``-53.1 % [-55.0, -51.2]``."""
    if estimate.value is None:
        return "cannot tell"
    text = f"{estimate.value:+.1%}"
    if estimate.low is not None and estimate.high is not None:
        text += f" [{estimate.low:+.1%}, {estimate.high:+.1%}]"
    return text


def sweep_table(result: SweepResult) -> Table:
    """Every scheduler at every rate; saturated rows are dimmed and say so."""
    tiers = sorted({name for point in result.points for name in point.tiers})
    table = Table(
        title=f"{result.spec.model} on {result.spec.gpu}, {result.spec.num_seeds} seed(s), "
        f"{result.spec.convention.value} conventions",
        caption="seconds; [low, high]: 95 % interval over seeds; on time: share of tokens within "
        "their tier's TBT SLO",
    )
    table.add_column("scheduler")
    for heading in ("req/s", "TTFT P50", "TTFT P99"):
        table.add_column(heading, justify="right")
    for name in tiers:
        table.add_column(f"TBT P99 {name}", justify="right")
    for heading in ("on time", "out tok/s", "n", ""):
        table.add_column(heading, justify="right")
    previous = None
    for point in result.points:
        if previous is not None and previous != point.scheduler:
            table.add_section()
        previous = point.scheduler
        table.add_row(*_point_cells(point, tiers), style=DIM if point.saturated else "")
    return table


def _point_cells(point: Point, tiers: Sequence[str]) -> list[str]:
    on_time = [t.tokens_on_time.value for t in point.tiers.values() if t.tokens_on_time.value]
    return [
        escape(point.scheduler),
        f"{point.rate_rps:g}",
        escape(seconds(point.ttft_s["p50"], interval=not point.saturated)),
        seconds(point.ttft_s["p99"]),
        *(seconds(point.tiers[name].tbt_p99_s) if name in point.tiers else "-" for name in tiers),
        share(min(on_time, default=None)),
        f"{point.output_tokens_per_s.value:,.0f}" if point.output_tokens_per_s.value else "-",
        f"{point.ttft_s['p50'].n:,}",
        _state(point),
    ]


def _state(point: Point) -> str:
    if point.stopped_early:
        return "saturated, stopped"
    return "saturated" if point.saturated else ""


def compare_table(result: CompareResult) -> Table:
    """Both schedulers side by side, with the paired change of the median TTFT."""
    a, b = escape(result.a), escape(result.b)
    table = Table(
        title=f"{b} against {a}: {result.spec.model} on {result.spec.gpu}, "
        f"{result.spec.num_seeds} seed(s), {result.spec.convention.value} conventions",
        caption="change of median TTFT: paired by request and seed, 95 % interval",
    )
    table.add_column("req/s", justify="right")
    for heading in (f"TTFT P50 {a}", b, f"P99 {a}", b):
        table.add_column(heading, justify="right")
    table.add_column("change of P50", justify="right")
    table.add_column("saturated", justify="right")
    for rate in result.rates:
        who = [name for name, p in ((a, rate.a), (b, rate.b)) if p.saturated]
        table.add_row(
            f"{rate.rate_rps:g}",
            seconds(rate.a.ttft_s["p50"]),
            seconds(rate.b.ttft_s["p50"]),
            seconds(rate.a.ttft_s["p99"]),
            seconds(rate.b.ttft_s["p99"]),
            escape(change(rate.ttft_p50_change)),
            ", ".join(who),
            style=DIM if len(who) == 2 else "",
        )
    return table


def capacity_line(result: CapacityResult) -> Text:
    """One sentence: the rate, its interval, and what binds it."""
    found = result.capacity
    text = Text()
    text.append(result.scheduler, style="bold")
    if found.rate_rps is None:
        text.append(f": no rate keeps {result.spec.slo} ({found.note})")
        return text
    at_least = found.shape is None
    text.append(f" carries {'at least ' if at_least else ''}")
    text.append(f"{found.rate_rps:.3g} requests/s", style="bold green")
    if found.ci95 is not None:
        kind = "bracket" if found.shape == "cliff" else "95 % interval"
        text.append(f" ({kind} {found.ci95[0]:.3g} to {found.ci95[1]:.3g})")
    text.append(f" within {result.spec.slo}")
    if found.binding is not None:
        tier = f" of {found.binding_tier}" if found.binding_tier else ""
        text.append(f"; first to fail: {found.binding}{tier}")
    if found.shape == "cliff":
        text.append("; the boundary is a cliff")
    return text


def headline(result: CompareResult) -> Text:
    """The comparison in a sentence or two."""
    text = Text()
    ratio = result.capacity_ratio
    if ratio.value is None:
        text.append("Capacity ratio: cannot tell. ")
    else:
        text.append(f"{result.b} carries {ratio.value - 1:+.1%} load", style="bold")
        if ratio.low is not None and ratio.high is not None:
            text.append(f" (95 % interval {ratio.low - 1:+.1%} to {ratio.high - 1:+.1%})")
            if ratio.low <= 1 <= ratio.high:
                text.append("; a difference is not shown")
        text.append(f" against {result.a}. ")
    steady = [r for r in result.rates if not (r.a.saturated or r.b.saturated)]
    told = [r for r in steady or result.rates if r.ttft_p50_change.value is not None]
    if told:
        top = told[-1]
        text.append(
            f"Median TTFT at {top.rate_rps:g} requests/s: {change(top.ttft_p50_change)}.",
            style="bold",
        )
    return text


def about_lines(about: str, workload_note: str, spec: StudySpec) -> list[str]:
    """What was simulated, and from which lengths: goes with every result."""
    return [about, f"workload: {workload_note}; arrivals: {spec.arrivals_or_default}"]
