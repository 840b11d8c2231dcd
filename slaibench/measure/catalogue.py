"""Every metric, once: its names, its unit, its direction, and how it is read off a run.

Targets, operating points, documents, tables, regressions, cross-checks and pages take their metrics
from here: a new one is an entry of ``LATENCIES`` (a time of each request) or ``METRICS`` (a number
of a run), and needs nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal

import numpy as np

from slaibench.machine.suggestion import did_you_mean
from slaibench.measure.metric import Metric, Scope
from slaibench.recording.record import BoolArray, FloatArray, Outcome, RequestTable

AT = "@"
"""Between a metric and whose it is (``measure.group``): ``tbt_p99_s@paying``."""


def _waits(requests: RequestTable) -> BoolArray:
    return np.isin(requests.outcome, (Outcome.UNFINISHED.value, Outcome.TIMED_OUT.value))


def _none_waits(requests: RequestTable) -> BoolArray:
    return np.zeros(len(requests), dtype=bool)


def _waits_for_its_batch(requests: RequestTable) -> BoolArray:
    # Where nothing was recorded of batches, nothing says how long a request waited for one.
    unknown = bool(np.isnan(requests.first_scheduled_s).all())
    return _none_waits(requests) if unknown else _waits(requests)


def _e2e(requests: RequestTable) -> FloatArray:
    return np.where(requests.finished, requests.last_token_s - requests.due_s, np.nan)


def _tpot(requests: RequestTable) -> FloatArray:
    gaps = requests.num_tokens - 1
    span = requests.last_token_s - requests.first_token_s
    return np.where(requests.finished & (gaps > 0), span / np.maximum(gaps, 1), np.nan)


@dataclass(frozen=True, slots=True)
class Latency:
    """A time that requests have.

    Args:
        label: in tables.
        observed: seconds by request, NaN where it did not happen; None: a request has many (TBT,
            ``latency.token_gaps``).
        waiting: where it has not happened and is longer than the run; else there is none.
        phrase: in sentences; empty: the label.
        is_target: whether an SLO may name it.
        has_tier_bound: whether a tier's own SLO bounds it.
        pooled: percentiles over replicates are those of all their requests together; else only
            where a target asks for them.
    """

    label: str
    observed: Callable[[RequestTable], FloatArray] | None
    waiting: Callable[[RequestTable], BoolArray] = _waits
    phrase: str = ""
    is_target: bool = True
    has_tier_bound: bool = False
    pooled: bool = False


LATENCIES: dict[str, Latency] = {
    "ttft": Latency("TTFT", attrgetter("ttft_s"), pooled=True),
    "tbt": Latency("TBT", None, has_tier_bound=True, pooled=True),
    "tpot": Latency("TPOT", _tpot, _none_waits, has_tier_bound=True),
    "e2e": Latency("E2E", _e2e, phrase="end-to-end time"),
    "queueing": Latency(
        "queueing",
        lambda requests: requests.first_scheduled_s - requests.due_s,
        _waits_for_its_batch,
        is_target=False,
    ),
}


def statistic_phrase(latency: str, level: float | None) -> str:
    """``median TTFT``, ``P99 TBT``, ``mean end-to-end time``."""
    which = "mean" if level is None else "median" if level == 0.5 else f"P{100 * level:g}"
    return f"{which} {LATENCIES[latency].phrase or LATENCIES[latency].label}"


def latency_metric(name: str, latency: str, level: float | None, **more: Any) -> Metric:
    """A statistic of a latency; its words follow from both."""
    label = f"{LATENCIES[latency].label} {'mean' if level is None else f'P{100 * level:g}'}"
    title = statistic_phrase(latency, level)
    return Metric(name, label, title, "s", +1, latency, level, **more)


def _of_own(name: str, label: str, title: str, harm: Literal[-1, 1], unit: str = "share") -> Metric:
    """Of what only some loads have (``measure.own_targets``)."""
    read = attrgetter(f"own.{name}")
    return Metric(name, label, title, unit, harm, read=read, is_optional=True, short=label)


_MS: dict[str, Any] = {"shown_unit": "ms", "scale": 1e3}
_MAIN: dict[str, Any] = {"judged": True, "compared": True, "terminal": "always"}
_OF_ALL: dict[str, Any] = {**_MAIN, "in_judge": True}
# The P99 of TTFT rests on a few requests, which one batch more or less in a queue moves: hence its
# wide tolerance.
_METRICS = (
    latency_metric(
        "ttft_p50_s", "ttft", 0.5, scope=Scope.BOTH, tolerance=0.03, in_judge=True, **_MAIN
    ),
    latency_metric("ttft_p90_s", "ttft", 0.9),
    latency_metric("ttft_p99_s", "ttft", 0.99, tolerance=0.10, **_OF_ALL),
    latency_metric("ttft_mean_s", "ttft", None),
    latency_metric("tbt_p50_all_s", "tbt", 0.5, **_MS),
    latency_metric("tbt_p99_all_s", "tbt", 0.99, in_judge=True, **_MS),
    latency_metric("tbt_p99_s", "tbt", 0.99, scope=Scope.TIER, tolerance=0.03, **_MAIN, **_MS),
    latency_metric("e2e_p50_s", "e2e", 0.5, in_judge=True),
    latency_metric("tpot_mean_s", "tpot", None, judged=True, in_judge=True, **_MS),
    Metric(
        "throughput_rps",
        "throughput, requests/s",
        "requests finished a second",
        "requests/s",
        -1,
        read=attrgetter("metrics.throughput_rps"),
        short="finished",
        shown_unit="a second",
    ),
    Metric(
        "goodput_rps",
        "goodput, requests/s",
        "goodput",
        "requests/s",
        -1,
        read=attrgetter("goodput_rps"),
        in_judge=True,
        short="goodput",
        shown_unit="a second",
    ),
    Metric(
        "goodput_share",
        "on target",
        "requests within all of their own targets",
        "share",
        -1,
        read=lambda summary: summary.metrics.overall.share("goodput_share"),
        scope=Scope.BOTH,
        of_requests=True,
        is_optional=True,
        short="on target",
        shown_unit="%",
        scale=100,
    ),
    _of_own("tenant_fairness", "fairness", "Jain's index of tenants' service", -1),
    _of_own("prefix_hit_share", "prefix hits", "prompt tokens found in the prefix cache", -1),
    _of_own("ttft_p50_first_turn_s", "first turns", "median TTFT of first turns", +1, "s"),
    _of_own("ttft_p50_later_turns_s", "later turns", "median TTFT of later turns", +1, "s"),
    _of_own("sessions_served_share", "sessions served", "sessions all of whose turns finished", -1),
    Metric(
        "output_tokens_per_s",
        "output tokens/s",
        "output tokens a second",
        "tokens/s",
        -1,
        read=attrgetter("metrics.output_tokens_per_s"),
        judged=True,
        in_judge=True,
        compared=True,
        terminal="wide",
        heading="out\ntok/s",
        short="output",
        decimals=1,
    ),
    Metric(
        "steps",
        "batches",
        "batches",
        "",
        0,
        read=lambda summary: summary.num_steps or None,
        in_points=False,
        compared=True,
        tolerance=0.01,
        total=True,
        heading="\nsteps",
        shown_unit="all seeds",
        decimals=0,
    ),
    Metric(
        "preemptions",
        "preemptions",
        "preemptions",
        "",
        0,
        read=attrgetter("kv.preemptions"),
        in_points=False,
        compared=True,
        total=True,
        heading="pre-\nempted",
        shown_unit="all seeds",
        decimals=0,
    ),
    Metric(
        "kv_mean",
        "KV mean",
        "KV blocks in use, mean",
        "share",
        0,
        read=attrgetter("kv.mean"),
        in_points=False,
        compared=True,
        shown_unit="%",
        scale=100,
        decimals=2,
    ),
)
METRICS = {metric.name: metric for metric in _METRICS}
"""By name, in the order of tables."""


def targets() -> list[str]:
    """Latencies that an SLO may name."""
    return [name for name, latency in LATENCIES.items() if latency.is_target]


def shares() -> list[str]:
    """Shares of requests, which an SLO may name."""
    return [metric.name for metric in METRICS.values() if metric.of_requests]


def in_points() -> list[Metric]:
    """Metrics that operating points have, in order."""
    return [metric for metric in METRICS.values() if metric.in_points]


def compared() -> list[Metric]:
    """Metrics by which backends are compared, in order."""
    return [metric for metric in METRICS.values() if metric.compared]


def judged() -> dict[str, Metric]:
    """Metrics that a regression may judge, by name."""
    return {metric.name: metric for metric in in_points() if metric.harm}


def metric_of(name: str, among: Mapping[str, Metric] = METRICS) -> tuple[Metric, str]:
    """The metric behind a name, and the tier that it names; empty: none.

    Raises:
        ValueError: there is no such metric among those.
    """
    bare, _, tier = name.partition(AT)
    if bare in among:
        return among[bare], tier
    hint = did_you_mean(bare, among)
    raise ValueError(f"unknown metric {name!r}: {hint}Known: {', '.join(among)}")
