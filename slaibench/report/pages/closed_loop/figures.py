"""Drawings of closed loops: values by the number of clients, and what one side pays for another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from slaibench.report.figures.axes import (
    Mark,
    draw_series,
    limits,
    log_axis,
    scaled,
    scheduler_handles,
)
from slaibench.report.figures.chart import ChartAxis
from slaibench.report.figures.hover import with_unit
from slaibench.report.figures.interactive import name_of, rates_chart
from slaibench.report.figures.panel import Panel
from slaibench.report.figures.style import Look, legend, looks, panel
from slaibench.report.words import short_names
from slaibench.studies.closed_result import ClosedPoint, ClosedResult
from slaibench.studies.estimate import Estimate

ROOM = 1.25
"""Factor about the outer numbers of clients."""
Pick = Callable[[ClosedPoint], Estimate]


@dataclass(frozen=True, slots=True)
class _Axis:
    """What values are drawn against: number of clients, or what a client gets."""

    label: str
    unit: str
    place: Callable[[ClosedPoint], float | None]


CLIENTS = _Axis("clients", "", lambda point: float(point.concurrency))
A_CLIENT = _Axis(
    "output tokens a client", "tokens/s", lambda point: point.tokens_per_s_per_client.value
)


def latency(result: ClosedResult) -> list[Panel]:
    """TTFT, time per output token and end-to-end time by the number of clients."""
    return [
        _against(result, CLIENTS, "01-ttft-p50", "Median TTFT", "s", _metric("ttft_p50_s")),
        _against(result, CLIENTS, "01-ttft-p99", "P99 TTFT", "s", _metric("ttft_p99_s")),
        _against(result, CLIENTS, "02-tpot", "Mean TPOT", "ms", _metric("tpot_mean_s"), 1e3),
        _against(result, CLIENTS, "03-e2e", "Median end-to-end time", "s", _metric("e2e_p50_s")),
    ]


def throughput(result: ClosedResult) -> list[Panel]:
    """Output tokens a second: of all clients by their number, and against what one gets."""
    every = _metric("output_tokens_per_s")
    return [
        _against(result, CLIENTS, "04-output", "Output tokens", "tokens/s", every),
        _against(result, A_CLIENT, "05-trade", "Output tokens of all clients", "tokens/s", every),
    ]


def _metric(name: str) -> Pick:
    return lambda point: point.measured.estimates[name]


def _against(
    result: ClosedResult,
    axis: _Axis,
    name: str,
    title: str,
    unit: str,
    pick: Pick,
    scale: float = 1.0,
) -> Panel:
    """Both axes logarithmic; invalid runs have no mark."""
    look = looks(result.spec.schedulers, short_names(result.spec.schedulers))
    series = {who: _marks(result.of(who), axis, pick, scale) for who in look}
    every = [mark for marks in series.values() for mark in marks]
    places = [mark.rate_rps for mark in every]
    span = (min(places) / ROOM, max(places) * ROOM) if places else None
    figure, (ax,) = panel()
    domain = limits(every, ())
    log_axis(ax, "y", domain)
    log_axis(ax, "x", span)
    for place, (who, marks) in enumerate(series.items()):
        draw_series(ax, marks, look[who], place)
    if ticks := _ticks(axis, places):
        ax.set_xticks([at for at, _ in ticks])
    ax.set_xlabel(f"{axis.label}{f' ({axis.unit}, log scale)' if axis.unit else ' (log scale)'}")
    ax.set_ylabel(f"{title} ({unit}, log scale)")
    ax.set_title(title)
    legend(figure, scheduler_handles(look.values()))
    finding = _finding(series, look, title, unit) if axis is CLIENTS else ""
    chart = rates_chart(
        series,
        look,
        title,
        unit,
        domain,
        (),
        log=True,
        x=ChartAxis(axis.label, axis.unit, log=True, domain=span, ticks=_ticks(axis, places)),
        finding=finding,
    )
    against = "" if axis is CLIENTS else f" against {axis.label}"
    return Panel(name, finding or f"{title}{against}: by the number of clients", figure, chart)


def _ticks(axis: _Axis, places: Sequence[float]) -> tuple[tuple[float, str], ...]:
    """The numbers of clients that were run, as the axis' own numbers."""
    return tuple((at, f"{at:g}") for at in sorted(set(places))) if axis is CLIENTS else ()


def _marks(points: Sequence[ClosedPoint], axis: _Axis, pick: Pick, scale: float) -> list[Mark]:
    """Values of one scheduler; a closed loop has no state that a mark could show."""
    valid = [point for point in points if not point.measured.invalid]
    places = [(axis.place(point), pick(point)) for point in valid]
    return sorted(
        (scaled(Mark(place, value, True), scale) for place, value in places if place is not None),
        key=lambda mark: mark.rate_rps,
    )


def _finding(
    series: Mapping[str, Sequence[Mark]], look: Mapping[str, Look], title: str, unit: str
) -> str:
    """The values with most clients, where all have one."""
    last = {who: marks[-1] for who, marks in series.items() if marks}
    values = {who: mark.shown for who, mark in last.items() if mark.shown is not None}
    if not values or len(values) < len(series) or len({m.rate_rps for m in last.values()}) > 1:
        return ""
    ordered = sorted(values, key=lambda who: (values[who], who))
    texts = with_unit([values[who] for who in ordered], unit)
    parts = [f"{name_of(look[who])} {text}" for who, text in zip(ordered, texts, strict=True)]
    clients = next(iter(last.values())).rate_rps
    return f"{title} with {clients:g} clients: {', '.join(parts)}"
