"""What a regression run judges: each metric, read off one recording."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slaibench.measure.clusters import independent_values
from slaibench.measure.latency import LatencySummary
from slaibench.measure.metrics import GroupMetrics
from slaibench.recording.record import Recording
from slaibench.studies.run_summary import RunSummary, measured_gaps

AT = "@"
"""Between a metric and its tier: ``tbt_p99_s@paying``."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A number of a run that may get worse.

    Args:
        words: what a table calls it.
        harm: +1: more is worse; -1: less is.
        latency: which one; None: a rate.
        q: percentile level of the latency; None: its mean.
        by_tier: judged for each tier.
        default: judged where no metric is named.
    """

    words: str
    harm: int
    latency: str | None
    q: float | None = None
    by_tier: bool = False
    default: bool = True


METRICS: Mapping[str, Metric] = {
    "ttft_p50_s": Metric("TTFT P50", +1, "ttft", 0.5),
    "ttft_p99_s": Metric("TTFT P99", +1, "ttft", 0.99),
    "tbt_p99_s": Metric("TBT P99", +1, "tbt", 0.99, by_tier=True),
    "tpot_mean_s": Metric("TPOT mean", +1, "tpot"),
    "e2e_p50_s": Metric("E2E P50", +1, "e2e", 0.5, default=False),
    "output_tokens_per_s": Metric("output tokens/s", -1, None),
    "goodput_rps": Metric("goodput, requests/s", -1, None, default=False),
}
DEFAULT_METRICS = tuple(name for name, metric in METRICS.items() if metric.default)


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


def find(name: str) -> Metric:
    """The metric behind a name, with or without a tier.

    Raises:
        ValueError: there is none.
    """
    bare = name.partition(AT)[0]
    if bare in METRICS:
        return METRICS[bare]
    near = difflib.get_close_matches(bare, METRICS, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ValueError(f"unknown metric {name!r}: {hint}Known: {', '.join(METRICS)}")


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
    tier = name.partition(AT)[2]
    return find(name).words + (f", {tier}" if tier else "")


def values_of(names: Sequence[str], recording: Recording, summary: RunSummary) -> dict[str, Value]:
    """The metrics of a run, by name (and tier)."""
    values = {}
    for name in names:
        metric = METRICS[name]
        if metric.latency is None:
            values[name] = _value(_rate(name, summary), summary.metrics.num_measured)
        elif metric.by_tier:
            for tier in sorted(summary.metrics.tiers):
                values[f"{name}{AT}{tier}"] = _latency(metric, recording, summary, tier)
        else:
            values[name] = _latency(metric, recording, summary, None)
    return values


def _rate(name: str, summary: RunSummary) -> float | None:
    return summary.goodput_rps if name == "goodput_rps" else summary.metrics.output_tokens_per_s


def _latency(metric: Metric, recording: Recording, summary: RunSummary, tier: str | None) -> Value:
    assert metric.latency is not None
    metrics = summary.metrics
    group: GroupMetrics = metrics.overall if tier is None else metrics.tiers[tier]
    latency: LatencySummary = getattr(group, metric.latency)
    if metric.q is None:
        return _value(latency.mean, latency.n)
    # It may be too few to print by themselves; whether all replicates are enough is decided later.
    value = latency.percentile(metric.q).sample_value
    if metric.latency != "tbt":
        return _value(value, latency.n)
    gaps = measured_gaps(recording.requests, metrics, tier)
    return _value(value, int(independent_values(gaps, metric.q)))


def _value(value: float | None, n: int) -> Value:
    """Nine digits of it: the others differ between processors, and make a file hard to read."""
    if value is None or math.isnan(value):
        return Value(None, n)
    return Value(float(f"{value:.9g}"), n)
