"""Parts that several figures share: values against rate, targets, scales, legend entries."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from slaibench.report.figures.style import INK, Look
from slaibench.studies.estimate import Estimate
from slaibench.studies.operating_point import OperatingPoint

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

Pick = Callable[[OperatingPoint], Estimate | None]
"""From a point to the estimate a figure shows of it; None where it has none."""
FADED = 0.55
RATE_LABEL = "offered load (requests/s)"


@dataclass(frozen=True, slots=True)
class Mark:
    """One value of one series: where, what, and whether its runs were steady (``steady`` None: too
    short to tell)."""

    rate_rps: float
    estimate: Estimate
    steady: bool | None

    @property
    def saturated(self) -> bool:
        return self.steady is False

    @property
    def shown(self) -> float | None:
        """The value, if it can be drawn at a height."""
        value = self.estimate.value
        return value if value is not None and math.isfinite(value) else None


def draw_series(
    ax: Axes, marks: Sequence[Mark], look: Look, place: int, shift: float = 0.0
) -> None:
    """One series against rate: steady values filled and joined, with their intervals as a band
    (bars where they stand alone); saturated ones hollow and faded; values beyond the run as
    arrows at the top.

    Args:
        marks: by rate.
        look: of the scheduler.
        place: its number, so that arrows of several do not hide each other.
        shift: to the side, where several series share their values.
    """
    drawn = [mark for mark in marks if mark.shown is not None]
    for faded, stretch in _stretches(drawn):
        ax.plot(
            [mark.rate_rps + shift for mark in stretch],
            [mark.shown or 0.0 for mark in stretch],
            linestyle=":" if faded else "-",
            linewidth=look.width / 1.5 if faded else look.width,
            color=look.colour,
            alpha=FADED if faded else 1.0,
        )
    for run in _runs([mark for mark in drawn if mark.estimate.ci95 is not None]):
        _intervals(ax, run, look, shift)
    for state in (False, None, True):
        some = [mark for mark in drawn if mark.steady is state]
        ax.plot(
            [mark.rate_rps + shift for mark in some],
            [mark.shown or 0.0 for mark in some],
            linestyle="none",
            color=look.colour,
            zorder=3,
            **mark_style(look, state),
        )
    beyond = [m.rate_rps for m in marks if m.estimate.value is not None and m.shown is None]
    ax.plot(
        beyond,
        [0.965 - 0.06 * place] * len(beyond),
        transform=ax.get_xaxis_transform(),
        linestyle="none",
        marker=r"$\uparrow$",
        markersize=6,
        color=look.colour,
        zorder=3,
    )


def mark_style(look: Look, state: bool | None) -> dict[str, Any]:
    """Filled: steady; hollow and faded: saturated; half filled: cannot tell."""
    shape = {"marker": look.marker, "markersize": look.size}
    if state is None:
        return {**shape, "fillstyle": "bottom", "markerfacecoloralt": "white"}
    return {
        **shape,
        "markerfacecolor": look.colour if state else "white",
        "alpha": 1.0 if state else FADED,
    }


def _stretches(marks: Sequence[Mark]) -> Iterable[tuple[bool, list[Mark]]]:
    """(whether faded, marks to join): a piece between two marks is faded if one is saturated."""
    stretch: list[Mark] = []
    faded = False
    for before, after in itertools.pairwise(marks):
        now = before.saturated or after.saturated
        if stretch and now is faded:
            stretch.append(after)
            continue
        if stretch:
            yield faded, stretch
        stretch, faded = [before, after], now
    if stretch:
        yield faded, stretch


def _runs(marks: Sequence[Mark]) -> Iterable[list[Mark]]:
    """Marks cut into stretches of steady neighbours; each saturated one by itself."""
    run: list[Mark] = []
    for mark in marks:
        if mark.saturated:
            if run:
                yield run
            yield [mark]
            run = []
        else:
            run.append(mark)
    if run:
        yield run


def _intervals(ax: Axes, run: Sequence[Mark], look: Look, shift: float) -> None:
    rates = [mark.rate_rps + shift for mark in run]
    low = [mark.estimate.low or 0.0 for mark in run]
    high = [mark.estimate.high or 0.0 for mark in run]
    if len(run) > 1:
        ax.fill_between(rates, low, high, color=look.colour, alpha=0.18, linewidth=0)
        return
    alpha = FADED if run[0].saturated else 1.0
    ax.vlines(rates, low, high, color=look.colour, alpha=alpha, linewidth=1.0)


def limits(
    series: Iterable[Mark], targets: Iterable[float], *, log: bool = True
) -> tuple[float, float] | None:
    """Range that shows every value and target, and of intervals what lies within a factor of 8 of
    the values: with two seeds an interval may span decades and would flatten all else."""
    marks = [mark for mark in series if mark.shown is not None]
    values = [mark.shown or 0.0 for mark in marks]
    drawable = [value for value in (*values, *targets) if value > 0 or not log]
    if not drawable:
        return None
    least, most = min(drawable), max(drawable)
    ends = [end for mark in marks for end in (mark.estimate.ci95 or ())]
    low = max(min([least, *ends]), least / 8)
    high = min(max([most, *ends]), most * 8)
    return (low / 1.25, high * 1.4) if log else (low, high)


def target_line(ax: Axes, value: float, text: str) -> None:
    """A target as a dashed line, its text on the left where low loads leave room."""
    ax.axhline(value, color=INK, linestyle=(0, (5, 3)), linewidth=1.0, zorder=1)
    ax.annotate(
        text,
        (0.012, value),
        xycoords=ax.get_yaxis_transform(),
        xytext=(0, 3.5),
        textcoords="offset points",
        fontsize=8.5,
        color=INK,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0},
        zorder=4,
    )


def rate_axis(ax: Axes, rates: Sequence[float], shift: float = 0.0) -> None:
    """The x axis of a figure against load, with room around the outer rates.

    Args:
        shift: how far marks may lie beside their rate.
    """
    from matplotlib.ticker import FuncFormatter, MaxNLocator  # noqa: PLC0415

    ax.set_xlabel(RATE_LABEL)
    low, high = min(rates), max(rates)
    room = (0.04 * (high - low) or 0.5 * high) + shift
    ax.set_xlim(low - room, high + room)
    if low == high:
        ax.set_xticks([low])
    else:
        ax.xaxis.set_major_locator(MaxNLocator(nbins=9, steps=[1, 2, 5, 10]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


SHORT_DECADES = 0.5
"""A shorter axis may have only one of 1, 2 and 5 on it."""


def log_axis(ax: Axes, which: Literal["x", "y"], span: tuple[float, float] | None) -> None:
    """A logarithmic axis with plain numbers at 1, 2 and 5 (at powers of ten if it is long, at more
    if it is short).

    Args:
        span: its range; None: there is nothing to show, which the axes then say.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter  # noqa: PLC0415

    axis: Any = ax.xaxis if which == "x" else ax.yaxis
    if span is None:
        ax.text(0.5, 0.5, "no value: n too small", ha="center", transform=ax.transAxes)
        axis.set_ticks([])
        return
    ax.set(**{f"{which}scale": "log", f"{which}lim": span})
    decades = math.log10(span[1] / span[0])
    subs: tuple[float, ...] = (1.0, 2.0, 5.0) if decades < 3.3 else (1.0,)
    if decades < SHORT_DECADES:
        subs = (1.0, 1.2, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)
    axis.set_major_locator(LogLocator(subs=subs, numticks=20))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def scheduler_handles(looks: Iterable[Look]) -> list[Artist]:
    """Legend entries of the schedulers."""
    from matplotlib.lines import Line2D  # noqa: PLC0415

    return [
        Line2D(
            [],
            [],
            color=look.colour,
            marker=look.marker,
            markersize=look.size,
            linewidth=look.width,
            label=look.label,
        )
        for look in looks
    ]


def state_handles(marks: Iterable[Mark]) -> list[Artist]:
    """Legend entries of what is special among the marks: saturated, beyond the run."""
    from matplotlib.lines import Line2D  # noqa: PLC0415

    marks = list(marks)
    grey = Look("", INK, "o")
    handles: list[Artist] = []
    for state, label in ((None, "cannot tell if steady"), (False, "saturated")):
        if any(mark.steady is state for mark in marks):
            style: dict[str, Any] = {"linestyle": ":" if state is False else "none"}
            style |= mark_style(grey, state)
            handles.append(
                Line2D([], [], **{**style, "color": INK, "linewidth": 1.0, "label": label})
            )
    if any(mark.estimate.value is not None and mark.shown is None for mark in marks):
        handles.append(
            Line2D(
                [],
                [],
                color=INK,
                marker=r"$\uparrow$",
                markersize=7,
                linestyle="none",
                label="longer than the run",
            )
        )
    return handles


def steady(point: OperatingPoint) -> bool | None:
    """Whether a point's runs were steady; None: most cannot tell."""
    return False if point.saturated else None if point.undecided else True


def shifts(count: int, apart: float) -> list[float]:
    """Where series of the same thing lie beside a rate: the first on it, the others around it."""
    others = count - 1
    return [0.0, *((place - (others - 1) / 2) * apart for place in range(others))]


def scaled(mark: Mark, scale: float) -> Mark:
    """A mark in another unit."""
    estimate = mark.estimate
    value, low, high = (
        None if x is None else scale * x for x in (estimate.value, estimate.low, estimate.high)
    )
    return Mark(mark.rate_rps, Estimate(value, low, high, estimate.n), mark.steady)


def marks_of(points: Iterable[OperatingPoint], pick: Pick) -> list[Mark]:
    """A figure's values of one scheduler, by rate; invalid runs have none."""
    valid = [point for point in points if not point.invalid]
    marks = [Mark(p.rate_rps, e, steady(p)) for p in valid if (e := pick(p)) is not None]
    return sorted(marks, key=lambda mark: mark.rate_rps)
