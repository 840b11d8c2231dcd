"""Figure of how TTFT is distributed at one rate: share below, and share above on log axes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from slaibench.recording.record import FloatArray
from slaibench.report.figures.axes import log_axis, scheduler_handles
from slaibench.report.figures.chart import ChartAxis, ChartSeries, LineShape
from slaibench.report.figures.hover import BEYOND
from slaibench.report.figures.interactive import MOST_NAMED, line_series, lines_chart, name_of
from slaibench.report.figures.panel import Panel
from slaibench.report.figures.style import INK, Look, legend, panel
from slaibench.report.subject import Subject
from slaibench.report.words import together
from slaibench.studies.replicates import measured_ttft

MOST_STEPS = 400
"""Corners of a drawn distribution: finer ones cannot be seen, and make the page heavy."""


def distribution(subject: Subject, looks: Mapping[str, Look]) -> list[Panel]:
    """TTFT of all measured requests at the focus rate: share below, and share above on log axes."""
    samples = {name: pooled_ttft(subject, name) for name in looks}
    samples = {name: sample for name, sample in samples.items() if len(sample)}
    finite = [sample[np.isfinite(sample)] for sample in samples.values()]
    slos = [
        slo.bound
        for slo in subject.sweep.targets.slos
        if slo.metric == "ttft" and slo.group(slo.tier) is None and slo.bound != "tier"
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
    series: list[ChartSeries] = []
    for who, sample in samples.items():
        x, y = steps(sample)
        if not len(x):
            continue  # all were still waiting when their runs ended
        look = looks[who]
        series.append(line_series(look, x, 100 * (1 - y if above else y)))
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
    finding = _slowest(samples, looks) if above else _typical(samples, looks)
    most = max((len(sample) for sample in samples.values()), default=1)
    chart = (
        None
        if not series
        else lines_chart(
            f"TTFT: share of requests {what} a value",
            *("share of requests", "%", ChartAxis("TTFT", "s", log=True, domain=span)),
            [replace(s, y=tuple(v or None for v in s.y)) for s in series] if above else series,
            log=above,
            domain=(70 / most, 130.0) if above else (0.0, 102.0),
            finding=finding,
            shape=LineShape.STEPPED,
            spans=[(value, value, f"SLO {value:g} s") for value in slos],
        )
    )
    alt = finding or f"Share of requests with a TTFT {what} a value: none got a first token"
    return Panel(name, alt, figure, chart)


def _typical(samples: Mapping[str, FloatArray], looks: Mapping[str, Look]) -> str:
    """Within what TTFT nine of ten requests got their first token, by scheduler."""
    return _at_share(samples, looks, 0.9, "TTFT of nine in ten requests at most")


def _slowest(samples: Mapping[str, FloatArray], looks: Mapping[str, Look]) -> str:
    return _at_share(samples, looks, 1.0, "Longest TTFT")


def _at_share(
    samples: Mapping[str, FloatArray], looks: Mapping[str, Look], share: float, what: str
) -> str:
    shown = {who: sample for who, sample in samples.items() if len(sample)}
    if not shown or len(shown) > MOST_NAMED:
        return ""
    values = [float(s[max(math.ceil(share * len(s)), 1) - 1]) for s in shown.values()]
    finite = together([value for value in values if math.isfinite(value)])
    texts = [f"{finite.pop(0)} s" if math.isfinite(value) else BEYOND for value in values]
    parts = [f"{name_of(looks[who])} {text}" for who, text in zip(shown, texts, strict=True)]
    return f"{what}: {', '.join(parts)}"


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
