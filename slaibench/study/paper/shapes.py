"""Claims that are orderings or shapes: who is faster, what rises, what fills the memory."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

from slaibench.study.capacity import CapacityResult
from slaibench.study.estimate import Estimate, over_seeds
from slaibench.study.paper.batches import BatchRow, BlockRow, BudgetRow
from slaibench.study.paper.claim import Claim, Finding, as_seconds
from slaibench.study.paper.figures import (
    HIGH_RPS,
    LABELS,
    SARATHI,
    SARATHI_SPF,
    SLAI,
    SLAI_FIXED,
    SLAI_FIXED_5,
    VLLM,
)
from slaibench.study.paper.load import TBT_ONLY, Load, LoadDigest
from slaibench.study.paper.numbers import Both
from slaibench.study.paper.verdict import (
    Verdict,
    above,
    all_below,
    apart,
    grows,
    rises_falls_rises,
)

WORST_TO_BEST = (SARATHI, SARATHI_SPF, SLAI_FIXED, SLAI)
"""The paper's order of median TTFT under load."""
MOSTLY = 0.5
"""Share of the time with the cache nearly full that counts as saturating it."""


def load_shapes(figure: str, loads: Both) -> list[Claim]:
    """The shape claims of one figure."""
    return [
        Claim(f"{name}-{figure}", figure, text, None, find(loads[0]), find(loads[1]))
        for name, text, find in _SHAPES.get(figure, ())
    ]


def batch_shapes(
    budgets: Sequence[BudgetRow],
    blocks: Sequence[BlockRow],
    batches: Sequence[BatchRow],
    num_laid_out: int,
) -> list[Claim]:
    """What grows with what in figure 6; of those parts that were run.

    Args:
        num_laid_out: how many ``batches`` were to come about; 0: that part was not run.
    """
    found: list[tuple[str, str, str, list[float], str]] = []
    if budgets:
        found.append(
            (
                "batch-grows-with-budget",
                "6a",
                "a larger token budget makes a batch take longer",
                [row.batch_s for row in budgets],
                f"{1e3 * budgets[0].batch_s:.1f} to {1e3 * budgets[-1].batch_s:.1f} ms",
            )
        )
    if blocks:
        found.append(
            (
                "blocks-grow",
                "6b",
                "KV blocks in use grow with the number of requests",
                [row.kv_blocks for row in blocks],
                f"{blocks[0].share:.0%} to {blocks[-1].share:.0%} of all blocks",
            )
        )
    claims = [
        Claim(name, figure, text, None, Finding(None, grows(values), seen), None)
        for name, figure, text, values, seen in found
    ]
    if num_laid_out:
        claims.append(_decodes(batches, num_laid_out))
    return claims


def _decodes(batches: Sequence[BatchRow], num_laid_out: int) -> Claim:
    finding = Finding(None, Verdict.UNTOLD, f"{len(batches)} of {num_laid_out} batches came about")
    if len(batches) == num_laid_out:
        first, last = (1e3 * batches[place].batch_s for place in (0, -1))
        verdict = grows([row.batch_s for row in batches])
        finding = Finding(None, verdict, f"{first:.1f} to {last:.1f} ms")
    text = "a 512-token batch takes longer the more of its tokens are decodes"
    return Claim("batch-grows-with-decodes", "6c", text, None, finding, None)


def _order(load: Load) -> Finding:
    pairs = list(itertools.pairwise(WORST_TO_BEST))
    changes = [load.ttft_change(worse, better, HIGH_RPS) for worse, better in pairs]
    seen = "; ".join(
        f"{LABELS[better]} {_change(change)} against {LABELS[worse]}"
        for (worse, better), change in zip(pairs, changes, strict=True)
    )
    return Finding(None, all_below(changes), seen)


def _lowest_at_low_load(load: Load) -> Finding:
    rate = load.spec.rates[0]
    others = [name for name in load.spec.schedulers if name in WORST_TO_BEST]
    changes = [load.ttft_change(name, VLLM, rate) for name in others]
    seen = f"at {rate:g} requests/s " + "; ".join(
        f"{_change(change)} against {LABELS[name]}"
        for name, change in zip(others, changes, strict=True)
    )
    return Finding(None, all_below(changes), seen)


def _breaks_early(load: Load) -> Finding:
    first = load.capacity(VLLM, TBT_ONLY)
    others = {name: load.capacity(name, TBT_ONLY) for name in (SARATHI, SLAI)}
    verdicts = [apart(_ends(first), _ends(each)) for each in others.values()]
    verdict = next(
        (each for each in (Verdict.DISAGREES, Verdict.UNTOLD) if each in verdicts), Verdict.AGREES
    )
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


def _free_tail(load: Load) -> Finding:
    points = [each for each in load.of(SLAI) if "free" in each.tiers]
    series = [each.tiers["free"].tbt_p99_s for each in points]
    known = [
        (point.rate_rps, each)
        for point, each in zip(points, series, strict=True)
        if each.value is not None and math.isfinite(each.value)
    ]
    if not known:
        return Finding(None, Verdict.UNTOLD, "not told")
    peak = max(known, key=lambda at: at[1].value or 0.0)
    marks = dict.fromkeys((known[0], peak, known[-1]))
    seen = ", ".join(f"{as_seconds(each)} at {rate:g}" for rate, each in marks)
    return Finding(None, rises_falls_rises(series), f"{seen} requests/s")


def _saturates(load: Load) -> Finding:
    shares = [each.nearly_full for each in _digests(load, SLAI_FIXED_5)]
    full = over_seeds(shares, len(shares), log=False)
    seen = "not told" if full.value is None else f"{full.value:.0%} of the time"
    return Finding(None, above(full, MOSTLY), seen)


def _underuses(load: Load) -> Finding:
    means = [[each.kv_mean for each in _digests(load, name)] for name in (SLAI, SLAI_FIXED)]
    pairs = [(a, b) for a, b in zip(*means, strict=False) if a is not None and b is not None]
    if not pairs:
        return Finding(None, Verdict.UNTOLD, "not told")
    change = over_seeds([b - a for a, b in pairs], len(pairs), log=False)
    dynamic, fixed = (sum(pair[side] for pair in pairs) / len(pairs) for side in (0, 1))
    seen = f"{fixed:.0%} of the blocks in use on average, {dynamic:.0%} under the dynamic offset"
    return Finding(None, all_below([change]), seen)


def _digests(load: Load, scheduler: str) -> list[LoadDigest]:
    """Of a scheduler at high load, by seed."""
    digests = load.digests(scheduler, HIGH_RPS)
    return [each for each in digests if isinstance(each, LoadDigest)]


def _change(found: Estimate) -> str:
    if found.value is None:
        return "not told"
    ends = "" if found.ci95 is None else f" [{found.ci95[0]:+.0%}, {found.ci95[1]:+.0%}]"
    return f"{found.value:+.1%}{ends}"


_Shape = tuple[str, str, Callable[[Load], Finding]]
_ORDER: _Shape = (
    "order-of-ttft",
    f"median TTFT at {HIGH_RPS:g} requests/s, worst to best: Sarathi FCFS, Sarathi SPF, "
    "SLAI fixed, SLAI dynamic",
    _order,
)
_SHAPES: dict[str, tuple[_Shape, ...]] = {
    "7a": (
        _ORDER,
        (
            "prefill-first-lowest",
            "prefill first has the lowest median TTFT at low load",
            _lowest_at_low_load,
        ),
    ),
    "7b": (
        (
            "prefill-first-breaks",
            "prefill first breaks P99 TBT at a lower rate than Sarathi-Serve and SLAI",
            _breaks_early,
        ),
    ),
    "7c": (
        (
            "free-tail",
            "P99 TBT of free requests under SLAI rises at low load, falls, rises again",
            _free_tail,
        ),
    ),
    "8": (
        (
            "fixed-5-saturates",
            f"fixed 5 saturates the memory at {HIGH_RPS:g} requests/s (96 % of the blocks in use "
            "more than half of the time)",
            _saturates,
        ),
        (
            "fixed-10-underuses",
            f"fixed 10 underuses the memory at {HIGH_RPS:g} requests/s (less of it than the "
            "dynamic offset)",
            _underuses,
        ),
    ),
    "11": (_ORDER,),
    "12": (_ORDER,),
}
