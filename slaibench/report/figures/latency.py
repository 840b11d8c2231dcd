"""Figures of latency: TTFT and TBT against rate, and how TTFT is distributed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from slaibench.measure.slo import Slo
from slaibench.recording.record import FloatArray
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
from slaibench.report.figures.interactive import rates_chart
from slaibench.report.figures.panel import Panel, file_name
from slaibench.report.figures.style import INK, Look, legend, panel
from slaibench.report.subject import Subject
from slaibench.studies.estimate import Estimate
from slaibench.studies.operating_point import OperatingPoint, tier_slos
from slaibench.studies.replicates import measured_ttft

if TYPE_CHECKING:
    from matplotlib.artist import Artist

MOST_STEPS = 400
"""Corners of a drawn distribution: finer ones cannot be seen, and make the page heavy."""


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
        (slo.bound_s, f"SLO {slo.bound_s:g} s")
        for slo in subject.sweep.targets.slos
        if slo.metric == "ttft" and slo.q == q and slo.tier is None and slo.bound_s != "tier"
    ]


def tbt_targets(subject: Subject, tier: str, slo_s: float | None) -> list[tuple[float, str]]:
    """A tier's TBT SLO and the study's targets for its P99, seconds, with their texts."""
    targets = [] if slo_s is None else [(slo_s, f"SLO {1e3 * slo_s:g} ms")]
    return targets + [
        (slo.bound_s, f"target {1e3 * slo.bound_s:g} ms")
        for slo in subject.sweep.targets.slos
        if _is_tbt_bound(slo, tier) and not isinstance(slo.bound_s, str) and slo.bound_s != slo_s
    ]


def _is_tbt_bound(slo: Slo, tier: str) -> bool:
    return slo.metric == "tbt" and slo.q == 0.99 and slo.tier in (None, tier)


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
    # Published values are stars of their own, which only the static drawing has.
    chart = None if published else rates_chart(series, looks, title, unit, span, targets, log=log)
    finding = chart.finding if chart else ""
    return Panel(name, finding or f"{title} against offered load, by scheduler", figure, chart)


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


def distribution(subject: Subject, looks: Mapping[str, Look]) -> list[Panel]:
    """TTFT of all measured requests at the focus rate: share below, and share above on log axes."""
    samples = {name: pooled_ttft(subject, name) for name in looks}
    samples = {name: sample for name, sample in samples.items() if len(sample)}
    finite = [sample[np.isfinite(sample)] for sample in samples.values()]
    slos = [
        slo.bound_s
        for slo in subject.sweep.targets.slos
        if slo.metric == "ttft" and slo.tier is None and slo.bound_s != "tier"
    ]
    shown = np.concatenate([*finite, slos])
    shown = shown[shown > 0]
    span = (float(shown.min()) / 1.1, float(shown.max()) * 1.3) if len(shown) else None
    return [
        distribution_panel(
            samples,
            looks,
            span,
            slos,
            name="05-ttft-tail" if above else "05-ttft-distribution",
            title="Tail (log scale)" if above else "Distribution",
            above=above,
        )
        for above in (False, True)
    ]


def distribution_panel(
    samples: Mapping[str, FloatArray],
    looks: Mapping[str, Look],
    span: tuple[float, float] | None,
    slos: Sequence[float],
    *,
    name: str,
    title: str,
    above: bool = False,
) -> Panel:
    """Share of requests with a TTFT at or below a value, or above it, by scheduler.

    Args:
        samples: sorted TTFTs by scheduler, ``inf`` for requests still waiting.
        span: range of the TTFT's axis.
        slos: bounds that are marked.
    """
    figure, (ax,) = panel()
    for who, sample in samples.items():
        x, y = steps(sample)
        if not len(x):
            continue  # all were still waiting when their runs ended
        look = looks[who]
        ax.step(x, 1 - y if above else y, where="post", color=look.colour)
        # A few marks a line, so that lines are told apart without colour.
        some = np.linspace(0, len(x) - 1, 8).astype(int)[1:-1]
        ax.plot(
            x[some],
            (1 - y if above else y)[some],
            linestyle="none",
            marker=look.marker,
            color=look.colour,
        )
    log_axis(ax, "x", span)
    for value in slos:
        ax.axvline(value, color=INK, linestyle=(0, (5, 3)), linewidth=1.0, zorder=1)
        ax.annotate(
            f"SLO {value:g} s",
            (value, 0.03),
            xycoords=ax.get_xaxis_transform(),
            xytext=(-3 if above else 3, 0),
            textcoords="offset points",
            ha="right" if above else "left",
            rotation=90,
            fontsize=8.5,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.3},
        )
    ax.set_xlabel("TTFT (s, log scale)")
    if above:
        most = max((len(sample) for sample in samples.values()), default=1)
        log_axis(ax, "y", (0.7 / most, 1.3))
        ax.set_ylabel("share of requests above")
    else:
        ax.set_ylim(0, 1.02)
        ax.set_ylabel("share of requests at or below")
    ax.set_title(title)
    legend(figure, scheduler_handles([looks[who] for who in samples]))
    what = "above" if above else "at or below"
    return Panel(name, f"Share of requests with a TTFT {what} a value", figure)


def pooled_ttft(subject: Subject, scheduler: str) -> FloatArray:
    """Sorted TTFTs of all replicates at the focus rate, ``inf`` for those still waiting."""
    cells = subject.cells_at(scheduler, subject.focus_rate_rps)
    parts = [measured_ttft(cell.summary) for cell in cells]
    return np.sort(np.concatenate(parts)) if parts else np.empty(0)


def steps(ordered: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Corners of the empirical distribution function, thinned evenly but for both tails."""
    n = len(ordered)
    share = np.arange(1, n + 1) / n
    finite = int(np.isfinite(ordered).sum())
    if finite <= MOST_STEPS:
        kept = np.arange(finite)
    else:
        # Half the corners evenly, half evenly on the tail's logarithmic scale.
        even = np.linspace(0, finite - 1, MOST_STEPS // 2)
        tail = n - np.geomspace(n, 1, MOST_STEPS // 2)
        kept = np.unique(np.clip(np.concatenate([even, tail]), 0, finite - 1).astype(int))
    return ordered[kept], share[kept]
