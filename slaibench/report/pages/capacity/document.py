"""The document of a page of a search: a study's, with every rate that was looked at."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypedDict

from slaibench.measure.capacity import SloLevel
from slaibench.report.numbers import estimate
from slaibench.report.study_document import PageEstimate, StudyDocument, StudyNumbers
from slaibench.studies.estimate import Estimate
from slaibench.studies.forms import VerdictForm
from slaibench.studies.replicates import state_of
from slaibench.studies.run_summary import RunSummary
from slaibench.studies.targets import NOT_MEASURED, STEADY, Targets, Verdict

Levels = Mapping[tuple[str, str | None], SloLevel]
"""By target and tier, where a scheduler stands at one rate."""


class ProbeTarget(TypedDict):
    """A target at one rate: its bound and its metric, seconds; of a share of requests shares."""

    slo: str
    tier: str | None
    bound_s: float
    metric_s: PageEstimate


class Probe(TypedDict):
    """A rate that was looked at: by how many runs of how many requests, how it stands by all
    targets and by each of requests, and whether its runs were steady."""

    rate_rps: float
    runs: int
    requests: int
    verdict: VerdictForm
    state: str
    stopped_early: int
    invalid: str | None
    targets: list[ProbeTarget]


class CapacityNumbers(StudyNumbers):
    """The numbers of a search; ``probes`` are those of each scheduler, by rate."""

    probes: Mapping[str, list[Probe]]


class CapacityDocument(StudyDocument, CapacityNumbers):
    """The whole document."""


def probe_of(
    targets: Targets, rate_rps: float, levels: Levels, summaries: Sequence[RunSummary]
) -> Probe:
    """One rate, from where its targets stand and the runs behind that."""
    return {
        "rate_rps": rate_rps,
        "runs": len(summaries),
        "requests": sum(summary.metrics.counts.due for summary in summaries),
        "verdict": Verdict.of(levels).to_json(),
        "state": state_of(summaries).value,
        "stopped_early": sum(summary.stopped_early is not None for summary in summaries),
        "invalid": next((s.invalid for s in summaries if s.invalid is not None), None),
        "targets": [
            _target(targets, slo, tier, level, summaries)
            for (slo, tier), level in levels.items()
            if slo != STEADY
        ],
    }


def _target(
    targets: Targets,
    text: str,
    tier: str | None,
    level: SloLevel,
    summaries: Sequence[RunSummary],
) -> ProbeTarget:
    """A target's metric, from the level that the capacity is made of: the logarithm of metric over
    bound."""
    slo = next(slo for slo in targets.slos if slo.text == text)
    own = {tier.name: tier.tbt_slo_s for tier in targets.tiers}
    bound = own[tier or ""] if slo.bound == "tier" else slo.bound
    samples = [summary.samples.get((slo.metric, slo.group(tier))) for summary in summaries]
    n = sum(len(sample) for sample in samples if sample is not None)
    if level == NOT_MEASURED:
        metric = Estimate(None, None, None, n)
    else:
        metric = Estimate(
            slo.at(level.value, bound),
            None if level.low == -math.inf else slo.at(level.low, bound),
            None if level.high == math.inf else slo.at(level.high, bound),
            n,
        )
        if slo.is_share:
            metric = replace(metric, low=metric.high, high=metric.low)
    return {"slo": text, "tier": tier, "bound_s": bound, "metric_s": estimate(metric)}
