"""What an interactive figure shows, as plain values: the static drawing is made of the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TypedDict, cast

DIGITS = 6
"""As many as a drawing's digest looks at (``data.SHOWN_DIGITS``)."""


class PointState(StrEnum):
    """Whether a value is one of steady runs."""

    STEADY = "steady"
    SATURATED = "saturated"
    UNDECIDED = "cannot tell if steady"

    @classmethod
    def of(cls, steady: bool | None) -> PointState:
        return cls.UNDECIDED if steady is None else cls.STEADY if steady else cls.SATURATED


@dataclass(frozen=True, slots=True)
class ChartPoint:
    """One value of a series.

    Args:
        x: a rate, or a number that names a row.
        y: the value; None: beyond the run, so that no height shows it.
        low, high: 95 % interval, where there is one.
        n: samples behind it; None: not counted.
        text: what is printed beside a bar.
    """

    x: float
    y: float | None
    low: float | None
    high: float | None
    n: int | None
    state: PointState = PointState.STEADY
    text: str = ""


@dataclass(frozen=True, slots=True)
class ChartSeries:
    """The values of one scheduler, with the colour and marker of the static drawing."""

    name: str
    colour: str
    marker: str
    points: tuple[ChartPoint, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """One interactive drawing.

    Args:
        kind: ``rates`` (values against offered load) or ``bars`` (one value a scheduler).
        title: above the drawing.
        quantity: what the values are, without unit.
        unit: of the values.
        log: whether the axis of values is logarithmic.
        domain: range of that axis; None: as the values are.
        targets: (value, text) of the dashed lines.
        finding: what is seen, in a sentence.
        spans: (from, to, text) of bands of rates behind it; one without width is a line.
    """

    kind: str
    title: str
    quantity: str
    unit: str
    log: bool
    domain: tuple[float, float] | None
    series: tuple[ChartSeries, ...]
    targets: tuple[tuple[float, str], ...] = ()
    finding: str = ""
    spans: tuple[tuple[float, float, str], ...] = ()


class PointForm(TypedDict):
    """``ChartPoint`` in a document."""

    x: float
    y: float | None
    low: float | None
    high: float | None
    n: int | None
    state: str
    text: str


class SeriesForm(TypedDict):
    """``ChartSeries`` in a document."""

    name: str
    colour: str
    marker: str
    points: Sequence[PointForm]


class SpansForm(TypedDict, total=False):
    """Bands of rates, of a chart that has some."""

    spans: Sequence[Sequence[float | str]]


class ChartForm(SpansForm):
    """``Chart`` in a document."""

    kind: str
    title: str
    quantity: str
    unit: str
    log: bool
    domain: Sequence[float] | None
    series: Sequence[SeriesForm]
    targets: Sequence[Sequence[float | str]]
    finding: str


def form_of(chart: Chart) -> ChartForm:
    """A chart as JSON has it, each number as exact as can be seen."""
    values = asdict(chart)
    if not chart.spans:
        del values["spans"]  # older pages' charts have no such key
    return cast("ChartForm", _plain(values))


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, StrEnum):
        return value.value
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
