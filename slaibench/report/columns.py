"""Columns of the page's tables: how values of points become cells."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, TypeVar

from slaibench.measure.group import Group, tenant_of
from slaibench.report.study_document import (
    PageEstimate,
    PagePoint,
    PageTier,
    TierMetrics,
    estimate_in,
)
from slaibench.report.table import Cell, Heading
from slaibench.report.words import (
    NOTHING,
    TOO_SMALL,
    decimals_for,
    ends,
    number,
    percent,
)
from slaibench.studies.targets import Verdict

T = TypeVar("T")
Pick = Callable[[PagePoint], T | None]
"""From a point of the document to what a column shows of it; None: it has none."""


@dataclass(frozen=True, slots=True)
class Column:
    """How one column is made: ``cells`` from the points in order."""

    heading: Heading
    cells: Callable[[list[PagePoint]], list[Cell]]

    @classmethod
    def of(
        cls, title: str, unit: str, cell: Callable[[PagePoint], Cell], *, is_text: bool = False
    ) -> Column:
        """A column whose cells know nothing of each other."""
        heading = Heading(title, unit, is_text)
        return cls(heading, lambda points: [cell(point) for point in points])


def metric(name: str) -> Pick[PageEstimate]:
    """A metric that stands beside a point's own fields."""
    return lambda point: estimate_in(point, name)


def statistic(latency: Literal["ttft_s", "tbt_s"], name: str) -> Pick[PageEstimate]:
    """A statistic of a latency: ``p50``, ``mean``."""
    return lambda point: point[latency].get(name)


def in_tier(name: str, pick: Callable[[PageTier], T]) -> Pick[T]:
    """Something of a tier, at points that saw it."""
    return lambda point: pick(point["tiers"][name]) if name in point["tiers"] else None


def in_group(group: Group, name: str) -> Pick[PageEstimate]:
    """A metric of a tier or a tenant, at points that saw it."""
    tenant = tenant_of(group)

    def pick(point: PagePoint) -> PageEstimate | None:
        if tenant is None:
            own: TierMetrics | None = point["tiers"].get(group or "")
        else:
            own = point.get("tenants", {}).get(tenant)
        return None if own is None else estimate_in(own, name)

    return pick


def number_behind(title: str, pick: Pick[PageEstimate], unit: str = "requests") -> Column:
    """The n of estimates."""

    def n(point: PagePoint) -> int | None:
        value = pick(point)
        return None if value is None else value["n"]

    return count(title, n, unit)


def count(title: str, pick: Pick[int], unit: str) -> Column:
    """Whole numbers."""

    def cell(point: PagePoint) -> Cell:
        value = pick(point)
        return Cell(NOTHING if value is None else f"{value:,}")

    return Column.of(title, unit, cell)


def estimates(
    title: str, unit: str, pick: Pick[PageEstimate], scale: float = 1.0, *, bare: bool = False
) -> Column:
    """Estimates with as many decimals as the column's smallest needs.

    Args:
        bare: three significant digits of the largest will do (rates of throughput).
    """

    def cells(points: list[PagePoint]) -> list[Cell]:
        values = [pick(point) for point in points]
        shown = [scale * e["value"] for e in values if e is not None and e["value"] is not None]
        decimals = decimals_for(shown, least=1, most=4)
        if bare:
            decimals = max(0, 2 - len(f"{max(shown, default=1.0):.0f}") + 1)
        return [_estimate_cell(value, decimals, scale) for value in values]

    return Column(Heading(title, unit), cells)


def _estimate_cell(value: PageEstimate | None, decimals: int, scale: float) -> Cell:
    if value is None:
        return Cell(NOTHING)
    interval = ends(value, decimals, scale)
    return Cell(number(value, decimals, scale), (interval,) if interval else ())


def share(title: str, pick: Pick[PageEstimate]) -> Column:
    """Estimates of shares, with their n."""

    def cell(point: PagePoint) -> Cell:
        value = pick(point)
        if value is None:
            return Cell(NOTHING)
        if value["value"] is None:
            return Cell(TOO_SMALL if value["n"] else NOTHING)
        under = [f"n {value['n']:,}"]
        if value["low"] is not None and value["high"] is not None and value["low"] < value["high"]:
            low, high = (percent(min(max(end, 0.0), 1.0)) for end in (value["low"], value["high"]))
            under.insert(0, f"{low} to {high}")
        return Cell(percent(value["value"]), tuple(under))

    return Column.of(title, "", cell)


def by_targets(points: Iterable[PagePoint]) -> list[Column]:
    """Whether points keep all targets, with those that they do not keep; no column where points do
    not say it (pages of old)."""

    def cell(point: PagePoint) -> Cell:
        if "verdict" not in point:
            return Cell(NOTHING)
        verdict = Verdict.from_json(point["verdict"])
        return Cell(verdict.state.value, (verdict.why,) if verdict.why else ())

    said = any("verdict" in point for point in points)
    return [Column.of("targets", "", cell, is_text=True)] if said else []


def of_server(points: Iterable[PagePoint]) -> list[Column]:
    """What a server said of itself; no columns where none was asked."""
    if not any("server" in point for point in points):
        return []

    def peak(name: Literal["waiting_peak", "running_peak"]) -> Pick[int]:
        return lambda point: point["server"][name] if "server" in point else None

    return [
        count("waiting peak", peak("waiting_peak"), "requests"),
        count("running peak", peak("running_peak"), "requests"),
        bare_share(
            "prefix hits",
            lambda point: point["server"]["prefix_hit_share"] if "server" in point else None,
        ),
    ]


def bare_share(title: str, pick: Pick[float]) -> Column:
    """Shares without an interval."""

    def cell(point: PagePoint) -> Cell:
        value = pick(point)
        return Cell(NOTHING if value is None else f"{100 * value:.1f}")

    return Column.of(title, "%", cell)
