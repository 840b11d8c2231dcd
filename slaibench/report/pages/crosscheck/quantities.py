"""What two backends are compared by, and how it is written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from slaibench.measure.catalogue import compared, metric_of
from slaibench.report.words import NOTHING, SPACE, decimals_for, fixed, hundredths
from slaibench.studies.crosscheck.forms import MatchForm


@dataclass(frozen=True, slots=True)
class Quantity:
    """One thing that both backends have.

    Args:
        name: of a metric of ``measure.catalogue``, with its tier.
        title: as a reader does.
        scale: from the document's unit to ``unit``.
        digits: decimals; None: as many as it takes to show three digits of the smallest.
    """

    name: str
    title: str
    unit: str
    scale: float = 1.0
    digits: int | None = None

    def texts(self, values: Iterable[float | None]) -> list[str]:
        """Values that stand below each other, all with the same decimals."""
        scaled = [None if value is None else self.scale * value for value in values]
        digits = self.digits
        if digits is None:
            digits = decimals_for(scaled, least=0, most=5) + 1
        return [NOTHING if value is None else fixed(value, digits) for value in scaled]


def quantity(name: str) -> Quantity:
    """What a match calls ``name``.

    Raises:
        ValueError: there is no such quantity.
    """
    metric, tier = metric_of(name, {metric.name: metric for metric in compared()})
    title = metric.title + (f", tier {tier}" if tier else "")
    return Quantity(name, title, metric.shown_unit or metric.unit, metric.scale, metric.decimals)


def quantities(matches: Iterable[MatchForm]) -> list[Quantity]:
    """Everything that some match has, those with a tolerance first."""
    judged: dict[str, bool] = {}
    for match in matches:
        for name, sides in match["quantities"].items():
            judged[name] = sides["tolerance"] is not None
    return [quantity(name) for name in sorted(judged, key=lambda name: not judged[name])]


@dataclass(frozen=True, slots=True)
class Apart:
    """A quantity that differs in one match.

    Args:
        change: None: the reference's value is 0, and nothing is a share of that.
        tolerance: None: no verdict.
        values: the reference's and the other's.
    """

    title: str
    change: float | None
    tolerance: float | None
    values: tuple[str, str]

    def __str__(self) -> str:
        if self.change is None:
            return f"{self.title} from {self.values[0]} to {self.values[1]}"
        return f"{self.title} {hundredths(self.change)}"

    @property
    def judged(self) -> str:
        """The same with the tolerance."""
        return str(self) if self.tolerance is None else f"{self} ({allowed(self.tolerance)})"

    @property
    def used(self) -> float:
        """How much of its tolerance it is: 1 for just within; 0 without one."""
        return abs(self.change or 0.0) / self.tolerance if self.tolerance else 0.0


def apart(match: MatchForm) -> list[Apart]:
    """Quantities of a match that differ: those with a tolerance first, and of these the ones that
    use most of it."""
    differing = []
    for name, values in match["quantities"].items():
        sides = values["reference"], values["other"]
        if None in sides or sides[0] == sides[1]:
            continue
        what = quantity(name)
        first, second = what.texts(sides)
        differing.append(Apart(what.title, values["change"], values["tolerance"], (first, second)))
    return sorted(differing, key=lambda apart: (apart.tolerance is None, -apart.used))


def allowed(tolerance: float) -> str:
    """A tolerance as a reader wants it."""
    return f"±{SPACE}{100 * tolerance:g}{SPACE}%"
