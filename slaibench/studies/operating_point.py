"""One scheduler at one rate: its replicates' numbers brought together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from slaibench.measure import catalogue
from slaibench.measure.audit import ArrivalAudit
from slaibench.measure.group import of_tenant
from slaibench.measure.metric import Scope
from slaibench.measure.metrics import Counts, strictest_first
from slaibench.measure.server_use import ServerUse, together
from slaibench.measure.steady import Steadiness
from slaibench.studies.estimate import Estimate, finite
from slaibench.studies.forms import ByMetric, GroupPart, MeasuredForm, ServerPart
from slaibench.studies.replicates import estimates, majority, total_counts
from slaibench.studies.run_summary import RunSummary
from slaibench.studies.tier_point import Estimates, TierPoint, tier_point
from slaibench.studies.validity import Failures, add_up


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """What a sweep prints of one scheduler at one rate.

    Args:
        counts: requests by outcome, over all replicates.
        states: how many replicates were steady, growing, or could not tell.
        stopped_early: how many replicates were cut short for growing.
        reason: the verdict of the first replicate in the point's own state.
        estimates: every metric of all tiers together.
        tiers: by tier name, the strictest first.
        tenants: by tenant, every metric that tiers have.
        kv_mean, kv_peak: share of KV blocks in use.
        warmup_s: mean warm-up cut.
        multi_token_reads: reads that brought several tokens of a request at once.
        lag_p99_s: send lag P99 of the replicate with the largest; None: nothing was sent.
        offered_rps: requests a second that arrived, which is the rate asked for unless a process
            has its own (``ArrivalAudit.offered_rps``); None: all at once.
        invalid: how many replicates are no measurement; such a point stands for nothing.
        invalid_reason: why the first of them is not; empty where all are.
        failures: why requests of all replicates failed, and how many (``studies.validity``).
        audit_ok: whether every replicate's arrivals are as declared and sent in time.
        server: what the server said of itself; None: nothing was read.
    """

    scheduler: str
    rate_rps: float
    num_seeds: int
    counts: Counts
    states: dict[Steadiness, int]
    stopped_early: int
    reason: str
    estimates: Estimates
    tiers: dict[str, TierPoint]
    tenants: dict[str, Estimates]
    kv_mean: float | None
    kv_peak: float | None
    preemptions: int
    warmup_s: float
    multi_token_reads: int
    lag_p99_s: float | None
    offered_rps: float | None
    invalid: int
    invalid_reason: str
    failures: Failures
    audit_ok: bool
    server: ServerUse | None

    @property
    def state(self) -> Steadiness:
        """What most replicates say; where no state has more than half of them: cannot tell."""
        return majority(self.states)

    @property
    def saturated(self) -> bool:
        return self.state is Steadiness.GROWING

    @property
    def undecided(self) -> bool:
        return self.state is Steadiness.CANNOT_TELL

    @property
    def num_growing(self) -> int:
        return self.states.get(Steadiness.GROWING, 0)

    @property
    def ttft_s(self) -> dict[str, Estimate]:
        """By statistic: ``p50``, ``p90``, ``p99``, ``mean``."""
        return self.statistics("ttft")

    def statistics(self, latency: str) -> dict[str, Estimate]:
        """A latency of all tiers together, by statistic (``p50``, ``mean``)."""
        return {
            metric.statistic: self.estimates[metric.name]
            for metric in catalogue.in_points()
            if metric.latency == latency and metric.scope is not Scope.TIER
        }

    def estimate(self, name: str) -> Estimate | None:
        """The metric of a name (``tbt_p99_s@paying``); None: no request of that group was seen, or
        an optional one that the load does not have.

        Raises:
            KeyError: points have no such metric.
        """
        bare, _, group = name.partition(catalogue.AT)
        own = self.groups.get(group) if group else self.estimates
        if own is None:
            return None
        return own.get(bare) if catalogue.METRICS[bare].is_optional else own[bare]

    @property
    def groups(self) -> dict[str, Estimates]:
        """The metrics of tiers and tenants, by ``measure.group``."""
        return {
            **{name: tier.estimates for name, tier in self.tiers.items()},
            **{of_tenant(name): own for name, own in self.tenants.items()},
        }

    @property
    def is_grouped(self) -> bool:
        """Whether requests say more than their tiers: tenants, or targets of their own."""
        return bool(self.tenants) or any(name in self.estimates for name in catalogue.shares())

    @property
    def tokens_on_time(self) -> float | None:
        """Share of tokens within their tier's TBT SLO, of the tier that does worst."""
        shares = (tier.tokens_on_time.value for tier in self.tiers.values())
        return min((share for share in shares if share is not None), default=None)

    def to_json(self) -> MeasuredForm:
        """The flat form that scripts read: seconds, requests a second, null for unknown."""
        return {
            "n": self.ttft_s["p50"].n,
            "offered_rps": finite(self.offered_rps),
            "seeds": self.num_seeds,
            "saturated": True if self.saturated else None if self.undecided else False,
            "runs": {state.value: self.states.get(state, 0) for state in Steadiness},
            "stopped_early": self.stopped_early,
            "reason": self.reason,
            "invalid": self.invalid_reason or None,
            "failures": [{"reason": text, "requests": num} for text, num in self.failures],
            **cast("ByMetric", self._by_metric(lambda estimate: finite(estimate.value))),
            "deadlines": {
                name: {
                    "tbt_slo_s": tier.tbt_slo_s,
                    "tokens_on_time": finite(tier.tokens_on_time.value),
                    "requests_on_time": finite(tier.requests_on_time.value),
                    "tokens_fluid": finite(tier.tokens_fluid.value),
                    "worst_late_run": tier.worst_late_run,
                }
                for name, tier in self.tiers.items()
            },
            "ci95": self._by_metric(lambda estimate: estimate.to_json()["ci95"]),
            "outcomes": {
                name: getattr(self.counts, name)
                for name in ("due", "finished", "failed", "timed_out", "unfinished")
            },
            "kv_use": {"mean": finite(self.kv_mean), "peak": finite(self.kv_peak)},
            "preemptions": self.preemptions,
            "warmup_s": self.warmup_s,
            "multi_token_reads": self.multi_token_reads,
            "send_lag_p99_s": finite(self.lag_p99_s),
            "audit_ok": self.audit_ok,
            **self._group_form(),
            **server_form(self.server),
        }

    def _group_form(self) -> GroupPart:
        if not self.is_grouped:
            return {}
        return {
            "groups": {
                group: {name: estimate.to_json() for name, estimate in own.items()}
                for group, own in self.groups.items()
            }
        }

    def _by_metric(self, value: Callable[[Estimate], Any]) -> dict[str, Any]:
        """A value of every metric by its name; of those that only tiers have, by tier."""
        return {
            metric.name: {
                name: value(tier.estimates[metric.name]) for name, tier in self.tiers.items()
            }
            if metric.scope is Scope.TIER
            else value(self.estimates[metric.name])
            for metric in catalogue.in_points()
            if metric.scope is Scope.TIER or metric.name in self.estimates
        }


def server_form(use: ServerUse | None) -> ServerPart:
    """What a server said of itself, besides KV cache and preemptions, which every backend has."""
    if use is None:
        return {}
    return {
        "server": {
            "waiting_peak": None if use.waiting_peak is None else round(use.waiting_peak),
            "running_peak": None if use.running_peak is None else round(use.running_peak),
            "prefix_hit_share": use.prefix_hit_share,
            "engines": use.engines,
            "readings": use.readings,
        }
    }


def tier_slos(points: Iterable[OperatingPoint]) -> dict[str, float | None]:
    """TBT SLO, seconds, of every tier seen at any point, the strictest first; None: it has none."""
    slos_s: dict[str, float | None] = {}
    for point in points:
        for name, tier in point.tiers.items():
            slos_s.setdefault(name, finite(tier.tbt_slo_s))
    return {name: slos_s[name] for name in strictest_first(slos_s)}


def make_point(
    scheduler: str, rate_rps: float, summaries: Sequence[RunSummary], tiers: Sequence[str]
) -> OperatingPoint:
    """Bring the replicates of one scheduler at one rate together.

    Args:
        summaries: one a seed, in the order of seeds; at least one.
        tiers: names of the study's tiers, in the order in which they are shown
            (``Targets.tier_names``); those without a request are left out.
    """
    names = [name for name in tiers if any(name in run.metrics.tiers for run in summaries)]
    tenants = {name for run in summaries for name in run.metrics.tenants}
    states = Counter(summary.state for summary in summaries)
    state = majority(states)
    invalid = [summary.invalid for summary in summaries if summary.invalid is not None]
    verdict = next((summary for summary in summaries if summary.state is state), summaries[0])
    return OperatingPoint(
        scheduler=scheduler,
        rate_rps=rate_rps,
        num_seeds=len(summaries),
        counts=total_counts(summaries),
        states=dict(states),
        stopped_early=sum(summary.stopped_early is not None for summary in summaries),
        reason=verdict.stopped_early or verdict.steadiness.reason,
        estimates=estimates(summaries),
        tiers={name: tier_point(summaries, name) for name in names},
        tenants={name: estimates(summaries, of_tenant(name)) for name in sorted(tenants)},
        kv_mean=_mean([summary.kv.mean for summary in summaries]),
        kv_peak=max((run.kv.peak for run in summaries if run.kv.peak is not None), default=None),
        preemptions=sum(summary.kv.preemptions for summary in summaries),
        warmup_s=float(np.mean([summary.metrics.window_s[0] for summary in summaries])),
        multi_token_reads=sum(summary.metrics.multi_token_reads for summary in summaries),
        lag_p99_s=max(
            (lag for run in summaries if (lag := run.audit.lag_p99_s) is not None), default=None
        ),
        offered_rps=_mean([summary.audit.offered_rps for summary in summaries]),
        invalid=len(invalid),
        invalid_reason=next(iter(invalid), ""),
        failures=add_up(failure for summary in summaries for failure in summary.failures),
        audit_ok=all(_as_declared(summary.audit) for summary in summaries),
        server=together([summary.server for summary in summaries if summary.server is not None]),
    )


def _as_declared(audit: ArrivalAudit) -> bool:
    """Whether requests arrived as declared and were sent in time."""
    return audit.valid and not audit.late and audit.process_ok is not False


def _mean(values: Sequence[float | None]) -> float | None:
    present = [value for value in values if value is not None]
    return float(np.mean(present)) if present else None
