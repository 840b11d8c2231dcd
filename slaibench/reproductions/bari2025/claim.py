"""One claim of the paper, and what is found about it here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from slaibench.catalog.published import PublishedValue
from slaibench.reproductions.bari2025.verdict import Verdict, deviation
from slaibench.studies.capacity import CapacityResult
from slaibench.studies.estimate import Estimate, finite

UNKNOWN = Estimate(None, None, None, 0)


@dataclass(frozen=True, slots=True)
class Finding:
    """What is found under one convention.

    Args:
        estimate: our number, where the claim is one; else None.
        seen: what is seen, in words; empty where the number says all.
    """

    estimate: Estimate | None
    verdict: Verdict
    seen: str = ""

    def to_json(self, published: PublishedValue | None) -> dict[str, Any]:
        found = self.estimate
        off = None if published is None or found is None else deviation(published, found)
        return {
            "verdict": self.verdict.value,
            "ours": None if found is None else found.to_json(),
            "deviation": finite(off),
            "seen": self.seen,
        }


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement of the paper.

    Args:
        name: unique.
        figure: where it is shown, or ``numbers.WORKLOAD``.
        text: the statement.
        published: its number; None for an ordering or a shape.
        paper, strict: findings under each convention; ``strict`` is None of single batches, which
            no convention touches, and of what the paper's conventions alone do.
    """

    name: str
    figure: str
    text: str
    published: PublishedValue | None
    paper: Finding
    strict: Finding | None

    def to_json(self) -> dict[str, Any]:
        known = self.published
        return {
            "name": self.name,
            "figure": self.figure,
            "claim": self.text,
            "published": None
            if known is None
            else {
                "value": known.value,
                "unit": known.unit,
                "source": known.source,
                "fitted": known.fitted,
                "derived": known.derived,
                "given": known.given,
                "inferred": known.inferred,
            },
            "paper": self.paper.to_json(known),
            "strict": None if self.strict is None else self.strict.to_json(known),
        }


def capacity_estimate(found: CapacityResult | None) -> Estimate:
    """A capacity as an estimate; unknown where no boundary was found."""
    if found is None or found.capacity.shape is None or found.capacity.rate_rps is None:
        return UNKNOWN
    low, high = found.capacity.ci95 or (None, None)
    return Estimate(found.capacity.rate_rps, low, high, found.capacity.replicates)


def capacity_ends(found: CapacityResult | None) -> str:
    """What ends a capacity, in words."""
    if found is None:
        return "not measured"
    known = found.capacity
    if known.rate_rps is None:
        return f"fails at the lowest rate measured, {found.measured.rates_rps[0]:g}"
    if known.shape is None:
        return f"no rate failed, up to {known.rate_rps:g}"
    of = f" of {known.binding_tier}" if known.binding_tier else ""
    return f"ends at {known.binding}{of}"


def as_change(found: Estimate) -> str:
    """``-8.6% [-14%, -2%]``, or that it is not told."""
    if found.value is None:
        return "not told"
    ends = "" if found.ci95 is None else f" [{found.ci95[0]:+.0%}, {found.ci95[1]:+.0%}]"
    return f"{found.value:+.1%}{ends}"


def as_seconds(found: Estimate) -> str:
    """``0.422 s``, or that it is not told."""
    if found.value is None or not math.isfinite(found.value):
        return "not told"
    return f"{found.value:.3g} s"
