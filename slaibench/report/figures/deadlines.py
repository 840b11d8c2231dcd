"""Figure of deadlines met: shares of tokens and requests on time, by tier, against rate."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace

from slaibench.report.figures.axes import (
    Mark,
    draw_series,
    marks_of,
    rate_axis,
    scheduler_handles,
    state_handles,
)
from slaibench.report.figures.chart import Chart
from slaibench.report.figures.interactive import rates_chart
from slaibench.report.figures.panel import Panel, file_name
from slaibench.report.figures.style import Look, legend, panel
from slaibench.report.subject import Subject
from slaibench.studies.estimate import Estimate
from slaibench.studies.operating_point import OperatingPoint, tier_slos

SPREAD = 0.36
"""Of the distance between rates, over which the schedulers are spread."""
SHARES = (
    ("tokens_on_time", "tokens within\ntheir gap (%)"),
    ("tokens_fluid", "tokens by\nfluidity (%)"),
    ("requests_on_time", "requests by\nfluidity (%)"),
)

TITLES = {
    "tokens_on_time": "Tokens within their gap",
    "tokens_fluid": "Tokens by fluidity",
    "requests_on_time": "Requests by fluidity",
}


def deadlines(subject: Subject, looks: Mapping[str, Look]) -> list[Panel]:
    """A panel for each tier, strictest first: three shares below each other."""
    return [_tier_panel(subject, looks, name) for name in tier_slos(subject.sweep.points)]


def _tier_panel(subject: Subject, looks: Mapping[str, Look], tier: str) -> Panel:
    from matplotlib.ticker import FuncFormatter, MaxNLocator  # noqa: PLC0415

    figure, axes = panel(5.0, rows=len(SHARES))
    every: list[Mark] = []
    charts: list[Chart] = []
    asides = {name: _shift(subject, place) for place, name in enumerate(looks)}
    for ax, (share, label) in zip(axes, SHARES, strict=True):

        def pick(point: OperatingPoint, share: str = share) -> Estimate | None:
            if tier not in point.tiers:
                return None
            return _percent(getattr(point.tiers[tier], share))

        lowest, series = 100.0, {}
        for place, (name, look) in enumerate(looks.items()):
            marks = marks_of(subject.sweep.of(name), pick)
            series[name] = marks
            draw_series(ax, marks, look, place, asides[name])
            every += marks
            lowest = min([lowest, *(mark.shown for mark in marks if mark.shown is not None)])
        # Room above 100 for the marks; below at least so much that noise does not look large.
        room = max(0.06 * (100 - lowest), 0.05)
        span = (min(lowest, 99.5) - room, 100 + room)
        ax.set_ylim(span)
        title = f"{TITLES[share]}, tier {tier}"
        chart = rates_chart(series, looks, title, "%", span, (), log=False, aside=asides)
        charts += [] if chart is None else [chart]
        ax.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.set_ylabel(label)
    axes[0].set_title(f"Tier {tier}")
    widest = abs(_shift(subject, 0))
    rate_axis(axes[-1], [point.rate_rps for point in subject.sweep.points], widest)
    legend(figure, [*scheduler_handles(looks.values()), *state_handles(every)])
    first = charts[0] if charts else None
    if first is not None and len(charts) > 1:
        first = replace(first, below=tuple(charts[1:]))
    alt = first.finding if first is not None else ""
    none = f"Share of deadlines met by tier {tier}: n too small at every rate"
    return Panel(file_name("08-deadlines", tier), alt or none, figure, first)


def _shift(subject: Subject, place: int) -> float:
    """A step to the side: most shares are 100 %, and one series would hide the others."""
    rates = sorted({point.rate_rps for point in subject.sweep.points})
    least = min((b - a for a, b in itertools.pairwise(rates)), default=0.1 * rates[0])
    count = len(subject.schedulers)
    return SPREAD * least * (place - (count - 1) / 2) / max(count - 1, 1)


def _percent(share: Estimate) -> Estimate:
    """As percentages; an interval of a share ends at 0 and 100."""
    if share.value is None:
        return share
    low, high = (
        None if end is None else 100 * min(max(end, 0.0), 1.0) for end in (share.low, share.high)
    )
    return Estimate(100 * share.value, low, high, share.n)
