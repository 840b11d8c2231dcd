"""Columns of the page's tables: how values of points become cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from slaibench.report.text import (
    NOTHING,
    TOO_SMALL,
    decimals_for,
    ends,
    number,
    percent,
)

Json = Mapping[str, Any]
Pick = Callable[[Json], Any]
"""From a point of the document to what a column shows of it."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A number, and in small print below it its interval or n.

    Args:
        mark: how it is set off, as a class of the style sheet; empty: not at all.
        span: columns that it covers.
    """

    text: str
    under: tuple[str, ...] = ()
    mark: str = ""
    span: int = 1


@dataclass(frozen=True, slots=True)
class Column:
    """How one column is made: ``cells`` from the points in order."""

    title: str
    unit: str
    cells: Callable[[list[Json]], list[Cell]]


def at(*path: str) -> Pick:
    """What lies at a path of keys in a point; None where there is none (a tier not seen)."""

    def pick(point: Json) -> Any:
        found: Any = point
        for key in path:
            if key not in found:
                return None
            found = found[key]
        return found

    return pick


def count(title: str, pick: Pick, unit: str) -> Column:
    def cells(points: list[Json]) -> list[Cell]:
        values = [pick(point) for point in points]
        return [Cell(NOTHING if value is None else f"{value:,}") for value in values]

    return Column(title, unit, cells)


def estimates(
    title: str, unit: str, pick: Pick, scale: float = 1.0, *, bare: bool = False
) -> Column:
    """Estimates with as many decimals as the column's smallest needs.

    Args:
        bare: three significant digits of the largest will do (rates of throughput).
    """

    def cells(points: list[Json]) -> list[Cell]:
        found = [pick(point) for point in points]
        known = [scale * e["value"] for e in found if e is not None and e["value"] is not None]
        decimals = decimals_for(known, least=1, most=4)
        if bare:
            decimals = max(0, 2 - len(f"{max(known, default=1.0):.0f}") + 1)
        return [_estimate_cell(each, decimals, scale) for each in found]

    return Column(title, unit, cells)


def _estimate_cell(found: Json | None, decimals: int, scale: float) -> Cell:
    if found is None:
        return Cell(NOTHING)
    interval = ends(found, decimals, scale)
    return Cell(number(found, decimals, scale), (interval,) if interval else ())


def share(title: str, pick: Pick) -> Column:
    def cell(found: Json | None) -> Cell:
        if found is None:
            return Cell(NOTHING)
        if found["value"] is None:
            return Cell(TOO_SMALL if found["n"] else NOTHING)
        under = [f"n {found['n']:,}"]
        if found["low"] is not None and found["high"] is not None and found["low"] < found["high"]:
            low, high = (percent(min(max(found[end], 0.0), 1.0)) for end in ("low", "high"))
            under.insert(0, f"{low} to {high}")
        return Cell(percent(found["value"]), tuple(under))

    return Column(title, "", lambda points: [cell(pick(point)) for point in points])


def bare_share(title: str, pick: Pick) -> Column:
    def cells(points: list[Json]) -> list[Cell]:
        values = [pick(point) for point in points]
        return [Cell(NOTHING if value is None else f"{100 * value:.1f}") for value in values]

    return Column(title, "%", cells)
