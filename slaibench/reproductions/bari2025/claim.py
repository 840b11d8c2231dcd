"""One claim of the paper, what is found about it here, and both in words."""

from __future__ import annotations

import math
from dataclasses import dataclass

from slaibench.reproductions.bari2025.figures import INFERRED
from slaibench.reproductions.bari2025.forms import ClaimForm, FindingForm
from slaibench.reproductions.bari2025.published import CHANGE, RATIO, PublishedValue
from slaibench.reproductions.bari2025.verdict import ClaimVerdict, deviation
from slaibench.studies.capacity import CapacityResult
from slaibench.studies.estimate import Estimate, finite

UNKNOWN = Estimate(None, None, None, 0)
UNKNOWN_TEXT = "not told"
MARKS = {
    "fitted": "the profile was fitted to it, so it is not counted",
    "given": "what runs were given, not what they showed; not counted",
    "derived": "the quotient of two printed numbers",
    "inferred": INFERRED,
}
"""What must be known of a published number, by the name of the field that says so."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is found under one convention.

    Args:
        estimate: our number, where the claim is one; else None.
        seen: what is seen, in words; empty where the number says all.
    """

    estimate: Estimate | None
    verdict: ClaimVerdict
    seen: str = ""

    def to_json(self, published: PublishedValue | None) -> FindingForm:
        estimate = self.estimate
        off = None if published is None or estimate is None else deviation(published, estimate)
        return {
            "verdict": self.verdict.value,
            "ours": None if estimate is None else estimate.to_json(),
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

    def to_json(self) -> ClaimForm:
        published = self.published
        return {
            "name": self.name,
            "figure": self.figure,
            "claim": self.text,
            "published": None
            if published is None
            else {
                "value": published.value,
                "unit": published.unit,
                "source": published.source,
                "fitted": published.fitted,
                "derived": published.derived,
                "given": published.given,
                "inferred": published.inferred,
            },
            "paper": self.paper.to_json(published),
            "strict": None if self.strict is None else self.strict.to_json(published),
        }


def capacity_estimate(result: CapacityResult | None) -> Estimate:
    """A capacity as an estimate; unknown where no boundary was found."""
    if result is None or result.capacity.shape is None or result.capacity.rate_rps is None:
        return UNKNOWN
    low, high = result.capacity.ci95 or (None, None)
    return Estimate(result.capacity.rate_rps, low, high, result.capacity.replicates)


def capacity_ends(result: CapacityResult | None) -> str:
    """What ends a capacity, in words."""
    if result is None:
        return "not measured"
    capacity = result.capacity
    if capacity.rate_rps is None:
        return f"fails at the lowest rate measured, {result.measured.rates_rps[0]:g}"
    if capacity.shape is None:
        return f"no rate failed, up to {capacity.rate_rps:g}"
    of = f" of {capacity.binding_tier}" if capacity.binding_tier else ""
    return f"ends at {capacity.binding}{of}"


def as_change(estimate: Estimate) -> str:
    """``-8.6% [-14%, -2%]``, or that it is not known."""
    if estimate.value is None:
        return UNKNOWN_TEXT
    ends = "" if estimate.ci95 is None else f" [{estimate.ci95[0]:+.0%}, {estimate.ci95[1]:+.0%}]"
    return f"{estimate.value:+.1%}{ends}"


def as_seconds(estimate: Estimate) -> str:
    """``0.422 s``, or that it is not known."""
    if estimate.value is None or not math.isfinite(estimate.value):
        return UNKNOWN_TEXT
    return f"{estimate.value:.3g} s"


def printed(published: PublishedValue | None) -> str:
    """A published number, and what must be known of it: ``1.15 requests/s (fitted)``."""
    if published is None:
        return ""
    marks = [name for name in MARKS if getattr(published, name)]
    number = _number(published, published.value)
    return f"{number} ({', '.join(marks)})" if marks else number


def ours(published: PublishedValue, estimate: Estimate) -> str:
    """Our number with its interval: ``1.14 [1.11, 1.17]``."""
    if estimate.value is None or not math.isfinite(estimate.value):
        return UNKNOWN_TEXT
    text = _number(published, estimate.value)
    if estimate.ci95 is None:
        return text
    return f"{text} [{', '.join(_bare(published, end) for end in estimate.ci95)}]"


def deviation_text(published: PublishedValue, finding: Finding) -> str:
    """How far ours is from the published number: ``-8.3 %``; empty where it is not known."""
    off = None if finding.estimate is None else deviation(published, finding.estimate)
    return "" if off is None else f"{100 * off:+.1f} %"


def _number(published: PublishedValue, value: float) -> str:
    if published.unit == CHANGE:
        return _bare(published, value)
    if published.unit == "s" and value < 1 and published.value < 0.1:
        return f"{1e3 * value:.1f} ms"
    return (
        _bare(published, value)
        if published.unit == RATIO
        else f"{_bare(published, value)} {published.unit}"
    )


def _bare(published: PublishedValue, value: float) -> str:
    if not math.isfinite(value):
        return "?"
    if published.unit == CHANGE:
        return f"{100 * value:+.0f} %" if abs(value) >= 0.095 else f"{100 * value:+.1f} %"
    if published.unit == RATIO:
        return f"{value:.4g}"
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
