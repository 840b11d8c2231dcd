"""Figures of latency: TTFT and TBT against rate, and how TTFT is distributed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from slaibench.measure.slo import Slo
from slaibench.report.figures.axes import (
    Mark,
    draw_series,
    limits,
    log_axis,
    marks_of,
    rate_axis,
    scaled,
    scheduler_handles,
    state_handles,
    target_line,
)
from slaibench.report.figures.chart import ChartPoint, ChartSeries
from slaibench.report.figures.interactive import (
    name_of,
    rates_chart,
)
from slaibench.report.figures.panel import Panel, file_name
from slaibench.report.figures.style import INK, Look, legend, panel
from slaibench.report.subject import Subject
from slaibench.studies.estimate import Estimate
from slaibench.studies.operating_point import OperatingPoint, tier_slos

if TYPE_CHECKING:
    from matplotlib.artist import Artist


def ttft(subject: Subject, looks: Mapping[str, Look]) -> list[Panel]:
    """Median and P99 TTFT against rate."""
    panels = []
    for level, q, title in (("p50", 0.5, "Median TTFT"), ("p99", 0.99, "P99 TTFT")):
        targets = ttft_targets(subject, q)

        def pick(point: OperatingPoint, level: str = level) -> Estimate | None:
            return point.ttft_s[level]

        name = file_name("01-ttft", level)
        panels.append(_against_rate(subject, looks, name, title, pick, targets))
    return panels


def tbt(subject: Subject, looks: Mapping[str, Look]) -> list[Panel]:
    """P99 TBT of each tier against rate."""
    slos = tier_slos(subject.sweep.points)
    panels = []
    for name in slos:
        targets = tbt_targets(subject, name, slos[name])

        def pick(point: OperatingPoint, name: str = name) -> Estimate | None:
            return point.tiers[name].tbt_p99_s if name in point.tiers else None

        panels.append(
            _against_rate(
                subject,
                looks,
                file_name("02-tbt-p99", name),
                f"P99 TBT, tier {name}",
                pick,
                targets,
                scale=1e3,
            )
        )
    return panels


def ttft_targets(subject: Subject, q: float) -> list[tuple[float, str]]:
    """Bounds of the study's targets for a TTFT percentile, seconds, with their texts."""
    return [
        (slo.bound, f"SLO {slo.bound:g} s")
        for slo in subject.sweep.targets.slos
        if slo.metric == "ttft"
        and slo.q == q
        and slo.group(slo.tier) is None
        and slo.bound != "tier"
    ]


def tbt_targets(subject: Subject, tier: str, slo_s: float | None) -> list[tuple[float, str]]:
    """A tier's TBT SLO and the study's targets for its P99, seconds, with their texts."""
    targets = [] if slo_s is None else [(slo_s, f"SLO {1e3 * slo_s:g} ms")]
    return targets + [
        (slo.bound, f"target {1e3 * slo.bound:g} ms")
        for slo in subject.sweep.targets.slos
        if _is_tbt_bound(slo, tier) and not isinstance(slo.bound, str) and slo.bound != slo_s
    ]


def _is_tbt_bound(slo: Slo, tier: str) -> bool:
    return slo.metric == "tbt" and slo.q == 0.99 and slo.group(slo.tier) in (None, tier)


def _against_rate(
    subject: Subject,
    looks: Mapping[str, Look],
    name: str,
    title: str,
    pick: Callable[[OperatingPoint], Estimate | None],
    targets: list[tuple[float, str]],
    scale: float = 1.0,
) -> Panel:
    series = {
        who: [scaled(mark, scale) for mark in marks_of(subject.sweep.of(who), pick)]
        for who in looks
    }
    return against_rate(
        series,
        looks,
        [point.rate_rps for point in subject.sweep.points],
        name,
        title,
        "ms" if scale == 1e3 else "s",
        [(scale * value, text) for value, text in targets],
    )


def against_rate(
    series: Mapping[str, Sequence[Mark]],
    looks: Mapping[str, Look],
    rates: Sequence[float],
    name: str,
    title: str,
    unit: str,
    targets: Sequence[tuple[float, str]] = (),
    published: Sequence[tuple[str, float, float]] = (),
    *,
    top: float | None = None,
) -> Panel:
    """A panel of times against rate, on a logarithmic scale.

    Args:
        series: by what ``looks`` has a look for.
        rates: that the axis shows.
        title: what it shows; the part before the first comma names the axis.
        targets: (value, text).
        published: (series, rate, value) that somebody else printed, drawn as stars.
        top: a linear scale up to here instead; what lies above leaves the panel.
    """
    figure, (ax,) = panel()
    every = [mark for marks in series.values() for mark in marks]
    log = top is None
    marked = [value for value, *_ in targets] + [p[2] for p in published]
    span = limits(every, marked) if top is None else (0.0, top)
    if top is None:
        log_axis(ax, "y", span)
    else:
        ax.set_ylim(0, top)
    for place, (who, marks) in enumerate(series.items()):
        draw_series(ax, marks, looks[who], place)
    for value, text in targets:
        target_line(ax, value, text)
    for who, rate, value in published:
        ax.plot([rate], [value], color=looks[who].colour, zorder=5, **PUBLISHED)
    rate_axis(ax, [*rates, *(rate for _, rate, _ in published)])
    scale = f"{unit}, log scale" if log else unit
    ax.set_ylabel(f"{title.partition(',')[0]} ({scale})")
    ax.set_title(title)
    shown = [looks[who] for who in series]
    stars = published_handle() if published else []
    legend(figure, [*scheduler_handles(shown), *stars, *state_handles(every)])
    chart = rates_chart(series, looks, title, unit, span, targets, log=log)
    if chart is not None and published:
        chart = replace(chart, series=(*chart.series, published_series(published, looks)))
    finding = chart.finding if chart else ""
    return Panel(name, finding or f"{title}: at no rate are all steady with a value", figure, chart)


def published_series(
    published: Sequence[tuple[str, float, float]], looks: Mapping[str, Look]
) -> ChartSeries:
    """What somebody else printed, as a series of an interactive drawing.

    Args:
        published: (whose, place, value).
    """
    points = [
        ChartPoint(place, value, None, None, None, text=name_of(looks[who]))
        for who, place, value in published
    ]
    return ChartSeries("published", INK, "*", tuple(points), loose=True)


PUBLISHED: dict[str, Any] = {
    "marker": "*",
    "markersize": 12,
    "markeredgecolor": INK,
    "markeredgewidth": 0.8,
    "linestyle": "none",
}
"""How a value looks that somebody else printed."""


def published_handle() -> list[Artist]:
    """The legend's entry of published values."""
    from matplotlib.lines import Line2D  # noqa: PLC0415

    return [Line2D([], [], color="white", label="published", **PUBLISHED)]
