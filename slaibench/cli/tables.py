"""Sweeps as tables on a terminal, and what comparisons share of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from rich.console import Group, RenderableType
from rich.text import Text

from slaibench.cli.group_table import group_table
from slaibench.cli.terminal import DIM, metric_title, shown
from slaibench.measure.audit import OFF_RATE
from slaibench.measure.catalogue import AT, in_points
from slaibench.measure.metric import Metric, Scope
from slaibench.report.table import Cell, Heading, Row, grid, state_of
from slaibench.report.words import (
    plain_interval,
    plain_number,
    plain_seconds,
    plain_share,
    plural,
)
from slaibench.spec import CellSpec, Clock, Convention
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


def heading(result: SweepResult) -> str:
    """What was run, in a line."""
    spec, cell = result.spec, result.cells[0].cell
    seeds = plural(spec.num_seeds, "seed")
    return f"{where(cell)}, {seeds} a rate, {spec.convention.value} conventions"


def where(cell: CellSpec) -> str:
    """What was served by what: ``mistral-7b on h100``; the simulator goes without saying."""
    system = "" if cell.system == "sim" else f", {cell.system}"
    return f"{cell.model} on {cell.place}{system}"


Column = tuple[Heading, Callable[[OperatingPoint], str]]
RATE = Heading("req/s")


def sweep_tables(result: SweepResult, width: int) -> RenderableType:
    """A table a scheduler, a row a rate; saturated rows are dimmed and say so.

    Args:
        width: columns of the terminal; what is less important is left out of a narrow one.
    """
    columns = _sweep_columns(result.points, wide=width >= WIDE)
    parts: list[RenderableType] = [Text(heading(result), style="bold")]
    for name in dict.fromkeys(point.scheduler for point in result.points):
        rows = [
            Row(
                f"{point.rate_rps:g}",
                tuple(Cell(text(point)) for _, text in columns),
                row_state(point),
            )
            for point in result.of(name)
        ]
        titles = [title for title, _ in columns]
        parts += shown(grid("", name, "", titles, rows, head=Heading("req/s", folds=True)))
        by_group = group_table(name, result.of(name))
        parts += shown(by_group) if by_group else ()
    return Group(*parts, Text("\n" + _sweep_legend(result, wide=width >= WIDE), style=DIM))


def row_state(*points: OperatingPoint) -> str:
    """Why a row is no operating point: all of its points are none."""
    states = [
        state_of(is_invalid=bool(point.invalid), is_saturated=point.saturated) for point in points
    ]
    return states[0] if all(states) else ""


def _sweep_columns(points: Sequence[OperatingPoint], *, wide: bool) -> list[Column]:
    tiers = tier_slos(points)
    columns: list[Column] = []
    if any(map(is_off, points)):
        columns.append((_folding("offered"), offered))
    columns += _metric_columns("always", tiers)
    if wide:
        columns.append((_folding("on time"), lambda point: plain_share(point.tokens_on_time)))
        columns += _metric_columns("wide", tiers)
    columns.append((_folding("n"), lambda point: f"{point.ttft_s['p50'].n:,}"))
    columns.append((_folding(""), lambda point: _state_words(point) if wide else mark(point)))
    return columns


def _folding(title: str) -> Heading:
    return Heading(title, folds=True)


def _metric_columns(where: str, tiers: Iterable[str]) -> Iterator[Column]:
    """Columns of the catalogue's metrics; the median TTFT has its interval beside it."""
    for metric in in_points():
        if metric.terminal != where:
            continue
        by_tier = [f"{metric.name}{AT}{tier}" for tier in tiers]
        for name in by_tier if metric.scope is Scope.TIER else [metric.name]:
            yield _folding(metric_title(name)), partial(_value, metric, name)
        if metric.name == INTERVAL_OF:
            yield _folding("95 % interval"), _interval


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


def is_off(point: OperatingPoint) -> bool:
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


def _sweep_legend(result: SweepResult, *, wide: bool) -> str:
    basis = plural(result.spec.num_seeds, "seed")
    if result.spec.convention is Convention.PAPER:
        basis = f"t over {basis}"
    elif result.spec.num_seeds > 1:
        basis = f"{basis} together"
    lines = [f"TTFT, TBT: seconds; interval: TTFT P50, {basis}; n: requests measured"]
    if wide:
        lines.append("on time: tokens within their tier's TBT SLO, of the tier that does worst")
    if any(map(is_off, result.points)):
        lines.append("req/s: asked for; offered: what arrived")
    if not wide:
        more = [metric.label for metric in in_points() if metric.terminal == "wide"]
        lines.append(
            f"not shown in a narrow terminal: tokens on time, {', '.join(dict.fromkeys(more))}; "
            f"COLUMNS={WIDE} or --json shows them"
        )
    lines += state_lines(result.points, wide=wide)
    if any(p.ttft_s[q].value == math.inf for p in result.points for q in ("p50", "p99")):
        lines.append("unserved: so many had no first token when the run ended")
    lines += _clock_line(result)
    return "\n".join(lines)


def _clock_line(result: SweepResult) -> list[str]:
    """How late requests were sent, where that may happen."""
    # Where requests failed, the time at which they were sent is no part of the reason.
    served = [point for point in result.points if not (point.invalid and point.failures)]
    lags = [point.lag_p99_s for point in served if point.lag_p99_s is not None]
    if result.spec.clock is not Clock.REAL or not lags:
        return []
    return [f"sent late by at most {1e3 * max(lags):.2f} ms (P99 of the worst run)"]


def state_lines(points: Sequence[OperatingPoint], *, wide: bool) -> list[str]:
    """What the marks of points mean, a line for each state that some are in."""
    signs: dict[str, list[str]] = {}
    for point in points:
        signs.setdefault(_state(point), []).append(mark(point))
    return [
        f"{state if wide else ', '.join(dict.fromkeys(signs[state]))}: {text}"
        for state, (_, text) in STATES.items()
        if state in signs and not (wide and state in (text, "some"))
    ]
