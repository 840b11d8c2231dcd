"""Replicates: one scheduler's runs at one rate, and numbers over all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter

import numpy as np

from slaibench.measure.latency import LatencySummary
from slaibench.measure.metrics import Counts, GroupMetrics
from slaibench.measure.quantile_interval import quantile
from slaibench.measure.steady import Steadiness
from slaibench.recording.record import FloatArray
from slaibench.studies.estimate import Estimate, over_seeds, pooled
from slaibench.studies.run_summary import RunSummary


def measured_ttft(summary: RunSummary) -> FloatArray:
    """TTFTs that count under the run's convention (``inf``: still waiting at the end)."""
    values = summary.ttft_s[summary.due_s >= summary.metrics.window_s[0]]
    values = values[~np.isnan(values)]
    if summary.metrics.convention == "paper":
        values = values[np.isfinite(values)]
    return np.asarray(values, dtype=np.float64)


def state_of(summaries: Sequence[RunSummary]) -> Steadiness:
    """The state of more than half of the replicates (``majority``)."""
    return majority(Counter(summary.state for summary in summaries))


def majority(states: Mapping[Steadiness, int]) -> Steadiness:
    """The state of more than half of the replicates; else they cannot tell.

    One rule for tables, pages and capacity. With three replicates a sound rate is called saturated
    only if two of them are wrong.
    """
    total = sum(states.values())
    for state, count in states.items():
        if 2 * count > total:
            return state
    return Steadiness.CANNOT_TELL


def percentile(
    summaries: Sequence[RunSummary], metric: str, level: float, tier: str | None = None
) -> Estimate:
    """A latency percentile over replicates.

    Under strict conventions of all their requests together: a short run's own percentile of a tail
    is too low. Under the paper's, the mean of the replicates' own.
    """
    samples = [d.samples[metric, tier] for d in summaries if (metric, tier) in d.samples]
    if summaries[0].metrics.convention == "paper" or quantile(samples, level) is None:
        return latency(summaries, attrgetter(metric), level, tier)
    growing = state_of(summaries) is Steadiness.GROWING
    return pooled(samples, level, steady=not growing)


def latency(
    summaries: Sequence[RunSummary],
    metric: Callable[[GroupMetrics], LatencySummary],
    level: float | None,
    tier: str | None = None,
) -> Estimate:
    """A latency's percentile, or its mean, as the mean of the replicates' own values.

    Args:
        metric: the latency of a group of requests.
        level: of the percentile; None: the mean.
        tier: whose requests; None: all.
    """
    groups = [
        summary.metrics.overall if tier is None else summary.metrics.tiers.get(tier)
        for summary in summaries
    ]
    latencies = [metric(group) for group in groups if group is not None]
    values = [s.mean if level is None else s.percentile(level).sample_value for s in latencies]
    # Whether it prints is decided by all replicates together; the paper's rules print any sample.
    paper = any(summary.metrics.convention == "paper" for summary in summaries)
    return over_seeds(values, sum(s.n for s in latencies), q=None if paper else level)


def mean_over_seeds(
    summaries: Sequence[RunSummary], value: Callable[[RunSummary], float | None]
) -> Estimate:
    """The arithmetic mean of a value of each replicate, with its interval."""
    counted = sum(summary.metrics.num_measured for summary in summaries)
    return over_seeds([value(summary) for summary in summaries], counted, log=False)


def total_counts(summaries: Sequence[RunSummary]) -> Counts:
    """Requests by outcome, over all replicates."""

    def total(name: str) -> int:
        return sum(getattr(summary.metrics.counts, name) for summary in summaries)

    return Counts(
        *(total(name) for name in ("due", "finished", "failed", "timed_out", "unfinished"))
    )
