"""Findings on how full the KV cache is at high load."""

from __future__ import annotations

from slaibench.reproductions.bari2025.claim import Finding
from slaibench.reproductions.bari2025.figures import HIGH_RPS, SLAI, SLAI_FIXED, SLAI_FIXED_5
from slaibench.reproductions.bari2025.load import Load, LoadSummary
from slaibench.reproductions.bari2025.verdict import Verdict, above, all_below
from slaibench.studies.estimate import over_seeds

MOSTLY = 0.5
"""Share of the time with the cache nearly full that counts as saturating it."""


def fixed_5_saturates(load: Load) -> Finding:
    """Nearly all blocks in use for most of the time."""
    shares = [each.nearly_full for each in _summaries(load, SLAI_FIXED_5)]
    full = over_seeds(shares, len(shares), log=False)
    seen = "not told" if full.value is None else f"{full.value:.0%} of the time"
    return Finding(None, above(full, MOSTLY), seen)


def fixed_10_underuses(load: Load) -> Finding:
    """Fewer blocks in use than under the dynamic offset, by seed."""
    means = [[each.kv_mean for each in _summaries(load, name)] for name in (SLAI, SLAI_FIXED)]
    pairs = [(a, b) for a, b in zip(*means, strict=False) if a is not None and b is not None]
    if not pairs:
        return Finding(None, Verdict.UNTOLD, "not told")
    change = over_seeds([b - a for a, b in pairs], len(pairs), log=False)
    dynamic, fixed = (sum(pair[side] for pair in pairs) / len(pairs) for side in (0, 1))
    seen = f"{fixed:.0%} of the blocks in use on average, {dynamic:.0%} under the dynamic offset"
    return Finding(None, all_below([change]), seen)


def _summaries(load: Load, scheduler: str) -> list[LoadSummary]:
    """Of a scheduler at high load, by seed."""
    summaries = load.summaries(scheduler, HIGH_RPS)
    return [each for each in summaries if isinstance(each, LoadSummary)]
