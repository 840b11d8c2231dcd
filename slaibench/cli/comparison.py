"""Comparisons as tables on a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from slaibench.cli.group_table import group_tables
from slaibench.cli.tables import RATE, heading, is_off, mark, offered, row_state, state_lines
from slaibench.cli.terminal import DIM, shown
from slaibench.report.table import Cell, Heading, Row, Table, grid
from slaibench.report.words import listed, plain_change, plain_interval, plain_seconds
from slaibench.studies.compare import CompareResult
from slaibench.studies.operating_point import OperatingPoint

LONG_NAME = 10
"""A scheduler's name beyond this does not fit over a column of numbers."""


def compare_table(result: CompareResult) -> RenderableType:
    """The schedulers with the paired change of the median TTFT: two side by side, more below each
    other, rate by rate."""
    if len(result.pairs) > 1:
        return _long_comparison(result)
    names = (result.a, result.b)
    short = names if max(map(len, names)) <= LONG_NAME else ("A", "B")
    title = Text(f"{result.b} against {result.a}: {heading(result.sweep)}", style="bold")
    lines = [] if short == names else [Text(f"A: {result.a}\nB: {result.b}")]
    with_offered = any(is_off(rate.a) or is_off(rate.b) for rate in result.rates)
    columns = [
        *([Heading("offered")] if with_offered else []),
        *(Heading(f"TTFT P50\n{name}") for name in short),
        *(Heading(f"TTFT P99\n{name}", folds=True) for name in short),
        Heading("change\nof P50"),
        Heading("95 % interval"),
    ]
    rows = []
    for rate in result.rates:
        texts = [
            *([offered(rate.a)] if with_offered else []),
            *(_marked(point) for point in (rate.a, rate.b)),
            *(plain_seconds(point.ttft_s["p99"]) for point in (rate.a, rate.b)),
            plain_change(rate.ttft_p50_change.value),
            plain_interval(rate.ttft_p50_change, plain_change, " to "),
        ]
        state = row_state(rate.a, rate.b)
        rows.append(Row(f"{rate.rate_rps:g}", tuple(map(Cell, texts)), state))
    table = grid("", "", "", columns, rows, head=RATE)
    return Group(title, *lines, *shown(table), *_by_group(result), _comparison_legend(result))


def _long_comparison(result: CompareResult) -> RenderableType:
    """A row a scheduler and rate."""
    points = result.sweep.points
    with_offered = any(map(is_off, points))
    columns = (
        *([Heading("offered")] if with_offered else []),
        Heading("TTFT P50"),
        Heading("TTFT P99"),
        Heading("change\nof P50"),
        Heading("95 % interval"),
    )
    changes = {
        (pair.b, rate.rate_rps): rate.ttft_p50_change
        for pair in result.pairs
        for rate in pair.rates
    }
    groups: dict[float, list[Row]] = {}
    for rate_rps in dict.fromkeys(point.rate_rps for point in points):
        for point in points:
            if point.rate_rps != rate_rps:
                continue
            change = changes.get((point.scheduler, rate_rps))
            texts = [
                *([offered(point)] if with_offered else []),
                _marked(point),
                plain_seconds(point.ttft_s["p99"]),
                "" if change is None else plain_change(change.value),
                "" if change is None else plain_interval(change, plain_change, " to "),
            ]
            row = Row(point.scheduler, tuple(map(Cell, texts)), row_state(point))
            groups.setdefault(rate_rps, []).append(row)
    table = Table(
        "",
        "",
        "",
        columns,
        tuple((f"{rate_rps:g}", tuple(rows)) for rate_rps, rows in groups.items()),
        by=RATE,
        head=Heading("scheduler", is_text=True, folds=True),
    )
    names = listed([pair.b for pair in result.pairs])
    title = Text(f"{names} against {result.a}: {heading(result.sweep)}", style="bold")
    return Group(title, *shown(table), *_by_group(result), _comparison_legend(result))


def _by_group(result: CompareResult) -> Iterator[RenderableType]:
    for table in group_tables(result.sweep.points):
        yield from shown(table)


def _comparison_legend(result: CompareResult) -> Text:
    of = "" if len(result.pairs) == 1 else f", against {result.a}"
    lines = [f"TTFT: seconds; change: paired by request and seed{of}"]
    points = [point for pair in result.pairs for rate in pair.rates for point in (rate.a, rate.b)]
    return Text("\n".join(lines + state_lines(points, wide=False)), style=DIM)


def _marked(point: OperatingPoint) -> str:
    """A median TTFT with its mark: figures stay apart from each other."""
    sign = mark(point)
    return plain_seconds(point.ttft_s["p50"]) + (f" {sign}" if sign[:1].isdigit() else sign)
