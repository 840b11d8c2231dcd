"""The figure of a search: each target's metric against rate, and each rate's verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from slaibench.measure.steady import Steadiness
from slaibench.report.document import ends_of
from slaibench.report.figures.axes import Mark, scaled
from slaibench.report.figures.latency import against_rate
from slaibench.report.figures.panel import Panel, file_name
from slaibench.report.figures.style import COLOURS, INK, Look, plain
from slaibench.report.pages.capacity.document import Probe, ProbeTarget
from slaibench.report.pages.capacity.tables import every_target, scale_of, target_title
from slaibench.report.words import BEYOND, rate, significant
from slaibench.studies.estimate import Estimate
from slaibench.studies.forms import Ends
from slaibench.studies.targets import State

LOOKS: Mapping[str, Look] = {
    State.MET: Look("met", COLOURS[2], "o"),
    State.NOT_MET: Look("not met", COLOURS[4], "X", size=6),
    State.CANNOT_TELL: Look("cannot tell", COLOURS[0], "^", size=5.5),
}
"""Verdicts differ by colour and by shape."""
Spans = tuple[tuple[float, float, str], ...]
"""As a chart has them."""
STEADY: Mapping[str, bool | None] = {
    Steadiness.STEADY: True,
    Steadiness.GROWING: False,
    Steadiness.CANNOT_TELL: None,
}


def search_panels(
    name: str,
    probes: Sequence[Probe],
    answer_rps: float | None,
    ci95: Ends | None,
) -> list[Panel]:
    """A panel for each target of one search.

    Args:
        name: whose it is; empty: the page has one only.
        answer_rps, ci95: the capacity, and its interval.
    """
    seen = [probe for probe in probes if probe["invalid"] is None]
    return [
        _panel(name, seen, target, answer_rps, ci95)
        for target in every_target(seen)
        if any(True for _ in _marks(seen, target, None))
    ]


def _panel(
    name: str,
    probes: Sequence[Probe],
    target: ProbeTarget,
    answer_rps: float | None,
    ci95: Ends | None,
) -> Panel:
    scale, unit = scale_of(target["slo"])
    series = {
        state: [scaled(mark, scale) for mark in _marks(probes, target, state)] for state in LOOKS
    }
    series = {state: marks for state, marks in series.items() if marks}
    bound = scale * target["bound_s"]
    what = target_title(target)
    title = f"{what[:1].upper()}{what[1:]}{f', {name}' if name else ''}"
    made = against_rate(
        series,
        LOOKS,
        [probe["rate_rps"] for probe in probes],
        file_name(*filter(None, ("01-search", name, target["slo"], target["tier"]))),
        plain(title),
        unit,
        [(bound, f"target {bound:g} {unit}")],
    )
    finding = f"{title}: {_at_answer(probes, target, answer_rps, unit)}"
    spans = _spans([probe["rate_rps"] for probe in probes], answer_rps, ci95)
    _mark_answer(made, spans)
    chart = None
    if made.chart is not None:
        chart = replace(made.chart, title=title, finding=finding, spans=spans)
    return replace(made, alt=finding, chart=chart)


def _marks(probes: Sequence[Probe], target: ProbeTarget, state: str | None) -> Iterator[Mark]:
    """What was measured of a target at the rates with a verdict; None: at all."""
    for probe in probes:
        if state not in (None, probe["verdict"]["state"]):
            continue
        for own in probe["targets"]:
            if (own["slo"], own["tier"]) == (target["slo"], target["tier"]):
                metric = own["metric_s"]
                value = math.inf if metric["beyond"] else metric["value"]
                if value is not None:
                    estimate = Estimate(value, metric["low"], metric["high"], metric["n"])
                    yield Mark(probe["rate_rps"], estimate, STEADY[probe["state"]])


def _at_answer(
    probes: Sequence[Probe], target: ProbeTarget, answer_rps: float | None, unit: str
) -> str:
    """A target's metric at the largest rate within the capacity, or at the lowest of all."""
    within = [p for p in probes if answer_rps is not None and p["rate_rps"] <= answer_rps]
    probe = max(within, key=_rate) if within else min(probes, key=_rate)
    scale, _ = scale_of(target["slo"])
    marks = [scaled(mark, scale) for mark in _marks([probe], target, None)]
    at = f"at {rate(probe['rate_rps'])} requests/s (target {scale * target['bound_s']:g} {unit})"
    if not marks:
        return f"n too small {at}"
    value = marks[0].shown
    return f"{BEYOND if value is None else f'{significant(value)} {unit}'} {at}"


def _rate(probe: Probe) -> float:
    return probe["rate_rps"]


def _spans(rates: Sequence[float], answer_rps: float | None, ci95: Ends | None) -> Spans:
    """The interval, as far as rates were measured, and the capacity itself."""
    if answer_rps is None:
        return ()
    ends = ends_of(ci95)
    band = [(max(ends[0], min(rates)), min(ends[1], max(rates)), "")] if ends else []
    return (*band, (answer_rps, answer_rps, f"capacity {rate(float(f'{answer_rps:.3g}'))}"))


def _mark_answer(made: Panel, spans: Spans) -> None:
    """The capacity as an upright line, its interval as a band behind it."""
    (ax,) = made.figure.axes
    for low, high, text in spans:
        if not text:
            ax.axvspan(low, high, color=INK, alpha=0.1, linewidth=0, zorder=0)
            continue
        ax.axvline(low, color=INK, linewidth=1.0, zorder=1)
        ax.annotate(
            text,
            (low, 0.985),
            xycoords=ax.get_xaxis_transform(),
            xytext=(-3, 0),
            textcoords="offset points",
            ha="right",
            va="top",
            rotation=90,
            fontsize=8.5,
            color=INK,
        )
