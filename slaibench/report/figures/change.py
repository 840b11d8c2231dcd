"""Figures of the paired change of TTFT from one scheduler to another."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from slaibench.report.figures.axes import (
    Mark,
    mark_style,
    rate_axis,
    scheduler_handles,
    shifts,
    state_handles,
    steady,
)
from slaibench.report.figures.interactive import MOST_NAMED, name_of, rates_chart
from slaibench.report.figures.panel import Panel
from slaibench.report.figures.style import INK, Look, legend, panel
from slaibench.report.subject import CHANGE_LEVELS, Change, Subject
from slaibench.report.words import MINUS, rate
from slaibench.report.words import change as change_text
from slaibench.studies.estimate import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RATIO_TICKS = (
    1,
    0.5,
    2,
    0.2,
    5,
    0.1,
    10,
    0.05,
    20,
    0.02,
    50,
    0.01,
    100,
    0.3,
    3,
    0.7,
    1.5,
    0.85,
    1.2,
)
"""Where a ratio's axis may be marked, those first that matter most."""
TICK_ROOM = 0.075
APART = 0.014
"""Of the range of rates: how far the marks of several schedulers lie beside each other."""


def change(subject: Subject, looks: Mapping[str, Look]) -> list[Panel]:
    """Paired change of TTFT from the reference against rate; nothing without a comparison."""
    if not subject.compared:
        return []
    a, *others = (looks[who] for who in subject.compared)
    series = [(replace(b, size=5.5), pair) for b, pair in zip(others, subject.by_pair, strict=True)]
    who = f"{others[0].label} against {a.label}" if len(others) == 1 else f"against {a.label}"
    rates = [point.rate_rps for point in subject.sweep.points]
    apart = 0.0 if len(others) == 1 else APART * ((max(rates) - min(rates)) or max(rates))
    return [change_panel(series, q, who, f"04-change-p{100 * q:g}", apart) for q in CHANGE_LEVELS]


def change_panel(
    series: Sequence[tuple[Look, Subject]], q: float, who: str, name: str, apart: float = 0.0
) -> Panel:
    """The change of one TTFT percentile against rate.

    Args:
        series: studies of a pair each, with the look that it is drawn with.
        who: the pair, or the reference of all, in words.
        apart: how far series lie beside each other (``axes.shifts``); with several, the legend
            names them.
    """
    what = "median TTFT" if q == 0.5 else f"P{100 * q:g} TTFT"
    figure, (ax,) = panel()
    every: list[Mark] = []
    by_series: dict[str, list[Mark]] = {}
    asides = shifts(len(series), apart)
    for place, ((look, subject), aside) in enumerate(zip(series, asides, strict=True)):
        marks = [_ratio_mark(subject, change) for change in subject.changes if change.q == q]
        every += marks
        by_series[str(place)] = marks
        for mark in marks:
            if mark.shown is None:
                continue
            value, x = mark.shown, mark.rate_rps + aside
            low, high = mark.estimate.ci95 or (value, value)
            ax.vlines([x], low, high, color=look.colour, linewidth=look.width)
            style = mark_style(look, mark.steady)
            ax.plot([x], [value], linestyle="none", color=look.colour, **style)
    shown = [mark for mark in every if mark.shown is not None]
    ax.axhline(1, color=INK, linewidth=1.0, linestyle=(0, (5, 3)), zorder=1)
    ticks, span = _change_axis(ax, shown)
    rate_axis(ax, [mark.rate_rps for mark in shown or every], apart * len(series) / 2)
    if not shown:
        ax.text(0.5, 0.6, "no rate at which it can be told", ha="center", transform=ax.transAxes)
    ax.set_ylabel(f"change of {what}")
    title = f"{what[0].upper()}{what[1:]}: {who}"
    ax.set_title(title)
    named = scheduler_handles([look for look, _ in series]) if len(series) > 1 else []
    legend(figure, [*named, *state_handles(shown)])
    keyed = {str(place): look for place, (look, _) in enumerate(series)}
    finding = _in_words(f"Paired change of {what}, {who}", by_series, keyed)
    chart = rates_chart(
        by_series,
        keyed,
        title,
        "",
        span,
        [(1.0, "")],
        log=True,
        finding=finding,
        aside=dict(zip(by_series, asides, strict=True)),
    )
    if chart is not None:
        named_ticks = tuple((tick, _as_change(tick, None)) for tick in ticks)
        chart = replace(chart, quantity=f"change of {what}", ticks=named_ticks, change=True)
    alt = finding or f"Paired change of {what}, {who}: at no rate can it be told"
    return Panel(name, alt, figure, chart)


def _in_words(what: str, by_series: Mapping[str, Sequence[Mark]], looks: Mapping[str, Look]) -> str:
    """The changes at the highest rate at which all have one, of steady runs where there is one;
    empty where there is no such rate."""
    by_rate = [{m.rate_rps: m for m in ms if m.shown is not None} for ms in by_series.values()]
    common = set.intersection(*(set(marks) for marks in by_rate)) if by_rate else set()
    if not common or len(by_rate) > MOST_NAMED:
        return ""
    steady = [at for at in common if all(marks[at].steady for marks in by_rate)]
    at = max(steady or common)
    parts = []
    for name, marks in zip(by_series, by_rate, strict=True):
        estimate = marks[at].estimate
        texts = [change_text(end - 1) for end in (marks[at].shown or 0.0, *(estimate.ci95 or ()))]
        interval = f" ({texts[1]} to {texts[2]})" if len(texts) == 3 else " (no interval)"
        parts.append(
            f"{f'{name_of(looks[name])} ' if len(by_rate) > 1 else ''}{texts[0]}{interval}"
        )
    return f"{what}, at {rate(at)} requests/s: {', '.join(parts)}"


def _ratio_mark(subject: Subject, change: Change) -> Mark:
    """The change as a ratio, whose logarithm is symmetric: half and double are equally far."""
    estimate = change.estimate
    value, low, high = (
        None if x is None else 1 + x for x in (estimate.value, estimate.low, estimate.high)
    )
    points = [subject.point(name, change.rate_rps) for name in subject.pair or ()]
    states = [steady(point) for point in points if point is not None]
    state = False if False in states else None if None in states else True
    return Mark(change.rate_rps, Estimate(value, low, high, estimate.n), state)


def _change_axis(ax: Axes, marks: list[Mark]) -> tuple[list[float], tuple[float, float]]:
    """A logarithmic axis of ratios, marked as changes; its ticks and its range."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator  # noqa: PLC0415

    ends = [1.0]
    for mark in marks:
        ends += [end for end in (mark.shown, *(mark.estimate.ci95 or ())) if end is not None]
    low, high = min(ends) / 1.12, max(ends) * 1.12
    ax.set_yscale("log")
    ax.set_ylim(low, high)
    ticks: list[float] = []
    for tick in RATIO_TICKS:
        far = all(abs(math.log(tick / t)) > TICK_ROOM * math.log(high / low) for t in ticks)
        if low <= tick <= high and far:
            ticks.append(tick)
    if len(ticks) < 3:
        ticks = sorted({1.0, *(round(low + i * (high - low) / 5, 2) for i in range(1, 5))})
    ax.yaxis.set_major_locator(FixedLocator(ticks))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(_as_change))
    return ticks, (low, high)


def _as_change(ratio: float, _: int | None) -> str:
    if ratio == 1:
        return "0 %"
    if ratio >= 2:
        return f"×{ratio:g}"
    return f"{100 * (ratio - 1):+.0f} %".replace("-", MINUS)
