"""What a regression run judges: each metric, read off one recording."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from slaibench.measure.catalogue import AT, LATENCIES, judged, metric_of
from slaibench.measure.clusters import independent_values
from slaibench.measure.metric import Metric, Scope
from slaibench.recording.record import Recording
from slaibench.studies.run_summary import RunSummary, measured_gaps


@dataclass(frozen=True, slots=True)
class Value:
    """A metric of one run.

    Args:
        value: None: there is none; ``inf``: it lies among requests that were still waiting at the
            end.
        n: independent values behind it: requests; of gaps, what they are worth with requests as
            clusters (``clusters.independent_values``), since what is judged is a change.
    """

    value: float | None
    n: int


def defaults() -> tuple[str, ...]:
    """The metrics that are judged unless others are named."""
    return tuple(name for name, metric in judged().items() if metric.judged)


def find(name: str) -> Metric:
    """The metric behind a name, with or without a tier.

    Raises:
        ValueError: there is none that a regression judges.
    """
    return metric_of(name, judged())[0]


def check(names: Sequence[str]) -> tuple[str, ...]:
    """The names, where each is a metric's and stands there once.

    Raises:
        ValueError: one is not, or is named twice.
    """
    for name in names:
        find(name)
        if AT in name:
            raise ValueError(f"metric {name!r}: leave {AT}... out, every tier is judged")
    if len(set(names)) != len(names):
        raise ValueError(f"a metric is named twice in {', '.join(names)}")
    return tuple(names)


def words(name: str) -> str:
    """What a table calls a metric: ``TBT P99, paying``."""
    metric, tier = metric_of(name)
    return metric.label + (f", {tier}" if tier else "")


def values_of(names: Sequence[str], recording: Recording, summary: RunSummary) -> dict[str, Value]:
    """The metrics of a run, by name (and tier)."""
    values = {}
    for name in names:
        metric = find(name)
        if metric.read is not None:
            values[name] = _value(metric.read(summary), summary.metrics.num_measured)
        elif metric.scope is Scope.TIER:
            for tier in summary.metrics.tiers:
                values[f"{name}{AT}{tier}"] = _latency(metric, recording, summary, tier)
        else:
            values[name] = _latency(metric, recording, summary, None)
    return values


def _latency(metric: Metric, recording: Recording, summary: RunSummary, tier: str | None) -> Value:
    assert metric.latency is not None
    metrics = summary.metrics
    group = metrics.overall if tier is None else metrics.tiers[tier]
    latency = group.latencies[metric.latency]
    if metric.level is None:
        return _value(latency.mean, latency.n)
    # It may be too few to print by themselves; whether all replicates are enough is decided later.
    value = latency.percentile(metric.level).sample_value
    if LATENCIES[metric.latency].observed is not None:
        return _value(value, latency.n)
    gaps = measured_gaps(recording.requests, metrics, tier)
    return _value(value, int(independent_values(gaps, metric.level)))


def _value(value: float | None, n: int) -> Value:
    """Nine digits of it: the others differ between processors, and make a file hard to read."""
    if value is None or math.isnan(value):
        return Value(None, n)
    return Value(float(f"{value:.9g}"), n)
