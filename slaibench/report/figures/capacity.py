"""Figures of capacity: how much each scheduler carries, and how they compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from slaibench.report.figures.chart import Chart, ChartPoint, ChartSeries
from slaibench.report.figures.interactive import (
    bars_chart,
    capacity_text,
    carried,
    name_of,
    no_capacity,
)
from slaibench.report.figures.panel import Panel
from slaibench.report.figures.style import INK, WIDTH_IN, Look, panel
from slaibench.report.subject import Ratio, Subject
from slaibench.report.words import together
from slaibench.studies.capacity import CapacityResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BAR_IN = 0.36
AROUND_IN = 1.05
CHAR_IN = 0.083
"""A little more than a character of the figures' font is wide."""


def capacity(subject: Subject, looks: Mapping[str, Look]) -> list[Panel]:
    """Capacity bars, and the ratio of each capacity to the first scheduler's."""
    panels = [_bars(subject.capacities, looks)]
    reference = subject.schedulers[0]
    ratios = [r for r in subject.ratios if r.reference == reference and r.scheduler != reference]
    if any(ratio.estimate.value is not None for ratio in ratios):
        panels.append(_ratios(subject, ratios, reference, looks))
    return panels


def _bars(capacities: tuple[CapacityResult, ...], looks: Mapping[str, Look]) -> Panel:
    figure, (ax,) = panel(AROUND_IN + BAR_IN * len(capacities))
    ends = [
        end
        for result in capacities
        for end in (result.capacity.rate_rps, *(result.capacity.ci95 or ()))
        if end is not None
    ]
    most = max(ends, default=1.0)
    for row, result in enumerate(capacities):
        capacity, look = result.capacity, looks[result.scheduler]
        if capacity.rate_rps is None:
            ax.annotate(
                no_capacity(result),
                (0, row),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
            )
            continue
        open_end = capacity.shape is None
        ax.barh(
            row,
            capacity.rate_rps,
            height=0.6,
            color=look.colour,
            alpha=0.35 if open_end else 0.75,
            hatch="///" if open_end else None,
            edgecolor=look.colour,
            linewidth=0.8,
        )
        low, high = capacity.ci95 or (capacity.rate_rps, capacity.rate_rps)
        ax.errorbar(
            [capacity.rate_rps],
            [row],
            xerr=[[capacity.rate_rps - low], [high - capacity.rate_rps]],
            color=INK,
            capsize=3.5,
            linewidth=1.2,
        )
        ax.annotate(
            capacity_text(result),
            (high, row),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
        )
    labels = [looks[result.scheduler].label for result in capacities]
    _rows(ax, labels)
    room = _room(capacities, labels) or 1.0
    ax.set_xlim(0, room)
    ax.set_xticks([tick for tick in ax.get_xticks() if tick <= most * 1.08] if ends else [])
    ax.set_xlabel("capacity (requests/s)")
    ax.set_title("Load carried within the targets")
    finding = carried(capacities, looks)
    alt = finding or "Capacity of each scheduler: none has one"
    return Panel("03-capacity", alt, figure, bars_chart(capacities, looks, finding, room))


def _room(capacities: Sequence[CapacityResult], labels: Sequence[str]) -> float:
    """Upper end of the axis at which every bar's text fits beside it."""
    axes_in = WIDTH_IN - 0.35 - CHAR_IN * max(map(len, labels))
    ends = [0.0]
    for result in capacities:
        capacity = result.capacity
        if capacity.rate_rps is not None:
            text_in = 0.15 + CHAR_IN * len(capacity_text(result))
            high = capacity.ci95[1] if capacity.ci95 else capacity.rate_rps
            ends.append(high / max(1 - text_in / axes_in, 0.25))
    return max(ends)


def _rows(ax: Axes, labels: list[str]) -> None:
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.grid(visible=False, axis="y")


def _bound(subject: Subject, ratio: Ratio) -> str | None:
    """Which way a ratio is only a bound; None where both capacities are lower bounds."""
    shapes = {c.scheduler: c.capacity.shape for c in subject.capacities}
    over, under = shapes[ratio.scheduler], shapes[ratio.reference]
    if over is None and under is None:
        return None
    return "at least " if over is None else "at most " if under is None else ""


def _ratios(
    subject: Subject, ratios: list[Ratio], reference: str, looks: Mapping[str, Look]
) -> Panel:
    figure, (ax,) = panel(AROUND_IN + BAR_IN * max(len(ratios), 2))
    ends = [1.0]
    drawn: list[ChartSeries] = []
    for row, ratio in enumerate(ratios):
        estimate, look = ratio.estimate, looks[ratio.scheduler]
        bound = _bound(subject, ratio)
        if estimate.value is None or bound is None:
            ax.annotate(
                "no ratio", (1, row), xytext=(6, 0), textcoords="offset points", va="center"
            )
            continue
        low, high = estimate.ci95 or (estimate.value, estimate.value)
        ends += [low, high]
        ax.errorbar(
            [estimate.value],
            [row],
            xerr=[[max(estimate.value - low, 0.0)], [max(high - estimate.value, 0.0)]],
            color=look.colour,
            marker=look.marker,
            markersize=6,
            capsize=3.5,
        )
        texts = together([estimate.value, *(estimate.ci95 or ())])
        text = f"{texts[0]}  [{texts[1]}, {texts[2]}]" if estimate.ci95 else f"{bound}{texts[0]}"
        between = estimate.ci95 or (None, None)
        point = ChartPoint(row, estimate.value, between[0], between[1], None, text=text)
        drawn.append(ChartSeries(name_of(look), look.colour, look.marker, (point,)))
        ax.annotate(
            text,
            (estimate.value, row),
            xytext=(0, 7),
            textcoords="offset points",
            ha="center",
            fontsize=8.5,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.3},
        )
    ax.axvline(1, color=INK, linewidth=1.0, linestyle=(0, (5, 3)), zorder=1)
    room = max(0.35 * (max(ends) - min(ends)), 0.02)
    span = (max(min(ends) - room, 0.0), max(ends) + room)
    ax.set_xlim(span)
    labels = [looks[ratio.scheduler].label for ratio in ratios]
    _rows(ax, labels)
    ax.set_xlabel(f"capacity over that of {looks[reference].label}")
    ax.set_title("Ratio of capacities")
    over = f"capacity over that of {name_of(looks[reference])}"
    texts = [f"{series.name} {series.points[0].text}" for series in drawn]
    finding = f"{over[0].upper()}{over[1:]}: {', '.join(texts)}" if texts else ""
    chart = None
    if drawn:
        chart = Chart(
            "dots",
            "Ratio of capacities",
            over,
            "",
            False,
            span,
            tuple(drawn),
            ((1.0, ""),),
            finding,
            rows=tuple(name_of(looks[ratio.scheduler]) for ratio in ratios),
        )
    return Panel("03-capacity-ratio", finding or f"{over}: none can be told", figure, chart)
