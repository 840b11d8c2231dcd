"""A number of a run: what it is called, of whom it is, and where it is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal


class Scope(Enum):
    """Whose requests a metric is of."""

    ALL = "all"
    TIER = "each tier"
    BOTH = "all, and each tier"


@dataclass(frozen=True, slots=True)
class Metric:
    """A number of a run.

    Args:
        name: in documents, with its unit.
        label: in tables.
        title: in sentences and over tables.
        unit: of the number in documents.
        harm: +1: more is worse; -1: less is; 0: neither.
        latency: of ``catalogue.LATENCIES``; None: ``read`` reads the number.
        level: percentile level of the latency; None: its mean.
        read: the number, from a ``RunSummary``; None: the run has none.
        scope: whose requests; each tier is each tenant as well.
        of_requests: whether it is a share of requests (``own_targets.SHARES``): targets may bound
            it from below, of all or of some.
        is_optional: left out where no run has it (a load without sessions, tenants, targets).
        in_points: whether operating points have it, and so a sweep's document and tables. A
            regression may judge what points have and ``harm`` gives a direction.
        judged: by a regression unless it names others.
        in_judge: likewise by ``slaibench judge``, which looks at all tiers together.
        compared: when backends are cross-checked.
        tolerance: largest relative difference of backends that counts as agreement; None: shown
            without a verdict.
        total: over replicates it is summed, not averaged: a count.
        terminal: whether a terminal's table of points has a column of it: always, or where it is
            wide.
        heading: of that column, in two lines; empty: the label's two words.
        short: of a column whose table says the rest; empty: the label.
        shown_unit: in which pages show it; empty: ``unit``.
        scale: from ``unit`` to ``shown_unit``.
        decimals: that pages show; None: as many as it takes.
    """

    name: str
    label: str
    title: str
    unit: str
    harm: Literal[-1, 0, 1]
    latency: str | None = None
    level: float | None = None
    read: Callable[[Any], float | None] | None = None
    scope: Scope = Scope.ALL
    of_requests: bool = False
    is_optional: bool = False
    in_points: bool = True
    judged: bool = False
    in_judge: bool = False
    compared: bool = False
    tolerance: float | None = None
    total: bool = False
    terminal: Literal["always", "wide"] | None = None
    heading: str = ""
    short: str = ""
    shown_unit: str = ""
    scale: float = 1.0
    decimals: int | None = None

    @property
    def statistic(self) -> str:
        """Of its latency: ``p50``, ``mean``."""
        return "mean" if self.level is None else f"p{100 * self.level:g}"
