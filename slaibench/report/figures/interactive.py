"""The interactive form of drawings: of the marks and bars that the static ones are drawn from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from slaibench.recording.record import FloatArray
from slaibench.report.figures.axes import Mark
from slaibench.report.figures.chart import (
    Chart,
    ChartAxis,
    ChartPoint,
    ChartSeries,
    LineShape,
    PointState,
)
from slaibench.report.figures.hover import with_unit
from slaibench.report.figures.style import Look
from slaibench.report.words import capacity_digits, rate
from slaibench.studies.capacity import CapacityResult

MOST_NAMED = 4
"""More schedulers in one sentence are a list, not a finding."""


def rates_chart(
    series: Mapping[str, Sequence[Mark]],
    looks: Mapping[str, Look],
    title: str,
    unit: str,
    domain: tuple[float, float] | None,
    targets: Sequence[tuple[float, str]],
    *,
    log: bool,
    x: ChartAxis | None = None,
    finding: str | None = None,
    aside: Mapping[str, float] | None = None,
) -> Chart | None:
    """Marks against rate, or against another axis.

    Args:
        series: marks by what ``looks`` has a look for.
        title: the part before the first comma names the values.
        domain: range of the static drawing's axis.
        finding: in a sentence; None: the values at the highest steady rate.
        aside: how far the marks of a series lie beside their places.

    Returns:
        None where no value can be drawn: there is nothing to hover.
    """
    if all(mark.shown is None for marks in series.values() for mark in marks):
        return None
    if finding is None:
        finding = at_highest_steady(series, looks, title, unit)
    return Chart(
        "rates",
        title,
        title.partition(",")[0],
        unit,
        log,
        domain,
        tuple(
            ChartSeries(
                name_of(looks[who]),
                looks[who].colour,
                looks[who].marker,
                tuple(point_of(mark) for mark in marks if mark.estimate.value is not None),
                aside=(aside or {}).get(who, 0.0),
            )
            for who, marks in series.items()
        ),
        tuple(targets),
        finding,
        x=x,
    )


def line_series(look: Look, x: FloatArray, y: FloatArray, name: str = "") -> ChartSeries:
    """A line of many values; one that is not finite is a gap.

    Args:
        name: empty: that of the look.
    """
    corners = tuple(value if math.isfinite(value) else None for value in y.tolist())
    return ChartSeries(
        name or name_of(look), look.colour, look.marker, (), x=tuple(x.tolist()), y=corners
    )


def lines_chart(
    title: str,
    quantity: str,
    unit: str,
    x: ChartAxis,
    series: Iterable[ChartSeries],
    *,
    log: bool = False,
    domain: tuple[float, float] | None = None,
    finding: str = "",
    shape: LineShape = LineShape.JOINED,
    spans: Sequence[tuple[float, float, str]] = (),
    below: Sequence[Chart] = (),
) -> Chart:
    """Lines of many values."""
    return Chart(
        "lines",
        title,
        quantity,
        unit,
        log,
        domain,
        tuple(series),
        (),
        finding,
        tuple(spans),
        x=x,
        shape=shape,
        below=tuple(below),
    )


def at_highest_steady(
    series: Mapping[str, Sequence[Mark]], looks: Mapping[str, Look], title: str, unit: str
) -> str:
    """What a drawing against rate shows: the values at the highest rate at which no scheduler is
    saturated and all have a value; empty where there is no such rate."""
    steady = [
        {mark.rate_rps for mark in marks if mark.steady and mark.shown is not None}
        for marks in series.values()
    ]
    common = set.intersection(*steady) if steady else set()
    if not common:
        return ""
    at = max(common)
    values = {
        who: mark.shown or 0.0
        for who, marks in series.items()
        for mark in marks
        if mark.rate_rps == at
    }
    ordered = sorted(values, key=lambda who: (values[who], who))
    of = ""
    if len(ordered) > MOST_NAMED:
        of = f"of {len(ordered)} the lowest and the highest "
        ordered = [ordered[0], ordered[-1]]
    texts = with_unit([values[who] for who in ordered], unit)
    parts = [f"{name_of(looks[who])} {text}" for who, text in zip(ordered, texts, strict=True)]
    return f"{title} at {rate(at)} requests/s: {of}{', '.join(parts)}"


def bars_chart(
    capacities: Sequence[CapacityResult], looks: Mapping[str, Look], finding: str, most: float
) -> Chart | None:
    """One bar a scheduler; None where no scheduler has a capacity.

    Args:
        finding: in a sentence.
        most: end of the static drawing's axis.
    """
    if all(result.capacity.rate_rps is None for result in capacities):
        return None
    drawn = tuple(
        ChartSeries(
            name_of(looks[result.scheduler]),
            looks[result.scheduler].colour,
            looks[result.scheduler].marker,
            (_bar(row, result),),
        )
        for row, result in enumerate(capacities)
    )
    title = "Load carried within the targets"
    return Chart("bars", title, "capacity", "requests/s", False, (0.0, most), drawn, (), finding)


def carried(capacities: Sequence[CapacityResult], looks: Mapping[str, Look]) -> str:
    """Who carries how much, the most first; empty where nobody has a capacity."""
    carrying = [result for result in capacities if result.capacity.rate_rps is not None]
    ordered = sorted(carrying, key=lambda r: (-(r.capacity.rate_rps or 0.0), r.scheduler))
    parts = [
        f"{name_of(looks[result.scheduler])} {capacity_text(result)}"
        for result in ordered[:MOST_NAMED]
    ]
    return f"Capacity in requests/s: {', '.join(parts)}" if parts else ""


def capacity_text(result: CapacityResult) -> str:
    """A capacity as it stands beside its bar: ``12.3  [11.9, 12.8]``."""
    capacity = result.capacity
    values = [capacity.rate_rps or 0.0, *(capacity.ci95 or ())]
    value, *interval = capacity_digits(values, capacity.shape)
    if capacity.shape is None:
        return f"at least {value}"
    return f"{value}  [{interval[0]}, {interval[1]}]" if interval else value


def name_of(look: Look) -> str:
    """A look's label as text; the drawing's own escapes taken back (``style.plain``)."""
    return look.label.replace(r"\$", "$").strip()


def point_of(mark: Mark, text: str = "") -> ChartPoint:
    """A mark as a chart has it."""
    low, high = mark.estimate.ci95 or (None, None)
    state = PointState.of(mark.steady)
    return ChartPoint(mark.rate_rps, mark.shown, low, high, mark.estimate.n, state, text)


def _bar(row: int, result: CapacityResult) -> ChartPoint:
    capacity = result.capacity
    value = capacity.rate_rps
    text = capacity_text(result) if value is not None else no_capacity(result)
    low, high = capacity.ci95 or (None, None)
    return ChartPoint(float(row), value, low, high, None, text=text)


def no_capacity(result: CapacityResult) -> str:
    """What stands where a scheduler has no bar."""
    return "not told" if result.untold else f"none: {result.measured.rates_rps[0]:g} fails"
