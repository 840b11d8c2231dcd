"""Results as tables and sentences on a terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.text import Text

from slaibench.cli.terminal import DIM, plain_table
from slaibench.cli.terminal import heading as heading_of
from slaibench.measure.audit import OFF_RATE
from slaibench.measure.catalogue import AT, Metric, Scope, in_points, metric_of
from slaibench.report.text import (
    plain_change,
    plain_interval,
    plain_number,
    plain_seconds,
    plain_share,
    plural,
)
from slaibench.spec import CellSpec, Clock, Convention, StudySpec
from slaibench.studies.capacity import STEADY, CapacityResult
from slaibench.studies.compare import CompareResult
from slaibench.studies.operating_point import OperatingPoint, tier_slos
from slaibench.studies.sweep import SweepResult

WIDE = 104
"""Columns of a terminal from which on nothing has to be left out or abbreviated."""
STATES = {
    "saturated": ("*", "saturated"),
    "stopped": ("**", "saturated, and ended early since that was certain"),
    "invalid": ("!", "a run of it is invalid and stands for nothing"),
    "some": ("1/3", "so many of its runs are saturated (1/3: 1 of 3), and most are not"),
    "too short": ("?", "its runs cannot tell whether it is saturated: too short, or at its limit"),
}
"""What is said of a point: in a word, as a mark, in full."""
INTERVAL_OF = "ttft_p50_s"
LONG_NAME = 10
"""A scheduler's name beyond this does not fit over a column of numbers."""


def heading(result: SweepResult) -> str:
    """What was run, in a line."""
    spec, cell = result.spec, result.cells[0].cell
    seeds = plural(spec.num_seeds, "seed")
    return f"{where(cell)}, {seeds} a rate, {spec.convention.value} conventions"


def where(cell: CellSpec) -> str:
    """What was served by what: ``mistral-7b on h100``; the simulator goes without saying."""
    system = "" if cell.system == "sim" else f", {cell.system}"
    return f"{cell.model} on {cell.place}{system}"


@dataclass(frozen=True, slots=True)
class _Column:
    heading: str
    cell: Callable[[OperatingPoint], str]


def sweep_tables(result: SweepResult, width: int) -> RenderableType:
    """A table a scheduler, a row a rate; saturated rows are dimmed and say so.

    Args:
        width: columns of the terminal; what is less important is left out of a narrow one.
    """
    columns = _sweep_columns(result.points, wide=width >= WIDE)
    parts: list[RenderableType] = [Text(heading(result), style="bold")]
    for name in dict.fromkeys(point.scheduler for point in result.points):
        table = plain_table()
        for column in columns:
            table.add_column(column.heading, justify="right", overflow="fold")
        for point in result.of(name):
            cells = (column.cell(point) for column in columns)
            table.add_row(*cells, style=DIM if point.saturated or point.invalid else "")
        parts += [Text(f"\n{name}", style="bold"), table]
    return Group(*parts, Text("\n" + _sweep_legend(result, wide=width >= WIDE), style=DIM))


def _sweep_columns(points: Sequence[OperatingPoint], *, wide: bool) -> list[_Column]:
    return [
        _Column("\nreq/s", lambda p: f"{p.rate_rps:g}"),
        *([_Column("\noffered", offered)] if any(map(_is_off, points)) else []),
        *_metric_columns("always", tier_slos(points)),
        *([_Column("on time", lambda p: plain_share(p.tokens_on_time))] if wide else []),
        *(_metric_columns("wide", tier_slos(points)) if wide else []),
        _Column("\nn", lambda p: f"{p.ttft_s['p50'].n:,}"),
        _Column("", lambda p: _state_words(p) if wide else mark(p)),
    ]


def _metric_columns(where: str, tiers: Iterable[str]) -> Iterator[_Column]:
    """Columns of the catalogue's metrics; the first has its interval beside it."""
    for metric in in_points():
        if metric.terminal != where:
            continue
        names = [f"{metric.name}{AT}{tier}" for tier in tiers]
        for name in names if metric.scope is Scope.TIER else [metric.name]:
            title = escape(heading_of(*metric_of(name)))
            yield _Column(title, partial(_value, metric, name))
        if metric.name == INTERVAL_OF:
            yield _Column("\n95 % interval", _interval)


def _value(metric: Metric, name: str, point: OperatingPoint) -> str:
    estimate = point.estimate(name)
    if estimate is None:
        return "-"
    if metric.unit == "s":
        return plain_seconds(estimate)
    return "-" if estimate.value is None else plain_number(estimate.value)


def _interval(point: OperatingPoint) -> str:
    return "" if point.saturated else plain_interval(point.estimates[INTERVAL_OF])


def offered(point: OperatingPoint) -> str:
    """Requests a second that arrived."""
    return "at once" if point.offered_rps is None else f"{point.offered_rps:.3g}"


def _is_off(point: OperatingPoint) -> bool:
    """Whether another rate was offered than was asked for."""
    return point.offered_rps is None or abs(point.offered_rps / point.rate_rps - 1) > OFF_RATE


def _state(point: OperatingPoint) -> str:
    if point.invalid:
        return "invalid"
    if point.stopped_early:
        return "stopped"
    if point.saturated:
        return "saturated"
    if point.num_growing:
        return "some"
    return "too short" if point.undecided else ""


def _state_words(point: OperatingPoint) -> str:
    state = _state(point)
    if state in ("some", "saturated") and point.num_growing < point.num_seeds:
        return f"{point.num_growing} of {point.num_seeds} saturated"
    return state


def mark(point: OperatingPoint) -> str:
    """A sign for what ``STATES`` says in full."""
    state = _state(point)
    if state == "some":
        return f"{point.num_growing}/{point.num_seeds}"
    return STATES[state][0] if state else ""


def _marked(point: OperatingPoint) -> str:
    """A median TTFT with its mark: figures stay apart from each other."""
    sign = mark(point)
    return plain_seconds(point.ttft_s["p50"]) + (f" {sign}" if sign[:1].isdigit() else sign)


def _sweep_legend(result: SweepResult, *, wide: bool) -> str:
    basis = plural(result.spec.num_seeds, "seed")
    if result.spec.convention is Convention.PAPER:
        basis = f"t over {basis}"
    elif result.spec.num_seeds > 1:
        basis = f"{basis} together"
    lines = [f"TTFT, TBT: seconds; interval: TTFT P50, {basis}; n: requests measured"]
    if wide:
        lines.append("on time: tokens within their tier's TBT SLO, of the tier that does worst")
    if any(map(_is_off, result.points)):
        lines.append("req/s: asked for; offered: what arrived")
    lines += _states_told(result.points, wide=wide)
    if any(p.ttft_s[q].value == math.inf for p in result.points for q in ("p50", "p99")):
        lines.append("unserved: so many had no first token when the run ended")
    lines += _clock_told(result)
    return "\n".join(lines)


def _clock_told(result: SweepResult) -> list[str]:
    """How late requests were sent, where that may happen."""
    # Where requests failed, the time at which they were sent is no part of the reason.
    served = [point for point in result.points if not (point.invalid and point.failures)]
    lags = [point.lag_p99_s for point in served if point.lag_p99_s is not None]
    if result.spec.clock is not Clock.REAL or not lags:
        return []
    return [f"sent late by at most {1e3 * max(lags):.2f} ms (P99 of the worst run)"]


def _states_told(points: Sequence[OperatingPoint], *, wide: bool) -> list[str]:
    signs: dict[str, list[str]] = {}
    for point in points:
        signs.setdefault(_state(point), []).append(mark(point))
    return [
        f"{state if wide else ', '.join(dict.fromkeys(signs[state]))}: {text}"
        for state, (_, text) in STATES.items()
        if state in signs and not (wide and state in (text, "some"))
    ]


def compare_table(result: CompareResult) -> RenderableType:
    """Both schedulers side by side, with the paired change of the median TTFT."""
    names = (result.a, result.b)
    short = names if max(map(len, names)) <= LONG_NAME else ("A", "B")
    title = Text(f"{result.b} against {result.a}: {heading(result.sweep)}", style="bold")
    lines = [] if short == names else [Text(f"A: {result.a}\nB: {result.b}")]
    table = plain_table()
    table.add_column("\nreq/s", justify="right", no_wrap=True)
    off = any(_is_off(rate.a) or _is_off(rate.b) for rate in result.rates)
    if off:
        table.add_column("\noffered", justify="right", no_wrap=True)
    for level in ("P50", "P99"):
        for name in short:
            table.add_column(
                f"TTFT {level}\n{escape(name)}",
                justify="right",
                no_wrap=level == "P50",
                overflow="fold",
            )
    table.add_column("change\nof P50", justify="right", no_wrap=True)
    table.add_column("\n95 % interval", justify="right", no_wrap=True)
    for rate in result.rates:
        table.add_row(
            f"{rate.rate_rps:g}",
            *([offered(rate.a)] if off else []),
            *(_marked(point) for point in (rate.a, rate.b)),
            *(plain_seconds(point.ttft_s["p99"]) for point in (rate.a, rate.b)),
            plain_change(rate.ttft_p50_change.value),
            plain_interval(rate.ttft_p50_change, plain_change, " to "),
            style=DIM if rate.a.saturated and rate.b.saturated else "",
        )
    points = [point for rate in result.rates for point in (rate.a, rate.b)]
    legend = ["TTFT: seconds; change: paired by request and seed"]
    legend += _states_told(points, wide=False)
    return Group(title, *lines, table, Text("\n".join(legend), style=DIM))


def capacity_lines(result: CapacityResult) -> list[Text]:
    """The rate, its interval and what ends it in a sentence; then what must be known besides."""
    found, slo = result.capacity, result.spec.slo
    text, remarks = Text(), [Text(f"  {remark}") for remark in result.remarks]
    text.append(result.scheduler, style="bold")
    if found.rate_rps is None:
        text.append(f": no rate is known to keep {slo}")
        if not result.refused:
            lowest = plain_number(float(result.measured.rates_rps[0]))
            text.append(f"; at {lowest} requests/s, the lowest measured, {_failing(result)}")
        return [text, *remarks]
    if found.shape is not None:
        text.append(" carries ")
    else:
        sure = found.sure_rps == found.rate_rps
        text.append(" carries at least " if sure else " may carry ")
    text.append(f"{plain_number(found.rate_rps)} requests/s", style="bold green")
    if found.ci95 is not None:
        text.append(
            f" (95 % interval {plain_number(found.ci95[0])} to {plain_number(found.ci95[1])})"
        )
    text.append(f" within {slo}")
    if found.binding is not None:
        text.append(f"; above that {_failing(result)}")
    return [text, *remarks]


def _failing(result: CapacityResult) -> str:
    """What ends the capacity, as a clause."""
    found = result.capacity
    if result.untold is not None:
        return "it cannot be told"
    if found.binding == STEADY:
        return "it is saturated"
    whose = f" of {found.binding_tier}" if found.binding_tier else ""
    return f"{found.binding}{whose} fails"


def headline(result: CompareResult) -> Text:
    """The comparison in a sentence or two."""
    text = Text()
    ratio = result.capacity_ratio
    shapes = {each.capacity.shape for each in (result.capacity_a, result.capacity_b)}
    if ratio.value is None:
        text.append("Ratio of capacities: cannot be told. ")
    else:
        text.append(f"{result.b} carries {ratio.value:.2f} times the load of {result.a}", "bold")
        if None in shapes:
            text.append(" or thereabouts: a capacity is only a lower bound")
        elif ratio.ci95 is None:
            text.append(" (no interval: it may be chance)")
        else:
            text.append(f" (95 % interval {ratio.ci95[0]:.2f} to {ratio.ci95[1]:.2f})")
            if ratio.ci95[0] <= 1 <= ratio.ci95[1]:
                text.append("; no difference is shown")
        text.append(". ")
    valid = [r for r in result.rates if not (r.a.invalid or r.b.invalid)]
    told = [r for r in valid if r.ttft_p50_change.value is not None]
    steady = [r for r in told if not (mark(r.a) or mark(r.b))]
    if steady or told:
        top = steady[-1] if steady else told[0]
        found = top.ttft_p50_change
        text.append(
            f"Median TTFT at {top.rate_rps:g} requests/s: {plain_change(found.value)}", "bold"
        )
        sure = plain_interval(found, plain_change, " to ")
        text.append(f" (95 % interval {sure}, paired)." if sure else " (no interval).")
    return text


def about_lines(
    about: str, workload_note: str, spec: StudySpec, warnings: Sequence[str] = ()
) -> list[str]:
    """What served which lengths, and what to beware of: goes with every result."""
    lines = [about, f"workload: {workload_note}; arrivals: {spec.arrivals_or_default}"]
    if spec.convention is Convention.PAPER:
        lines.append("paper conventions: see docs/metrics.md for how they move the numbers")
    return [*lines, *(f"warning: {warning}" for warning in warnings)]
