"""Drawings that only the paper's figures have: single batches, memory over time, prompt lengths."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from slaibench.recording.record import FloatArray
from slaibench.report.figures.axes import Mark, limits, log_axis, scheduler_handles
from slaibench.report.figures.chart import ChartAxis
from slaibench.report.figures.interactive import (
    MOST_NAMED,
    line_series,
    lines_chart,
    name_of,
    rates_chart,
)
from slaibench.report.figures.latency import PUBLISHED, published_handle, published_series
from slaibench.report.figures.lengths import PROMPT, at_longest
from slaibench.report.figures.panel import Panel
from slaibench.report.figures.style import COLOURS, INK, Look, legend, panel
from slaibench.reproductions.bari2025.batches import BatchRow, BlockRow, BudgetRow
from slaibench.reproductions.bari2025.published import TokenBudgets
from slaibench.studies.estimate import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OURS = Look("ours", COLOURS[0], "o")


def budget_panel(rows: Sequence[BudgetRow], published: TokenBudgets) -> list[Panel]:
    """TTFT and batch time by token budget, beside the published values."""
    ttft_ms = [1e3 * row.ttft_p50_s for row in rows]
    batch_ms = [1e3 * row.batch_s for row in rows]
    return [
        _budget("ttft", "Median TTFT", rows, ttft_ms, published),
        _budget("batch", "Mean batch time", rows, batch_ms, published),
    ]


def _budget(
    what: str,
    title: str,
    rows: Sequence[BudgetRow],
    ours_ms: Sequence[float],
    published: TokenBudgets,
) -> Panel:
    budgets = [row.token_budget for row in rows]
    printed = published.ttft_ms if what == "ttft" else published.batch_ms
    figure, (ax,) = panel()
    ax.plot(budgets, ours_ms, color=OURS.colour, marker=OURS.marker)
    ax.plot(published.budgets, printed, color=OURS.colour, zorder=5, **PUBLISHED)
    ax.set_ylim(bottom=0)
    ax.set_xlabel("token budget")
    ax.set_ylabel(f"{title[0].lower()}{title[1:]} (ms)".replace("tTFT", "TTFT"))
    ax.set_title(f"{title}, 2,048-token prompts")
    legend(figure, [*scheduler_handles([OURS]), *published_handle()])
    marks = [
        Mark(row.token_budget, Estimate(value, None, None, row.n), steady=True)
        for row, value in zip(rows, ours_ms, strict=True)
    ]
    theirs = list(zip(published.budgets, printed, strict=True))
    at, ours_at = budgets[-1], ours_ms[-1]
    finding = f"{title} with a budget of {at} tokens: {ours_at:.3g} ms"
    if at in dict(theirs):
        finding += f", published {dict(theirs)[at]:.3g} ms"
    chart = rates_chart(
        {"ours": marks},
        {"ours": OURS},
        f"{title}, 2,048-token prompts",
        "ms",
        (0.0, 1.06 * max(*ours_ms, *printed)),
        (),
        log=False,
        x=ChartAxis("budget", "tokens"),
        finding=finding,
    )
    if chart is not None:
        stars = published_series([("ours", b, value) for b, value in theirs], {"ours": OURS})
        chart = replace(chart, series=(*chart.series, stars))
    return Panel(f"fig-6a-{what}", finding, figure, chart)


def bars_panel(rows: Sequence[BlockRow]) -> Panel:
    """Share of KV blocks in use by number of requests."""
    figure, (ax,) = panel()
    _labelled_bars(ax, [(row.num_requests, 100 * row.share, f"{row.kv_blocks:,}") for row in rows])
    ax.set_ylim(0, 108)
    ax.set_xlabel("requests of 2,048 prompt tokens")
    ax.set_ylabel("KV blocks in use (%)")
    ax.set_title("Memory by number of requests")
    last = rows[-1]
    alt = f"{last.num_requests} requests hold {100 * last.share:.0f} % of the KV blocks"
    return Panel("fig-6b", alt, figure)


def batch_panel(rows: Sequence[BatchRow]) -> Panel:
    """Time of a 512-token batch by its number of decodes."""
    figure, (ax,) = panel()
    _labelled_bars(
        ax, [(row.num_decodes, 1e3 * row.batch_s, f"{1e3 * row.batch_s:.1f}") for row in rows]
    )
    ax.margins(y=0.12)
    ax.set_xlabel("decodes among the batch's 512 tokens")
    ax.set_ylabel("time of the batch (ms)")
    ax.set_title("Time of a 512-token batch")
    first, last = rows[0], rows[-1]
    alt = (
        f"A batch of 512 tokens takes {1e3 * first.batch_s:.1f} ms with {first.num_decodes} "
        f"decodes, {1e3 * last.batch_s:.1f} ms with {last.num_decodes}"
    )
    return Panel("fig-6c", alt, figure)


def _labelled_bars(ax: Axes, bars: Sequence[tuple[int, float, str]]) -> None:
    """Bars side by side, each (what stands below it, height, what stands on it)."""
    places = range(len(bars))
    ax.bar(places, [height for _, height, _ in bars], color=OURS.colour, width=0.7)
    for place, (_, height, label) in zip(places, bars, strict=True):
        ax.annotate(
            label,
            (place, height),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            fontsize=8.5,
        )
    ax.set_xticks(list(places), [str(below) for below, _, _ in bars])


def tier_panel(means: Sequence[tuple[str, Estimate]], look: Look, name: str, title: str) -> Panel:
    """A time of each tier, a bar each, with its interval.

    Args:
        means: (tier, seconds); those without a value are left out.
    """
    figure, (ax,) = panel()
    bars = [
        (tier, mean, mean.value)
        for tier, mean in means
        if mean.value is not None and math.isfinite(mean.value)
    ]
    places = range(len(bars))
    ax.bar(places, [value for _, _, value in bars], color=look.colour, width=0.5)
    for place, (_, mean, value) in zip(places, bars, strict=True):
        if mean.ci95 is not None:
            ax.plot([place, place], mean.ci95, color=INK, linewidth=1.2)
        ax.annotate(
            f"{value:.3g} s",
            (place, value),
            xytext=(5, 2),
            textcoords="offset points",
            ha="left",
            fontsize=8.5,
        )
    ax.set_xticks(list(places), [tier for tier, _, _ in bars])
    ax.set_xlim(-0.7, len(means) - 0.3)
    # Of two seeds an interval may span decades: it then leaves the panel, and the bars do not.
    most = max((value for _, _, value in bars), default=1.0)
    ends = [mean.high for _, mean, _ in bars if mean.high is not None]
    ax.set_ylim(0, 1.12 * min(max([most, *ends]), 2 * most))
    ax.set_xlabel("tier")
    ax.set_ylabel("mean TTFT (s)")
    ax.set_title(title)
    legend(figure, scheduler_handles([look]))
    texts = [f"{tier} {value:.3g} s" for tier, _, value in bars]
    return Panel(name, f"{title}: {', '.join(texts) or 'no tier has one'}", figure)


def over_time_panel(
    lines: Mapping[str, tuple[FloatArray, FloatArray]],
    looks: Mapping[str, Look],
    name: str,
    title: str,
) -> Panel:
    """Share of KV blocks in use over time, a line a scheduler.

    Args:
        lines: (seconds, per cent).
    """
    figure, (ax,) = panel()
    for who, (time_s, used) in lines.items():
        look = looks[who]
        every = max(len(time_s) // 8, 1)
        ax.plot(
            time_s,
            used,
            color=look.colour,
            marker=look.marker,
            markevery=(every // 2, every),
            linewidth=1.2,
        )
    ax.set_ylim(0, 103)
    ax.set_xlim(left=0)
    ax.set_xlabel("time (s)")
    ax.set_ylabel("KV blocks in use (%)")
    ax.set_title(title)
    legend(figure, scheduler_handles([looks[who] for who in lines]))
    most = max((float(time_s[-1]) for time_s, _ in lines.values()), default=1.0)
    means = [f"{name_of(looks[who])} {float(np.nanmean(u)):.0f} %" for who, (_, u) in lines.items()]
    finding = f"{title}, mean over the run: {', '.join(means)}"
    chart = lines_chart(
        title,
        "KV in use",
        "%",
        ChartAxis("time", "s", domain=(0.0, most)),
        [line_series(looks[who], time_s, used) for who, (time_s, used) in lines.items()],
        domain=(0.0, 103.0),
        finding=finding if len(lines) <= MOST_NAMED else "",
    )
    return Panel(name, finding, figure, chart)


def length_panel(
    series: Mapping[str, Sequence[tuple[float, Estimate]]],
    looks: Mapping[str, Look],
    name: str,
    title: str,
    label: str,
    *,
    log: bool = False,
) -> Panel:
    """A value by prompt length, a line a scheduler.

    Args:
        series: (middle of the bucket in tokens, value).
    """
    figure, (ax,) = panel()
    every: list[Mark] = []
    by_scheduler: dict[str, list[Mark]] = {}
    for who, points in series.items():
        look = looks[who]
        marks = [Mark(tokens, value, steady=True) for tokens, value in points]
        valued = [mark for mark in marks if mark.shown is not None]
        every += valued
        by_scheduler[who] = valued
        shown = [mark.shown or 0.0 for mark in valued]
        ax.plot([mark.rate_rps for mark in valued], shown, color=look.colour, marker=look.marker)
    span = limits(every, ()) if log else (0.0, 1.06 * max((m.shown or 0 for m in every), default=1))
    if log:
        log_axis(ax, "y", span)
    else:
        ax.set_ylim(bottom=0)
    ax.set_xlim(left=0)
    ax.set_xlabel("prompt (tokens)")
    ax.set_ylabel(label)
    ax.set_title(title)
    legend(figure, scheduler_handles([looks[who] for who in series]))
    unit = "s" if log else "a minute"
    finding = at_longest(by_scheduler, looks, title, unit)
    chart = rates_chart(
        by_scheduler, looks, title, unit, span, (), log=log, x=PROMPT, finding=finding
    )
    return Panel(name, finding or f"{title}, by prompt length and scheduler", figure, chart)
