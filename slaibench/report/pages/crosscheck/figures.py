"""Figures of several backends side by side: a panel a scheduler, a mark a backend."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from slaibench.report.figures.axes import (
    Mark,
    draw_series,
    limits,
    log_axis,
    marks_of,
    rate_axis,
    scaled,
    scheduler_handles,
    shifts,
    state_handles,
    target_line,
)
from slaibench.report.figures.change import change_panel
from slaibench.report.figures.interactive import at_highest_steady, name_of, rates_chart
from slaibench.report.figures.latency import tbt_targets, ttft_targets
from slaibench.report.figures.panel import Panel, file_name
from slaibench.report.figures.style import (
    MARKERS,
    Look,
    legend,
    looks,
    pale,
    panel,
    plain,
)
from slaibench.report.pages.crosscheck.differences import differences
from slaibench.report.pages.crosscheck.document import CrosscheckDocument
from slaibench.report.pages.crosscheck.subject import Crosscheck, reference
from slaibench.report.subject import CHANGE_LEVELS, Subject
from slaibench.report.words import short_names
from slaibench.studies.estimate import Estimate
from slaibench.studies.operating_point import OperatingPoint

APART = 0.014
"""Of the range of rates: how far small marks lie beside each other, inside a wide one."""
WIDE, WIDE_MARK, SMALL_MARK = 5.0, 10.0, 3.6
"""Line and mark of the reference, and marks of the others, in points."""
Pick = Callable[[OperatingPoint], Estimate | None]


@dataclass(frozen=True, slots=True)
class View:
    """One quantity against rate.

    Args:
        figure: as ``captions`` calls it.
        title: of each panel, before the scheduler's name.
        unit: of the axis; percentages begin at 0, all else is logarithmic.
        targets: (value, text), in the points' unit.
        scale: from the points' unit to ``unit``.
    """

    figure: str
    title: str
    unit: str
    pick: Pick
    targets: Sequence[tuple[float, str]] = ()
    scale: float = 1.0


def panels(subject: Crosscheck, doc: CrosscheckDocument) -> dict[str, list[Panel]]:
    """Panels by figure, as ``captions.captions`` names them; figures without any are left out."""
    look = looks(subject.schedulers, short_names(subject.schedulers))
    figures = {"differences": differences(subject, look)}
    for view in views(subject.reference, reference(doc)["tiers"]):
        figures[view.figure] = _panels(subject, look, view)
    figures["change"] = _changes(subject, look)
    return {name: drawn for name, drawn in figures.items() if drawn}


def views(study: Subject, tiers: Mapping[str, float | None]) -> list[View]:
    """What is shown against rate.

    Args:
        study: on the reference.
        tiers: TBT SLO by tier; None: it has none.
    """
    shown = [
        View(f"ttft-{level}", title, "s", _ttft(level), ttft_targets(study, q))
        for level, q, title in (("p50", 0.5, "Median TTFT"), ("p99", 0.99, "P99 TTFT"))
    ]
    for place, (tier, slo_s) in enumerate(tiers.items()):
        targets = tbt_targets(study, tier, math.nan if slo_s is None else slo_s)
        shown.append(View(f"tbt-{place + 1}", f"P99 TBT, {tier}", "ms", _tbt(tier), targets, 1e3))
    return [*shown, View("kv", "KV blocks in use", "%", _kv, scale=100)]


def _ttft(level: str) -> Pick:
    return lambda point: point.ttft_s[level]


def _tbt(tier: str) -> Pick:
    return lambda point: point.tiers[tier].tbt_p99_s if tier in point.tiers else None


def _kv(point: OperatingPoint) -> Estimate | None:
    return Estimate(point.kv_mean, None, None, point.num_seeds)


def backend_looks(between: Sequence[str], colour: str) -> list[Look]:
    """A look for each backend in a scheduler's colour: the reference wide and pale, so that what
    lies on it can be seen, the others small and dark."""
    first = Look(plain(between[0]), pale(colour), MARKERS[0], WIDE, WIDE_MARK)
    marks = (*MARKERS[1:], MARKERS[0])
    rest = [
        Look(plain(name), colour, marks[i % len(marks)], 1.0, SMALL_MARK)
        for i, name in enumerate(between[1:])
    ]
    return [first, *rest]


def _panels(subject: Crosscheck, look: dict[str, Look], view: View) -> list[Panel]:
    """A panel for each scheduler, all of the same range."""
    series = {
        name: [_bare(study, name, view) for study in subject.studies] for name in subject.schedulers
    }
    every = [mark for sides in series.values() for marks in sides for mark in marks]
    if not any(mark.shown is not None for mark in every):
        return []
    targets = [(view.scale * value, text) for value, text in view.targets]
    span = limits(every, [value for value, _ in targets], log=view.unit != "%")
    rates = subject.reference.sweep.spec.rates
    apart = APART * ((max(rates) - min(rates)) or max(rates))
    drawn = []
    for name, by_backend in series.items():
        figure, (ax,) = panel()
        sides = backend_looks(subject.between, look[name].colour)
        if view.unit == "%":
            ax.set_ylim(0, 1.15 * (span or (0, 1))[1])
        else:
            log_axis(ax, "y", span)
        beside = shifts(len(sides), apart)
        for place, (side, marks, aside) in enumerate(zip(sides, by_backend, beside, strict=True)):
            draw_series(ax, marks, side, place, aside)
        for value, text in targets:
            target_line(ax, value, text)
        rate_axis(ax, rates, apart * len(sides))
        scale = "" if view.unit == "%" else ", log scale"
        ax.set_ylabel(f"{view.title.partition(',')[0]} ({view.unit}{scale})")
        ax.set_title(f"{look[name].label}: {view.title}")
        legend(figure, [*scheduler_handles(sides), *state_handles(every)])
        own = name_of(look[name])
        keyed = dict(zip(subject.between, sides, strict=True))
        marks_by = dict(zip(subject.between, by_backend, strict=True))
        finding = at_highest_steady(marks_by, keyed, f"{view.title} of {own}", view.unit)
        chart = rates_chart(
            marks_by,
            keyed,
            f"{view.title}, {own}",
            view.unit,
            (0.0, 1.15 * (span or (0, 1))[1]) if view.unit == "%" else span,
            targets,
            log=view.unit != "%",
            finding=finding,
            aside=dict(zip(subject.between, beside, strict=True)),
        )
        alt = finding or f"{view.title} of {own}: at no rate are all backends steady with a value"
        drawn.append(Panel(file_name(view.figure, look[name].label), alt, figure, chart))
    return drawn


def _bare(study: Subject, scheduler: str, view: View) -> list[Mark]:
    """A scheduler's values on one backend, without intervals (``captions`` says why)."""
    marks = [scaled(m, view.scale) for m in marks_of(study.sweep.of(scheduler), view.pick)]
    return [replace(m, estimate=replace(m.estimate, low=None, high=None)) for m in marks]


def _changes(subject: Crosscheck, look: dict[str, Look]) -> list[Panel]:
    """The paired change of TTFT on each backend; nothing but with two schedulers."""
    pair = subject.reference.pair
    if pair is None:
        return []
    a, b = (look[name] for name in pair)
    sides = backend_looks(subject.between, b.colour)
    rates = subject.reference.sweep.spec.rates
    apart = APART * ((max(rates) - min(rates)) or max(rates))
    series = list(zip(sides, subject.studies, strict=True))
    return [
        change_panel(series, q, f"{b.label} against {a.label}", f"change-p{100 * q:g}", apart)
        for q in CHANGE_LEVELS
        if any(_has_change(study, q) for study in subject.studies)
    ]


def _has_change(study: Subject, q: float) -> bool:
    return any(change.q == q and change.estimate.value is not None for change in study.changes)
