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


class LineShape(StrEnum):
    """How a line goes from value to value."""

    JOINED = "joined"
    STEPPED = "stepped"
    STACKED = "stacked"


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
    """The values of one scheduler, with the colour and marker of the static drawing.

    Args:
        points: empty for a line.
        loose: no line joins its points.
        aside: how far its marks lie beside their places, so that series do not hide each other.
        x, y: of a line, its corners; a ``y`` of None is a gap.
    """

    name: str
    colour: str
    marker: str
    points: tuple[ChartPoint, ...]
    loose: bool = False
    aside: float = 0.0
    x: tuple[float, ...] = ()
    y: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class ChartAxis:
    """What values are drawn against.

    Args:
        ticks: (value, text) of places that have a name; empty: numbers.
    """

    quantity: str
    unit: str = ""
    log: bool = False
    domain: tuple[float, float] | None = None
    ticks: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """One interactive drawing.

    Args:
        kind: ``rates`` (values against offered load, or another axis ``x``), ``bars`` (one value a
            scheduler), ``dots`` (values in rows, with their intervals) or ``lines`` (many values).
        title: above the drawing.
        quantity: what the values are, without unit.
        unit: of the values.
        log: whether the axis of values is logarithmic.
        domain: range of that axis; None: as the values are.
        targets: (value, text) of the dashed lines.
        finding: what is seen, in a sentence.
        spans: (from, to, text) of bands of rates behind it; one without width is a line.
        x: what the values are drawn against; None: offered load.
        ticks: (value, text) of the axis of values; empty: numbers.
        change: values are ratios, and read as changes.
        rows: names of the rows of ``dots``, by the points' ``x``.
        shape: of ``lines``.
        below: further drawings of the same series.
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
    x: ChartAxis | None = None
    ticks: tuple[tuple[float, str], ...] = ()
    change: bool = False
    rows: tuple[str, ...] = ()
    shape: LineShape = LineShape.JOINED
    below: tuple[Chart, ...] = ()


class PointForm(TypedDict):
    """``ChartPoint`` in a document."""

    x: float
    y: float | None
    low: float | None
    high: float | None
    n: int | None
    state: str
    text: str


class LineForm(TypedDict, total=False):
    """What only some series have."""

    loose: bool
    aside: float
    x: Sequence[float]
    y: Sequence[float | None]


class SeriesForm(LineForm):
    """``ChartSeries`` in a document."""

    name: str
    colour: str
    marker: str
    points: Sequence[PointForm]


class AxisForm(TypedDict):
    """``ChartAxis`` in a document."""

    quantity: str
    unit: str
    log: bool
    domain: Sequence[float] | None
    ticks: Sequence[Sequence[float | str]]


class MoreForm(TypedDict, total=False):
    """What only some charts have."""

    spans: Sequence[Sequence[float | str]]
    x: AxisForm
    ticks: Sequence[Sequence[float | str]]
    change: bool
    rows: Sequence[str]
    shape: str
    below: Sequence[ChartForm]


class ChartForm(MoreForm):
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
    return cast("ChartForm", _bare(_plain(asdict(chart))))


def _bare(chart: object) -> dict[str, object]:
    """Without what only some charts have, where this has none of it."""
    full = cast("dict[str, object]", chart)
    full["below"] = [_bare(part) for part in cast("list[object]", full["below"])]
    full["series"] = [
        _without(cast("dict[str, object]", series), LineForm.__optional_keys__)
        for series in cast("list[object]", full["series"])
    ]
    if full["shape"] == LineShape.JOINED:
        del full["shape"]
    return _without(full, MoreForm.__optional_keys__)


def _without(values: dict[str, object], optional: frozenset[str]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value or name not in optional}


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, StrEnum):
        return value.value
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
