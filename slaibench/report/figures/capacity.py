"""Figures of capacity: how much each scheduler carries, and how they compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from slaibench.report.figures.panel import Panel
from slaibench.report.figures.style import INK, WIDTH_IN, Look, panel
from slaibench.report.subject import Ratio, Subject
from slaibench.report.text import capacity_digits, together
from slaibench.studies.capacity import CapacityResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BAR_IN = 0.36
AROUND_IN = 1.05
CHAR_IN = 0.083
"""A little more than a character of the figures' font is wide."""


def capacity(subject: Subject, looks: Mapping[str, Look]) -> list[Panel]:
    """Capacity bars, and the ratio of each capacity to the first scheduler's."""
    found = [_bars(subject.capacities, looks)]
    reference = subject.schedulers[0]
    ratios = [r for r in subject.ratios if r.reference == reference and r.scheduler != reference]
    if any(ratio.estimate.value is not None for ratio in ratios):
        found.append(_ratios(subject, ratios, reference, looks))
    return found


def _bars(capacities: tuple[CapacityResult, ...], looks: Mapping[str, Look]) -> Panel:
    figure, (ax,) = panel(AROUND_IN + BAR_IN * len(capacities))
    ends = [
        end
        for each in capacities
        for end in (each.capacity.rate_rps, *(each.capacity.ci95 or ()))
        if end is not None
    ]
    most = max(ends, default=1.0)
    for row, each in enumerate(capacities):
        found, look = each.capacity, looks[each.scheduler]
        if found.rate_rps is None:
            ax.annotate(
                "not told" if each.untold else f"none: {each.measured.rates_rps[0]:g} fails",
                (0, row),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
            )
            continue
        open_end = found.shape is None
        ax.barh(
            row,
            found.rate_rps,
            height=0.6,
            color=look.colour,
            alpha=0.35 if open_end else 0.75,
            hatch="///" if open_end else None,
            edgecolor=look.colour,
            linewidth=0.8,
        )
        low, high = found.ci95 or (found.rate_rps, found.rate_rps)
        ax.errorbar(
            [found.rate_rps],
            [row],
            xerr=[[found.rate_rps - low], [high - found.rate_rps]],
            color=INK,
            capsize=3.5,
            linewidth=1.2,
        )
        ax.annotate(
            _value(each),
            (high, row),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
        )
    labels = [looks[each.scheduler].label for each in capacities]
    _rows(ax, labels)
    ax.set_xlim(0, _room(capacities, labels) or 1.0)
    ax.set_xticks([tick for tick in ax.get_xticks() if tick <= most * 1.08] if ends else [])
    ax.set_xlabel("capacity (requests/s)")
    ax.set_title("Load carried within the targets")
    return Panel("03-capacity", "Capacity of each scheduler with its 95 % interval", figure)


def _room(capacities: Sequence[CapacityResult], labels: Sequence[str]) -> float:
    """Upper end of the axis at which every bar's text fits beside it."""
    axes_in = WIDTH_IN - 0.35 - CHAR_IN * max(map(len, labels))
    ends = [0.0]
    for each in capacities:
        found = each.capacity
        if found.rate_rps is not None:
            text_in = 0.15 + CHAR_IN * len(_value(each))
            high = found.ci95[1] if found.ci95 else found.rate_rps
            ends.append(high / max(1 - text_in / axes_in, 0.25))
    return max(ends)


def _value(each: CapacityResult) -> str:
    found = each.capacity
    values = [found.rate_rps or 0.0, *(found.ci95 or ())]
    value, *interval = capacity_digits(values, found.shape)
    if found.shape is None:
        return f"at least {value}"
    return f"{value}  [{interval[0]}, {interval[1]}]" if interval else value


def _rows(ax: Axes, labels: list[str]) -> None:
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.grid(visible=False, axis="y")


def _bound(subject: Subject, each: Ratio) -> str | None:
    """Which way a ratio is only a bound; None where both capacities are lower bounds."""
    shapes = {c.scheduler: c.capacity.shape for c in subject.capacities}
    over, under = shapes[each.scheduler], shapes[each.reference]
    if over is None and under is None:
        return None
    return "at least " if over is None else "at most " if under is None else ""


def _ratios(
    subject: Subject, ratios: list[Ratio], reference: str, looks: Mapping[str, Look]
) -> Panel:
    figure, (ax,) = panel(AROUND_IN + BAR_IN * max(len(ratios), 2))
    ends = [1.0]
    for row, each in enumerate(ratios):
        found, look = each.estimate, looks[each.scheduler]
        bound = _bound(subject, each)
        if found.value is None or bound is None:
            ax.annotate(
                "no ratio", (1, row), xytext=(6, 0), textcoords="offset points", va="center"
            )
            continue
        low, high = found.ci95 or (found.value, found.value)
        ends += [low, high]
        ax.errorbar(
            [found.value],
            [row],
            xerr=[[max(found.value - low, 0.0)], [max(high - found.value, 0.0)]],
            color=look.colour,
            marker=look.marker,
            markersize=6,
            capsize=3.5,
        )
        texts = together([found.value, *(found.ci95 or ())])
        text = f"{texts[0]}  [{texts[1]}, {texts[2]}]" if found.ci95 else f"{bound}{texts[0]}"
        ax.annotate(
            text,
            (found.value, row),
            xytext=(0, 7),
            textcoords="offset points",
            ha="center",
            fontsize=8.5,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.3},
        )
    ax.axvline(1, color=INK, linewidth=1.0, linestyle=(0, (5, 3)), zorder=1)
    room = max(0.35 * (max(ends) - min(ends)), 0.02)
    ax.set_xlim(max(min(ends) - room, 0.0), max(ends) + room)
    _rows(ax, [looks[each.scheduler].label for each in ratios])
    ax.set_xlabel(f"capacity over that of {looks[reference].label}")
    ax.set_title("Ratio of capacities")
    return Panel("03-capacity-ratio", "Ratio of capacities with its 95 % interval", figure)
