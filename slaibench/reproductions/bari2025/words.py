"""A claim's numbers in words, for terminals and pages alike."""

from __future__ import annotations

import math

from slaibench.catalog.published import CHANGE, RATIO, PublishedValue
from slaibench.reproductions.bari2025.claim import Finding
from slaibench.reproductions.bari2025.figures import INFERRED
from slaibench.reproductions.bari2025.verdict import deviation as relative
from slaibench.studies.estimate import Estimate

NOT_TOLD = "not told"
MARKS = {
    "fitted": "the profile was fitted to it, so it is not counted",
    "given": "what runs were given, not what they showed; not counted",
    "derived": "the quotient of two printed numbers",
    "inferred": INFERRED,
}
"""What must be known of a published number, by the name of the field that says so."""


def printed(known: PublishedValue | None) -> str:
    """A published number, and what must be known of it: ``1.15 requests/s (fitted)``."""
    if known is None:
        return ""
    marks = [name for name in MARKS if getattr(known, name)]
    number = _number(known, known.value)
    return f"{number} ({', '.join(marks)})" if marks else number


def ours(known: PublishedValue, found: Estimate) -> str:
    """Our number with its interval: ``1.14 [1.11, 1.17]``."""
    if found.value is None or not math.isfinite(found.value):
        return NOT_TOLD
    text = _number(known, found.value)
    if found.ci95 is None:
        return text
    return f"{text} [{', '.join(_bare(known, end) for end in found.ci95)}]"


def deviation(known: PublishedValue, finding: Finding) -> str:
    """How far ours is from the published number: ``-8.3 %``; empty where it is not known."""
    off = None if finding.estimate is None else relative(known, finding.estimate)
    return "" if off is None else f"{100 * off:+.1f} %"


def _number(known: PublishedValue, value: float) -> str:
    if known.unit == CHANGE:
        return _bare(known, value)
    if known.unit == "s" and value < 1 and known.value < 0.1:
        return f"{1e3 * value:.1f} ms"
    return _bare(known, value) if known.unit == RATIO else f"{_bare(known, value)} {known.unit}"


def _bare(known: PublishedValue, value: float) -> str:
    if not math.isfinite(value):
        return "?"
    if known.unit == CHANGE:
        return f"{100 * value:+.0f} %" if abs(value) >= 0.095 else f"{100 * value:+.1f} %"
    if known.unit == RATIO:
        return f"{value:.4g}"
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
