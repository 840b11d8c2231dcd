"""The values that each figure shows, as JSON has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from slaibench.measure.latency import LatencySummary
from slaibench.measure.metrics import PromptBucket
from slaibench.reproductions.bari2025.batches import Batches
from slaibench.reproductions.bari2025.figures import HIGH_RPS, Figure, Kind, Mix
from slaibench.reproductions.bari2025.forms import MemoryForm, PublishedPoint
from slaibench.reproductions.bari2025.load import Load, LoadSummary
from slaibench.reproductions.bari2025.numbers import Both
from slaibench.reproductions.bari2025.published import bari2025
from slaibench.spec import Convention
from slaibench.studies.estimate import Estimate, over_seeds
from slaibench.studies.operating_point import OperatingPoint
from slaibench.studies.run_summary import RunSummary

CONVENTIONS = (Convention.PAPER, Convention.STRICT)
Shown = Mapping[str, object]
"""What a figure shows, or a part of it."""


def series(figure: Figure, batches: Batches, loads: Mapping[Mix, Both]) -> Shown:
    """Everything that a figure shows, with the published points in it."""
    if figure.mix is None:
        return _BATCHES[figure.kind](batches)
    both = dict(zip(CONVENTIONS, loads[figure.mix], strict=True))
    return {
        "published": published_points(figure),
        **{
            convention.value: {name: _LOADS[figure.kind](load, name) for name in figure.schedulers}
            for convention, load in both.items()
        },
    }


def published_points(figure: Figure) -> list[PublishedPoint]:
    """Printed points of a figure against load: (rate, median TTFT) of a scheduler.

    The capacity is the rate at which the median TTFT reaches 0.5 s, by the paper's definition; at
    which rate its high load is, is our inference (``figures.INFERRED``).
    """
    if figure.kind is not Kind.TTFT or figure.mix is None:
        return []
    paper, mix = bari2025(), figure.mix.value
    points: list[PublishedPoint] = []
    for scheduler in ("sarathi", "slai"):
        capacity, high = (paper.value(f"{key}-{scheduler}-{mix}") for key in ("capacity", "ttft"))
        points.append({"scheduler": scheduler, "rate_rps": capacity.value, "ttft_p50_s": 0.5})
        points.append({"scheduler": scheduler, "rate_rps": HIGH_RPS, "ttft_p50_s": high.value})
    return points


def _budgets(batches: Batches) -> Shown:
    table = bari2025().token_budgets
    return {
        "published": [
            {"token_budget": budget, "ttft_p50_s": ttft / 1e3, "batch_s": batch / 1e3}
            for budget, ttft, batch in zip(
                table.budgets, table.ttft_ms, table.batch_ms, strict=True
            )
        ],
        "ours": [row.to_json() for row in batches.budgets],
    }


_BATCHES: dict[Kind, Callable[[Batches], Shown]] = {
    Kind.BUDGETS: _budgets,
    Kind.BLOCKS: lambda batches: {"ours": [row.to_json() for row in batches.blocks]},
    Kind.BATCHES: lambda batches: {"ours": [row.to_json() for row in batches.batches]},
}


def _by_rate(pick: Callable[[OperatingPoint], Shown]) -> Callable[[Load, str], Shown]:
    def by_rate(load: Load, scheduler: str) -> Shown:
        return {
            f"{point.rate_rps:g}": {"saturated": point.saturated, **pick(point)}
            for point in load.of(scheduler)
        }

    return by_rate


def _ttft(point: OperatingPoint) -> Shown:
    return {"ttft_p50_s": point.ttft_s["p50"].to_json()}


def _tbt(tier: str) -> Callable[[OperatingPoint], Shown]:
    def pick(point: OperatingPoint) -> Shown:
        if tier not in point.tiers:
            return {"tbt_p99_s": None}
        return {"tbt_p99_s": point.tiers[tier].tbt_p99_s.to_json()}

    return pick


def _memory(load: Load, scheduler: str) -> MemoryForm:
    summaries = load.summaries(scheduler, HIGH_RPS)
    own = [summary for summary in summaries if isinstance(summary, LoadSummary)]
    n = len(own)
    return {
        "kv_mean": over_seeds([summary.kv_mean for summary in own], n, log=False).to_json(),
        "nearly_full": over_seeds([summary.nearly_full for summary in own], n, log=False).to_json(),
        "preemptions": sum(summary.kv.preemptions for summary in own),
    }


def buckets(
    summaries: Sequence[RunSummary],
) -> list[tuple[int, int, list[PromptBucket]]]:
    """(from, up to, the replicates' buckets) of prompt lengths, shortest first."""
    by_length: dict[int, list[PromptBucket]] = {}
    for summary in summaries:
        for bucket in summary.metrics.prompt_buckets:
            by_length.setdefault(bucket.low_tokens, []).append(bucket)
    return [(low, same[0].high_tokens, same) for low, same in sorted(by_length.items())]


def mean_ttft(same: Sequence[PromptBucket]) -> Estimate:
    """Mean TTFT of a bucket over replicates."""
    summaries: list[LatencySummary] = [bucket.ttft for bucket in same]
    return over_seeds([s.mean for s in summaries], sum(s.n for s in summaries))


def served(same: Sequence[PromptBucket], summaries: Sequence[RunSummary]) -> Estimate:
    """Requests of a bucket that got a first token, a minute of the measured windows; over
    replicates."""
    minutes = [(d.metrics.window_s[1] - d.metrics.window_s[0]) / 60 for d in summaries]
    total = sum(minutes)
    count = sum(bucket.num_served for bucket in same)
    return Estimate(count / total if total else None, None, None, count)


def _buckets(load: Load, scheduler: str) -> Shown:
    summaries = load.summaries(scheduler, HIGH_RPS)
    return {
        f"{low}-{high}": {
            "mean_ttft_s": mean_ttft(same).to_json(),
            "served_per_minute": served(same, summaries).to_json(),
            "due": sum(bucket.num_due for bucket in same),
        }
        for low, high, same in buckets(summaries)
    }


def share_served(summary: RunSummary) -> float | None:
    """Of the requests due in a run's measured window, those that got a first token; None: none was
    due."""
    kept = summary.metrics.prompt_buckets
    due = sum(bucket.num_due for bucket in kept)
    return sum(bucket.num_served for bucket in kept) / due if due else None


def tier_mean_ttft(summary: RunSummary, tier: str) -> float | None:
    """Mean TTFT of one tier in one run, seconds; None without requests of it."""
    group = summary.metrics.tiers.get(tier)
    return None if group is None else group.ttft.mean


def by_tier(summaries: Sequence[RunSummary], tier: str) -> Estimate:
    """Mean TTFT of one tier over replicates."""
    groups = [summary.metrics.tiers.get(tier) for summary in summaries]
    count = sum(group.ttft.n for group in groups if group is not None)
    return over_seeds([tier_mean_ttft(summary, tier) for summary in summaries], count)


def _by_tier(load: Load, scheduler: str) -> Shown:
    summaries = load.summaries(scheduler, HIGH_RPS)
    tiers = sorted({name for summary in summaries for name in summary.metrics.tiers})
    return {"mean_ttft_s": {name: by_tier(summaries, name).to_json() for name in tiers}}


_LOADS: dict[Kind, Callable[[Load, str], Shown]] = {
    Kind.TBT_PAYING: _by_rate(_tbt("paying")),
    Kind.TBT_FREE: _by_rate(_tbt("free")),
    Kind.TTFT: _by_rate(_ttft),
    Kind.TTFT_LOG: _by_rate(_ttft),
    Kind.MEMORY: _memory,
    Kind.SERVED: _buckets,
    Kind.MEAN_TTFT: _buckets,
    Kind.BY_TIER: _by_tier,
}
