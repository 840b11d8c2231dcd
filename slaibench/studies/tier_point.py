"""One tier's part of an operating point: its metrics, and how its deadlines were kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slaibench.studies.estimate import Estimate, over_seeds
from slaibench.studies.replicates import estimates
from slaibench.studies.run_summary import RunSummary

Estimates = Mapping[str, Estimate]
"""By the name of a metric of ``measure.catalogue``."""


@dataclass(frozen=True, slots=True)
class TierPoint:
    """One tier's part of a point.

    Args:
        tbt_slo_s: the tier's TBT SLO.
        estimates: every metric that tiers have.
        tokens_on_time: share of tokens within the SLO of their predecessor.
        tokens_fluid: share of tokens by ``first token + i * SLO``.
        requests_on_time: share of requests all of whose tokens are, by that second rule.
        worst_late_run: most tokens in a row, within a request, late by the first rule.
    """

    tbt_slo_s: float
    estimates: Estimates
    tokens_on_time: Estimate
    requests_on_time: Estimate
    tokens_fluid: Estimate
    worst_late_run: int

    @property
    def tbt_p99_s(self) -> Estimate:
        return self.estimates["tbt_p99_s"]


def tier_point(summaries: Sequence[RunSummary], name: str) -> TierPoint:
    """The replicates' numbers of a tier that one of them has, brought together."""
    kept = [run.deadlines[name] for run in summaries if name in run.deadlines]
    groups = [run.metrics.tiers[name] for run in summaries if name in run.metrics.tiers]
    tokens = sum(tier.gap.num_tokens for tier in kept)
    requests = sum(tier.gap.num_requests for tier in kept)
    return TierPoint(
        tbt_slo_s=min(group.tbt_slo_s or math.nan for group in groups),
        estimates=estimates(summaries, name),
        tokens_on_time=over_seeds([tier.gap.tokens_met for tier in kept], tokens, log=False),
        requests_on_time=over_seeds(
            [tier.fluidity.requests_met for tier in kept], requests, log=False
        ),
        tokens_fluid=over_seeds([tier.fluidity.tokens_met for tier in kept], tokens, log=False),
        worst_late_run=max((tier.gap.worst_late_run for tier in kept), default=0),
    )
