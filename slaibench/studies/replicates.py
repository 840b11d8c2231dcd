"""Replicates: one scheduler's runs at one rate, and numbers over all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from slaibench.measure import catalogue
from slaibench.measure.catalogue import LATENCIES
from slaibench.measure.group import Group
from slaibench.measure.metric import Metric, Scope
from slaibench.measure.metrics import Counts
from slaibench.measure.quantile_interval import quantile
from slaibench.measure.share_interval import share_interval
from slaibench.measure.steady import Steadiness
from slaibench.recording.record import FloatArray
from slaibench.studies.estimate import Estimate, from_interval, over_seeds, pooled
from slaibench.studies.run_summary import RunSummary, samples_of


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


def estimates(summaries: Sequence[RunSummary], group: Group = None) -> dict[str, Estimate]:
    """Every metric of operating points by name: of all requests, or of a group of them."""
    other = Scope.TIER if group is None else Scope.ALL
    metrics = [metric for metric in catalogue.in_points() if metric.scope is not other]
    found = {metric.name: _estimate(summaries, metric, group) for metric in metrics}
    optional = {metric.name for metric in metrics if metric.is_optional}
    return {
        name: value
        for name, value in found.items()
        if value.value is not None or name not in optional
    }


def _estimate(summaries: Sequence[RunSummary], metric: Metric, group: Group) -> Estimate:
    if metric.of_requests:
        return share(summaries, metric.name, group)
    if metric.latency is None:
        assert metric.read is not None
        values = [metric.read(summary) for summary in summaries]
        counted = sum(summary.metrics.num_measured for summary in summaries)
        return over_seeds(values, counted, log=False)
    if metric.level is not None and LATENCIES[metric.latency].pooled:
        return percentile(summaries, metric.latency, metric.level, group)
    return latency(summaries, metric.latency, metric.level, group)


def share(summaries: Sequence[RunSummary], metric: str, group: Group = None) -> Estimate:
    """A share of the requests of a group over replicates (``own_targets.SHARES``).

    Under strict conventions of all their requests together, with the interval of what these are
    worth. Under the paper's, the mean of the replicates' own.
    """
    samples = samples_of(summaries, metric, group)
    if summaries[0].metrics.convention == "paper" or not samples:
        n = sum(map(len, samples))
        return over_seeds([float(sample.mean()) for sample in samples], n, log=False)
    made = from_interval(share_interval(samples, samples_of(summaries, "ttft", group)))
    growing = state_of(summaries) is Steadiness.GROWING
    return Estimate(made.value, None, None, made.n) if growing else made


def percentile(
    summaries: Sequence[RunSummary], metric: str, level: float, group: Group = None
) -> Estimate:
    """A latency percentile over replicates.

    Under strict conventions of all their requests together: a short run's own percentile of a tail
    is too low. Under the paper's, the mean of the replicates' own.
    """
    samples = [run.samples[metric, group] for run in summaries if (metric, group) in run.samples]
    if summaries[0].metrics.convention == "paper" or quantile(samples, level) is None:
        return latency(summaries, metric, level, group)
    growing = state_of(summaries) is Steadiness.GROWING
    return pooled(samples, level, steady=not growing)


def latency(
    summaries: Sequence[RunSummary],
    metric: str,
    level: float | None,
    group: Group = None,
) -> Estimate:
    """A latency's percentile, or its mean, as the mean of the replicates' own values.

    Args:
        metric: of ``catalogue.LATENCIES``.
        level: of the percentile; None: the mean.
        group: whose requests.
    """
    groups = [summary.metrics.groups.get(group) for summary in summaries]
    latencies = [own.latencies[metric] for own in groups if own is not None]
    values = [s.mean if level is None else s.percentile(level).sample_value for s in latencies]
    # Whether it prints is decided by all replicates together; the paper's rules print any sample.
    paper = any(summary.metrics.convention == "paper" for summary in summaries)
    return over_seeds(values, sum(s.n for s in latencies), q=None if paper else level)


def total_counts(summaries: Sequence[RunSummary]) -> Counts:
    """Requests by outcome, over all replicates."""

    def total(name: str) -> int:
        return sum(getattr(summary.metrics.counts, name) for summary in summaries)

    return Counts(
        *(total(name) for name in ("due", "finished", "failed", "timed_out", "unfinished"))
    )
