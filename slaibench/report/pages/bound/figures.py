"""Figures of a page of capacity bounds; all that they show is in its document."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from slaibench.report.document import ends_of
from slaibench.report.figures.panel import Panel, file_name
from slaibench.report.figures.style import INK, Look, legend, looks, panel, plain
from slaibench.report.pages.bound.document import BoundDocument
from slaibench.report.words import short_names, significant
from slaibench.studies.bound.forms import MapCellForm, MapColumnForm, RadPointForm

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

FILLS = {"stable": "#A8DDB5", "unstable": "#F2B5A7", "not told": "#E4E4E4"}
"""Of a map's rectangles; they differ in lightness as well."""
ROW_IN = 0.33


def panels(doc: BoundDocument) -> dict[str, list[Panel]]:
    """Panels by figure, as the page's captions name them; figures without any are left out."""
    figures = {
        "throughput": _throughput(doc),
        "map": _maps(doc),
        "rad": _rad(doc),
        "budgets": _budgets(doc),
    }
    return {name: drawn for name, drawn in figures.items() if drawn}


def _looks(doc: BoundDocument) -> dict[str, Look]:
    names = [row["scheduler"] for row in doc["schedulers"]]
    return looks(names, short_names(names))


def _throughput(doc: BoundDocument) -> list[Panel]:
    look = _looks(doc)
    shares = [
        (value, row) for row in doc["schedulers"] if (value := row["share"]["value"]) is not None
    ]
    shares.sort(key=lambda pair: pair[0])
    if not shares:
        return []
    figure, (ax,) = panel(0.9 + ROW_IN * len(shares))
    for place, (share, row) in enumerate(shares):
        style, value = look[row["scheduler"]], 100 * share
        ax.barh(place, value, height=0.62, color=style.colour)
        if ends := ends_of(row["share"]["ci95"]):
            ax.plot([100 * end for end in ends], [place, place], color=INK)
        within = 100 * row["within_rps"] / doc["bound"]["rate_rps"]
        ax.plot([within, within], [place - 0.38, place + 0.38], color=INK, linewidth=1.1)
        ax.text(1, place, f"{value:.1f} %", va="center", color="white", fontweight="bold")
    ax.set_yticks(range(len(shares)), [look[row["scheduler"]].label for _, row in shares])
    ax.grid(visible=False, axis="y")
    ax.axvline(100, color=INK, linestyle="--", linewidth=1.0)
    ax.set_xlim(0, 104)
    ax.set_xlabel("saturated throughput, % of the bound")
    ax.set_title(f"Bound: {significant(doc['bound']['rate_rps'], 4)} requests/s")
    return [Panel("throughput", "Saturated throughput of each scheduler over the bound", figure)]


def _maps(doc: BoundDocument) -> list[Panel]:
    columns, cells = doc["maps"]["columns"], doc["maps"]["cells"]
    look = _looks(doc)
    return [
        _map(name, columns, [cell for cell in cells if cell["scheduler"] == name], look)
        for name in dict.fromkeys(cell["scheduler"] for cell in cells)
    ]


def _map(
    name: str, columns: list[MapColumnForm], cells: list[MapCellForm], look: dict[str, Look]
) -> Panel:
    from matplotlib.lines import Line2D  # noqa: PLC0415
    from matplotlib.patches import Patch, Rectangle  # noqa: PLC0415

    figure, (ax,) = panel(3.4)
    lengths = [math.log10(column["mean_output"]) for column in columns]
    for place, column in enumerate(columns):
        left, right = _edges(lengths, place)
        rates = [math.log10(rate) for rate in column["rates"]]
        for row, rate in enumerate(column["rates"]):
            low, high = _edges(rates, row)
            (cell,) = (
                c
                for c in cells
                if (c["mean_output"], c["rate_rps"]) == (column["mean_output"], rate)
            )
            box = (10**left, 10**low)
            size = (10**right - 10**left, 10**high - 10**low)
            fill = FILLS[cell["stability"]]
            ax.add_patch(Rectangle(box, *size, facecolor=fill, edgecolor="white", linewidth=0.6))
    ax.plot(
        [column["mean_output"] for column in columns],
        [column["bound_rps"] for column in columns],
        color=INK,
        marker="o",
    )
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.grid(visible=False)
    ax.set_xlim(10 ** _edges(lengths, 0)[0], 10 ** _edges(lengths, len(lengths) - 1)[1])
    ends = [
        end
        for column in columns
        for rates in [[math.log10(rate) for rate in column["rates"]]]
        for end in (_edges(rates, 0)[0], _edges(rates, len(rates) - 1)[1])
    ]
    ax.set_ylim(10 ** min(ends), 10 ** (max(ends) + 0.03))
    outputs = [column["mean_output"] for column in columns]
    ax.set_xticks(outputs, [str(tokens) for tokens in outputs])
    ax.xaxis.minorticks_off()
    _rate_ticks(ax)
    ax.set_xlabel("mean output tokens (log scale)")
    ax.set_ylabel("rate (requests/s, log scale)")
    ax.set_title(look[name].label)
    seen = {cell["stability"] for cell in cells}
    handles: list[Artist] = [Patch(color=FILLS[s], label=s) for s in FILLS if s in seen]
    legend(figure, [*handles, Line2D([], [], color=INK, marker="o", label="bound")])
    alt = f"Stability of {name} by rate and mean output length, with the bound"
    return Panel(file_name("map", look[name].label), alt, figure)


def _rate_ticks(ax: Axes) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter  # noqa: PLC0415

    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.yaxis.set_minor_formatter(NullFormatter())


def _edges(places: list[float], index: int) -> tuple[float, float]:
    """Half way to the neighbours; at the ends as far out as in."""
    if len(places) == 1:
        return places[0] - 0.1, places[0] + 0.1
    before = places[index] - places[index - 1] if index else places[1] - places[0]
    after = (
        places[index + 1] - places[index]
        if index + 1 < len(places)
        else places[index] - places[index - 1]
    )
    return places[index] - before / 2, places[index] + after / 2


def _rad(doc: BoundDocument) -> list[Panel]:
    points = doc["rad"]["points"]
    tiles = list(dict.fromkeys(point["tile"] for point in points))
    look = looks([str(tile) for tile in tiles], {str(tile): f"tile {tile}" for tile in tiles})
    return [
        _rad_panel(doc, step_s, [p for p in points if p["step_s"] == step_s], look)
        for step_s in dict.fromkeys(point["step_s"] for point in points)
    ]


def _rad_panel(
    doc: BoundDocument, step_s: float, points: list[RadPointForm], look: dict[str, Look]
) -> Panel:
    from matplotlib.lines import Line2D  # noqa: PLC0415

    figure, (ax,) = panel()
    cycles = list(dict.fromkeys(point["cycle"] for point in points))
    theorem = doc["rad"]["theorem_1_rps"]
    for tile, style in look.items():
        line = [p for p in points if str(p["tile"]) == tile and p["share"]["value"] is not None]
        places = [cycles.index(point["cycle"]) for point in line]
        values = [100 * (point["share"]["value"] or 0.0) for point in line]
        ax.plot(places, values, color=style.colour, marker=style.marker)
        for place, point in zip(places, line, strict=True):
            if ends := ends_of(point["share"]["ci95"]):
                ax.plot(
                    [place, place], [100 * end for end in ends], color=style.colour, linewidth=1.0
                )
        if line:
            full = 100 * line[0]["limit_rps"] / theorem
            ax.axhline(full, color=style.colour, linestyle="--", linewidth=0.9)
    ax.axhline(100, color=INK, linewidth=1.0)
    ax.set_ylim(0, 105)
    ax.set_xticks(range(len(cycles)), ["no end" if c == "inf" else c for c in cycles])
    ax.set_xlabel("cycle (requests started before the decodes must run out)")
    ax.set_ylabel("% of Theorem 1's bound")
    ax.set_title(f"{1e3 * step_s:g} ms a step")
    handles = [
        Line2D([], [], color=s.colour, marker=s.marker, label=s.label) for s in look.values()
    ]
    legend(figure, handles)
    alt = f"RAD's share of Theorem 1's bound by cycle and tile, with {1e3 * step_s:g} ms a step"
    return Panel(file_name("rad", f"{1e3 * step_s:g}ms"), alt, figure)


def _budgets(doc: BoundDocument) -> list[Panel]:
    rows = [row for row in doc["budgets"] if row["rate_rps"]["value"] is not None]
    if not rows:
        return []
    figure, (ax,) = panel()
    places = [row["token_budget"] for row in rows]
    style = looks(["sarathi"], {"sarathi": "sarathi"})["sarathi"]
    values = [row["rate_rps"]["value"] or 0.0 for row in rows]
    ax.plot(places, values, color=style.colour, marker=style.marker)
    for place, row in zip(places, rows, strict=True):
        if ends := ends_of(row["rate_rps"]["ci95"]):
            ax.plot([place, place], ends, color=style.colour, linewidth=1.0)
    ax.set_xticks(places)
    ax.set_xlabel("token budget")
    ax.set_ylabel("saturated (requests/s)")
    ax.set_title(plain(f"sarathi on {doc['place']}"))
    return [Panel("budgets", "Saturated throughput of Sarathi-Serve by token budget", figure)]
