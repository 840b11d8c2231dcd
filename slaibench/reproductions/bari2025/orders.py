"""Findings on who lies below whom: medians, rates, requests served, tiers."""

from __future__ import annotations

import itertools

from slaibench.reproductions.bari2025.claim import UNKNOWN, Finding, as_change, as_seconds
from slaibench.reproductions.bari2025.figures import (
    AGAINST_LOAD,
    HIGH_RPS,
    LABELS,
    SARATHI,
    SARATHI_SPF,
    SLAI,
    SLAI_FIXED,
    SLAI_PRIORITY,
    VLLM,
)
from slaibench.reproductions.bari2025.load import TBT_ONLY, Load
from slaibench.reproductions.bari2025.series import share_served, tier_mean_ttft
from slaibench.reproductions.bari2025.verdict import (
    AGREES_WITHIN,
    CLOSE_WITHIN,
    Verdict,
    all_below,
    all_of,
    apart,
    between,
)
from slaibench.studies.capacity import CapacityResult
from slaibench.studies.estimate import Estimate, over_seeds
from slaibench.studies.run_summary import RunSummary

WORST_TO_BEST = (SARATHI, SARATHI_SPF, SLAI_FIXED, SLAI)
"""The paper's order of median TTFT under load."""
LOW_RPS = HIGH_RPS / 2
"""Up to which a rate may stand for the paper's "low load"; the lowest that was run does."""
LITTLE = CLOSE_WITHIN
"""What the paper's "by little" may be, relative."""
SAME_WITHIN = AGREES_WITHIN
"""Shares of requests served that differ by no more are no difference."""


def order_of_ttft(load: Load) -> Finding:
    """Each better than the one before it, paired by request and seed."""
    pairs = list(itertools.pairwise(WORST_TO_BEST))
    changes = [load.ttft_change(worse, better, HIGH_RPS) for worse, better in pairs]
    seen = "; ".join(
        f"{LABELS[better]} {as_change(change)} against {LABELS[worse]}"
        for (worse, better), change in zip(pairs, changes, strict=True)
    )
    return Finding(None, all_below(changes), seen)


def prefill_first_lowest(load: Load) -> Finding:
    """At the lowest rate that was run, against every other policy."""
    rate = load.spec.rates[0]
    if rate > LOW_RPS:
        return Finding(None, Verdict.UNTOLD, f"no rate up to {LOW_RPS:g} requests/s was run")
    others = _others(load)
    changes = [load.ttft_change(name, VLLM, rate) for name in others]
    return Finding(None, all_below(changes), f"at {rate:g} requests/s {_against(others, changes)}")


def prefill_first_breaks(load: Load) -> Finding:
    """The largest rate at which every tier's P99 TBT holds, against those of two others."""
    first = load.capacity(VLLM, TBT_ONLY)
    others = {name: load.capacity(name, TBT_ONLY) for name in (SARATHI, SLAI)}
    verdict = all_of([apart(_ends(first), _ends(each)) for each in others.values()])
    told = {VLLM: first, **others}
    seen = "; ".join(f"{LABELS[name]} keeps it to {_kept(each)}" for name, each in told.items())
    return Finding(None, verdict, seen)


def _ends(found: CapacityResult | None) -> tuple[float | None, float | None]:
    """The range a capacity is known to lie in."""
    if found is None:
        return None, None
    known = found.capacity
    if known.rate_rps is None:
        return None, float(found.measured.rates_rps[0])
    low, high = known.ci95 or known.bracket
    return (known.rate_rps if low is None else low), (None if known.shape is None else high)


def _kept(found: CapacityResult | None) -> str:
    if found is None or found.capacity.rate_rps is None:
        return "no rate measured"
    more = " or more" if found.capacity.shape is None else ""
    return f"{found.capacity.rate_rps:.3g} requests/s{more}"


def prefill_first_serves_less(load: Load) -> Finding:
    """Its share of due requests served at high load, against every other policy's, by seed."""
    others = _others(load)
    own = [share_served(summary) for summary in load.summaries(VLLM, HIGH_RPS)]
    changes = [_change(_shares(load.summaries(name, HIGH_RPS)), own) for name in others]
    known = [share for share in own if share is not None]
    served = f"{sum(known) / len(known):.1%} of them served; " if known else ""
    return Finding(None, all_below(changes, -SAME_WITHIN), served + _against(others, changes))


def paying_below_free(load: Load) -> Finding:
    """Mean TTFT of paying requests against that of free ones, by seed."""
    change = _tier_change(load)
    return Finding(None, all_below([change]), _tiers_seen(load, change))


def paying_below_free_by_little(load: Load) -> Finding:
    """The same difference, and how large it may be."""
    change = _tier_change(load)
    return Finding(None, between(change, -LITTLE, 0.0), _tiers_seen(load, change))


def _others(load: Load) -> list[str]:
    return [name for name in AGAINST_LOAD if name != VLLM and name in load.spec.schedulers]


def _against(others: list[str], changes: list[Estimate]) -> str:
    return "; ".join(
        f"{as_change(change)} against {LABELS[name]}"
        for name, change in zip(others, changes, strict=True)
    )


def _shares(summaries: list[RunSummary]) -> list[float | None]:
    return [share_served(summary) for summary in summaries]


def _change(before: list[float | None], after: list[float | None]) -> Estimate:
    """Relative change from one value a seed to another; unknown where one of them is."""
    if not before or len(before) != len(after):
        return UNKNOWN
    ratios = [b / a if a and b is not None else None for a, b in zip(before, after, strict=True)]
    if None in ratios:
        return UNKNOWN
    found = over_seeds(ratios, len(ratios))
    value, low, high = (
        None if end is None else end - 1 for end in (found.value, found.low, found.high)
    )
    return Estimate(value, low, high, found.n)


def _tier_change(load: Load) -> Estimate:
    summaries = load.summaries(SLAI_PRIORITY, HIGH_RPS)
    free, paying = ([tier_mean_ttft(d, tier) for d in summaries] for tier in ("free", "paying"))
    return _change(free, paying)


def _tiers_seen(load: Load, change: Estimate) -> str:
    summaries = load.summaries(SLAI_PRIORITY, HIGH_RPS)
    means = {
        tier: over_seeds([tier_mean_ttft(d, tier) for d in summaries], len(summaries))
        for tier in ("paying", "free")
    }
    told = ", ".join(f"{tier} {as_seconds(mean)}" for tier, mean in means.items())
    return f"{told}: {as_change(change)}"
