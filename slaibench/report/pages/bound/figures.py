"""Figures of a page of capacity bounds; all that they show is in its document."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from slaibench.report.document import ends_of
from slaibench.report.figures.axes import Mark
from slaibench.report.figures.chart import Chart, ChartAxis, ChartPoint, ChartSeries
from slaibench.report.figures.interactive import name_of, rates_chart
from slaibench.report.figures.panel import Panel, file_name
from slaibench.report.figures.style import INK, Look, legend, looks, panel, plain
from slaibench.report.pages.bound.document import BoundDocument
from slaibench.report.words import short_names, significant
from slaibench.studies.bound.forms import MapCellForm, MapColumnForm, RadPointForm, ThroughputForm

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
from slaibench.studies.estimate import Estimate
from slaibench.studies.forms import EstimateForm

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
    series = [
        ChartSeries(
            name_of(look[row["scheduler"]]),
            look[row["scheduler"]].colour,
            look[row["scheduler"]].marker,
            (_bar(place, row, share),),
        )
        for place, (share, row) in enumerate(reversed(shares))
    ]
    texts = [f"{one.name} {one.points[0].text}" for one in series]
    finding = f"Saturated throughput, of the bound: {', '.join(texts)}"
    chart = Chart(
        "bars",
        f"Bound: {significant(doc['bound']['rate_rps'], 4)} requests/s",
        "saturated throughput, of the bound",
        "%",
        False,
        (0.0, 118.0),
        tuple(series),
        finding=finding,
    )
    return [Panel("throughput", finding, figure, chart)]


def _bar(place: int, row: ThroughputForm, share: float) -> ChartPoint:
    ends = ends_of(row["share"]["ci95"])
    low, high = (100 * ends[0], 100 * ends[1]) if ends else (None, None)
    return ChartPoint(place, 100 * share, low, high, None, text=f"{100 * share:.1f} %")


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
    below, above = ([c for c in cells if (c["load"] >= 1) is over] for over in (False, True))
    counts = [
        f"in {sum(c['stability'] == 'stable' for c in some)} of {len(some)} runs {where}"
        for some, where in ((below, "below the bound"), (above, "at it or above"))
        if some
    ]
    alt = f"{name_of(look[name])} is stable {', '.join(counts)}"
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
    marks = {tile: _rad_marks(points, tile, cycles) for tile in look}
    most = max((m.shown or 0.0 for some in marks.values() for m in some), default=None)
    step = f"{1e3 * step_s:g} ms a step"
    finding = "" if most is None else f"RAD at {step}: at best {most:.1f} % of Theorem 1's bound"
    ticks = enumerate("no end" if cycle == "inf" else cycle for cycle in cycles)
    chart = rates_chart(
        marks,
        look,
        f"share of Theorem 1's bound, {step}",
        "%",
        (0.0, 105.0),
        [(100.0, "")],
        log=False,
        x=ChartAxis("cycle", ticks=tuple(ticks)),
        finding=finding,
    )
    alt = finding or f"RAD at {step}: too few requests to tell its share of Theorem 1's bound"
    return Panel(file_name("rad", f"{1e3 * step_s:g}ms"), alt, figure, chart)


def _rad_marks(points: list[RadPointForm], tile: str, cycles: list[str]) -> list[Mark]:
    """Shares of one tile, in per cent, by the place of their cycle."""
    return [
        _mark(cycles.index(point["cycle"]), point["share"], 100.0)
        for point in points
        if str(point["tile"]) == tile
    ]


def _mark(place: float, value: EstimateForm, scale: float = 1.0) -> Mark:
    ends = ends_of(value["ci95"])
    low, high = (scale * ends[0], scale * ends[1]) if ends else (None, None)
    shown = None if value["value"] is None else scale * value["value"]
    return Mark(place, Estimate(shown, low, high, value["n"]), steady=True)


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
    best = max(rows, key=lambda row: row["rate_rps"]["value"] or 0.0)
    finding = (
        f"Saturated throughput of Sarathi-Serve is highest at a budget of {best['token_budget']} "
        f"tokens: {significant(best['rate_rps']['value'] or 0.0)} requests/s"
    )
    chart = rates_chart(
        {"sarathi": [_mark(row["token_budget"], row["rate_rps"]) for row in rows]},
        {"sarathi": style},
        f"saturated throughput, on {doc['place']}",
        "requests/s",
        None,
        (),
        log=False,
        x=ChartAxis("budget", "tokens"),
        finding=finding,
    )
    return [Panel("budgets", finding, figure, chart)]
