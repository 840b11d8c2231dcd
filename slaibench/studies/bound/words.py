"""What the theory says beside the numbers, in words for terminals and pages alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NODES = (
    "Of r identical nodes nobody gets more than r times as much; routed uniformly at random, each "
    "is this one node at rate / r."
)
"""The paper's Theorem 1, which our bound follows here, and its random planner."""


def theorem_2(least: Mapping[str, Any]) -> str:
    """What the theorem asks of RAD's cycle, and what was measured to be enough.

    Args:
        least: ``result.LeastCycle`` as JSON has it.
    """
    return (
        f"Theorem 2, tile {least['tile']}: stable up to {100 * (1 - least['eps']):.3g} % of that "
        f"with a cycle above {least['cycle']:,.0f}; {_enough(least['enough'])}."
    )


def _enough(cycle: str | None) -> str:
    if cycle is None:
        return "of no measured one is it sure"
    return "measured, only no end is enough" if cycle == "inf" else f"measured, {cycle} is enough"
