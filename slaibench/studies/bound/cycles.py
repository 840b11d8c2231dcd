"""RAD on its own ground, by cycle: what was measured, and what Theorem 2 demands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slaibench.measure.theory import least_cycle, longest_request_s, request_time_s
from slaibench.studies.bound.forms import LeastCycleForm, RadPointForm
from slaibench.studies.bound.paper_model import TILE_COLUMN, paper_lengths, paper_model
from slaibench.studies.estimate import Estimate


@dataclass(frozen=True, slots=True)
class RadPoint:
    """RAD under the paper's batch-time model.

    Args:
        step_s: cost of a batch besides.
        limit_rps: with every batch of decodes full and no end of cycles (``theory.rad_limit_rps``).
        share: of Theorem 1's bound.
    """

    step_s: float
    tile: int
    cycle: float
    rate_rps: Estimate
    share: Estimate
    limit_rps: float

    def to_json(self) -> RadPointForm:
        return {
            "step_s": self.step_s,
            "tile": self.tile,
            "cycle": f"{self.cycle:g}",
            "rate_rps": self.rate_rps.to_json(),
            "share": self.share.to_json(),
            "limit_rps": self.limit_rps,
        }


@dataclass(frozen=True, slots=True)
class LeastCycle:
    """Theorem 2 on RAD's own ground, beside what was measured there.

    Args:
        tile: whole tile columns, as the theorem has it.
        eps: share of Theorem 1's bound that is given up.
        cycle: with a longer one RAD is stable up to ``1 - eps`` of that bound.
        enough: least measured cycle whose share of the bound is at least ``1 - eps``, by the lower
            end of its interval; None: of none can that be said.
    """

    tile: int
    eps: float
    cycle: float
    enough: float | None

    def to_json(self) -> LeastCycleForm:
        """Cycles measured are named as in a ``RadPoint``."""
        return {
            "tile": self.tile,
            "eps": self.eps,
            "cycle": self.cycle,
            "enough": None if self.enough is None else f"{self.enough:g}",
        }


def theorem_2(least: LeastCycleForm) -> str:
    """A sentence: the cycle of RAD that the theorem demands, and the one measured to be enough."""
    return (
        f"Theorem 2, tile {least['tile']}: stable up to {100 * (1 - least['eps']):.3g} % of that "
        f"with a cycle above {least['cycle']:,.0f}; {_enough(least['enough'])}."
    )


def _enough(cycle: str | None) -> str:
    if cycle is None:
        return "of no measured one is it sure"
    return "measured, only no end is enough" if cycle == "inf" else f"measured, {cycle} is enough"


def least_cycles(points: Sequence[RadPoint], eps: float) -> tuple[LeastCycle, ...]:
    """Of the tiles for which the theorem holds: without a cost of a step, whole tile columns."""
    model, lengths = paper_model(0.0), paper_lengths()
    longest_s = longest_request_s(model, *lengths)
    mean_s = request_time_s(model, *lengths, TILE_COLUMN)
    proved = [point for point in points if not point.step_s and not point.tile % TILE_COLUMN]
    return tuple(
        LeastCycle(
            tile,
            eps,
            least_cycle(tile, longest_s, mean_s, eps),
            min(
                (
                    point.cycle
                    for point in proved
                    if point.tile == tile
                    and point.share.low is not None
                    and point.share.low >= 1 - eps
                ),
                default=None,
            ),
        )
        for tile in dict.fromkeys(point.tile for point in proved)
    )
