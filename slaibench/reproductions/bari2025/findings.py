"""What a load says of a shape: who lies below whom, what rises and falls, how full the cache is."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

from slaibench.reproductions.bari2025.claim import (
    UNKNOWN,
    UNKNOWN_TEXT,
    Finding,
    as_change,
    as_seconds,
)
from slaibench.reproductions.bari2025.figures import (
    AGAINST_LOAD,
    HIGH_RPS,
    LABELS,
    SARATHI,
    SARATHI_SPF,
    SLAI,
    SLAI_FIXED,
    SLAI_FIXED_5,
    SLAI_PRIORITY,
    VLLM,
)
from slaibench.reproductions.bari2025.load import TBT_ONLY, Load, LoadSummary
from slaibench.reproductions.bari2025.series import (
    buckets,
    mean_ttft,
    share_served,
    tier_mean_ttft,
)
from slaibench.reproductions.bari2025.verdict import (
    AGREES_WITHIN,
    CLOSE_WITHIN,
    ClaimVerdict,
    above,
    all_below,
    all_of,
    apart,
    between,
    rises,
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
MOSTLY = 0.5
"""Share of the time with the cache nearly full that counts as saturating it."""
Course = list[tuple[float, Estimate]]
"""(rate or prompt tokens, seconds)."""
Rule = Callable[[Sequence[Estimate]], ClaimVerdict]


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
    """At the lowest rate that was run, against every other scheduler."""
    rate = load.spec.rates[0]
    if rate > LOW_RPS:
        return Finding(
            None, ClaimVerdict.UNDECIDED, f"no rate up to {LOW_RPS:g} requests/s was run"
        )
    others = _others(load)
    changes = [load.ttft_change(name, VLLM, rate) for name in others]
    return Finding(None, all_below(changes), f"at {rate:g} requests/s {_against(others, changes)}")


def prefill_first_breaks(load: Load) -> Finding:
    """The largest rate at which every tier's P99 TBT holds, against those of two others."""
    first = load.capacity(VLLM, TBT_ONLY)
    others = {name: load.capacity(name, TBT_ONLY) for name in (SARATHI, SLAI)}
    verdict = all_of([apart(_ends(first), _ends(other)) for other in others.values()])
    results = {VLLM: first, **others}
    parts = [f"{LABELS[name]} keeps it to {_kept(result)}" for name, result in results.items()]
    seen = "; ".join(parts)
    return Finding(None, verdict, seen)


def _ends(result: CapacityResult | None) -> tuple[float | None, float | None]:
    """The range that a capacity lies in."""
    if result is None:
        return None, None
    capacity = result.capacity
    if capacity.rate_rps is None:
        return None, float(result.measured.rates_rps[0])
    low, high = capacity.ci95 or capacity.bracket
    return (capacity.rate_rps if low is None else low), (None if capacity.shape is None else high)


def _kept(result: CapacityResult | None) -> str:
    if result is None or result.capacity.rate_rps is None:
        return "no rate measured"
    more = " or more" if result.capacity.shape is None else ""
    return f"{result.capacity.rate_rps:.3g} requests/s{more}"


def prefill_first_serves_less(load: Load) -> Finding:
    """Its share of due requests served at high load, against every other scheduler's, by seed."""
    others = _others(load)
    own = [share_served(summary) for summary in load.summaries(VLLM, HIGH_RPS)]
    changes = [_change(_shares(load.summaries(name, HIGH_RPS)), own) for name in others]
    shares = [share for share in own if share is not None]
    served = f"{sum(shares) / len(shares):.1%} of them served; " if shares else ""
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
    ratio = over_seeds(ratios, len(ratios))
    value, low, high = (
        None if end is None else end - 1 for end in (ratio.value, ratio.low, ratio.high)
    )
    return Estimate(value, low, high, ratio.n)


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
    parts = [f"{tier} {as_seconds(mean)}" for tier, mean in means.items()]
    return f"{', '.join(parts)}: {as_change(change)}"


def tails(rule: Rule, schedulers: Sequence[str], tier: str) -> Callable[[Load], Finding]:
    """Whether a rule holds of a tier's P99 TBT against load, under each of some schedulers."""

    def finding(load: Load) -> Finding:
        parts = {name: _course_finding(_tail(load, name, tier), rule) for name in schedulers}
        seen = "; ".join(
            f"{LABELS[name]} {part.verdict.value}, {part.seen}" for name, part in parts.items()
        )
        return Finding(None, all_of([part.verdict for part in parts.values()]), seen)

    return finding


def ttft_grows_with_prompt(scheduler: str) -> Callable[[Load], Finding]:
    """Whether mean TTFT at high load rises with the prompt."""

    def finding(load: Load) -> Finding:
        course = [
            ((low + high) / 2, mean_ttft(same))
            for low, high, same in buckets(load.summaries(scheduler, HIGH_RPS))
        ]
        return _course_finding(course, rises, "tokens")

    return finding


def _tail(load: Load, scheduler: str, tier: str) -> Course:
    return [
        (point.rate_rps, UNKNOWN if point.invalid else point.tiers[tier].tbt_p99_s)
        for point in load.of(scheduler)
        if tier in point.tiers
    ]


def _course_finding(course: Course, rule: Rule, unit: str = "requests/s") -> Finding:
    """A verdict on a course, with its ends, its peak and its least value after that in words."""
    verdict = rule([estimate for _, estimate in course])
    points = [
        (place, estimate)
        for place, estimate in course
        if estimate.value is not None and math.isfinite(estimate.value)
    ]
    if not points:
        return Finding(None, ClaimVerdict.UNDECIDED, UNKNOWN_TEXT)
    peak = max(points, key=lambda point: point[1].value or 0.0)
    trough = min(points[points.index(peak) :], key=lambda point: point[1].value or 0.0)
    marks = dict.fromkeys((points[0], peak, trough, points[-1]))
    seen = ", ".join(f"{as_seconds(estimate)} at {place:g}" for place, estimate in marks)
    return Finding(None, verdict, f"{seen} {unit}")


def fixed_5_saturates(load: Load) -> Finding:
    """Nearly all blocks in use for most of the time."""
    shares = [summary.nearly_full for summary in _at_high(load, SLAI_FIXED_5)]
    full = over_seeds(shares, len(shares), log=False)
    seen = UNKNOWN_TEXT if full.value is None else f"{full.value:.0%} of the time"
    return Finding(None, above(full, MOSTLY), seen)


def fixed_10_underuses(load: Load) -> Finding:
    """Fewer blocks in use than under the dynamic offset, by seed."""
    means = [[summary.kv_mean for summary in _at_high(load, name)] for name in (SLAI, SLAI_FIXED)]
    pairs = [(a, b) for a, b in zip(*means, strict=False) if a is not None and b is not None]
    if not pairs:
        return Finding(None, ClaimVerdict.UNDECIDED, UNKNOWN_TEXT)
    change = over_seeds([b - a for a, b in pairs], len(pairs), log=False)
    dynamic, fixed = (sum(pair[side] for pair in pairs) / len(pairs) for side in (0, 1))
    seen = f"{fixed:.0%} of the blocks in use on average, {dynamic:.0%} under the dynamic offset"
    return Finding(None, all_below([change]), seen)


def _at_high(load: Load, scheduler: str) -> list[LoadSummary]:
    """Of a scheduler at high load, by seed."""
    summaries = load.summaries(scheduler, HIGH_RPS)
    return [summary for summary in summaries if isinstance(summary, LoadSummary)]
