"""How far two backends agree about the same requests under the same scheduler."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from slaibench.measure import catalogue
from slaibench.measure.catalogue import AT, LATENCIES
from slaibench.measure.clusters import Clusters, Sample, independent_values, statistic
from slaibench.measure.half_open import measured_part
from slaibench.measure.latency import request_values, token_gaps
from slaibench.measure.metric import Metric, Scope
from slaibench.measure.metrics import run_metrics, strictest_first
from slaibench.measure.percentiles import percentile
from slaibench.recording.record import FloatArray, Recording
from slaibench.studies.crosscheck.forms import AgreementForm, DifferenceForm
from slaibench.studies.crosscheck.same_requests import check_same_requests, rows_in_both
from slaibench.studies.estimate import finite, over_seeds
from slaibench.studies.run_summary import RunSummary


class AgreementVerdict(StrEnum):
    """What is said of two backends at one rate."""

    IDENTICAL = "identical"
    """The same batches at the same times, and each token at the same time."""
    WITHIN = "within"
    BEYOND = "beyond"
    """Some difference is beyond its tolerance."""
    UNTOLD = "not told"
    """Too few samples for every quantity that has a tolerance."""
    INVALID = "invalid"
    """A run of either is no measurement."""

    @property
    def ok(self) -> bool:
        return self not in (AgreementVerdict.BEYOND, AgreementVerdict.INVALID)


@dataclass(frozen=True, slots=True)
class BackendRun:
    """One backend's run with one seed."""

    recording: Recording
    summary: RunSummary


@dataclass(frozen=True, slots=True)
class Difference:
    """One quantity on two backends.

    Args:
        reference, other: over all seeds; None where it is unknown.
        change: other / reference - 1; None where that says nothing.
        ci95: of the change, from the seeds' own ratios; None with fewer than two.
        tolerance: None: shown without a verdict.
    """

    reference: float | None
    other: float | None
    change: float | None
    ci95: tuple[float, float] | None
    tolerance: float | None

    @property
    def within(self) -> bool | None:
        """Whether the change is small enough; None: no verdict."""
        if self.tolerance is None or self.change is None:
            return None
        return abs(self.change) <= self.tolerance

    def to_json(self) -> DifferenceForm:
        return {
            "reference": finite(self.reference),
            "other": finite(self.other),
            "change": self.change,
            "ci95": None if self.ci95 is None else list(self.ci95),
            "tolerance": self.tolerance,
            "within": self.within,
        }


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two backends over the common seeds of one cell.

    Args:
        num_seeds: replicates.
        num_pairs: requests whose TTFT both measured.
        differences: by metric (``catalogue.compared``), one of tiers as ``tbt_p99_s@TIER``.
    """

    num_seeds: int
    num_pairs: int
    verdict: AgreementVerdict
    differences: dict[str, Difference]

    def to_json(self) -> AgreementForm:
        return {
            "seeds": self.num_seeds,
            "n": self.num_pairs,
            "verdict": self.verdict.value,
            "quantities": {name: item.to_json() for name, item in self.differences.items()},
        }


def agreement(
    reference: Sequence[BackendRun], other: Sequence[BackendRun], tiers: Sequence[str]
) -> Agreement:
    """Compare two backends' runs of the same requests.

    Both are measured over the same requests: those due after the later of the two warm-up cuts,
    and, for TTFT, that both served. Percentiles are of all seeds' samples together, counts are
    summed, rates and shares are means over seeds.

    Args:
        reference, other: one run a seed, in the same order.
        tiers: names of the study's tiers, in the order in which they are shown.

    Raises:
        ValueError: not the same requests on both sides.
    """
    pairs = list(zip(reference, other, strict=True))
    for a, b in pairs:
        check_same_requests(a.recording, b.recording)
    whole, pairs = pairs, [(_measured(a), _measured(b)) for a, b in pairs]
    recut = [_recut(a, b) for a, b in pairs]
    served = {name for pair in pairs for run in pair for name in run.summary.deadlines}
    differences: dict[str, Difference] = {}
    for metric in catalogue.compared():
        if metric.read is not None:
            values = [(metric.read(a), metric.read(b)) for a, b in recut]
            differences[metric.name] = _mean(values, metric.tolerance, total=metric.total)
        elif metric.scope is Scope.TIER:
            for tier in (name for name in tiers if name in served):
                samples = [_samples(a, b, metric, tier) for a, b in pairs]
                differences[f"{metric.name}{AT}{tier}"] = _percentile(samples, metric)
        else:
            samples = [_samples(a, b, metric, None) for a, b in pairs]
            differences[metric.name] = _percentile(samples, metric)
    num_pairs = sum(len(_paired(a, b, "ttft", None)[0]) for a, b in pairs)
    return Agreement(len(pairs), num_pairs, _verdict(whole, differences), differences)


Pair = tuple[BackendRun, BackendRun]


def _verdict(pairs: Sequence[Pair], differences: dict[str, Difference]) -> AgreementVerdict:
    if any(run.summary.invalid is not None for pair in pairs for run in pair):
        return AgreementVerdict.INVALID
    if all(identical(a.recording, b.recording) for a, b in pairs):
        return AgreementVerdict.IDENTICAL
    verdicts = [difference.within for difference in differences.values()]
    if False in verdicts:
        return AgreementVerdict.BEYOND
    return AgreementVerdict.WITHIN if True in verdicts else AgreementVerdict.UNTOLD


def identical(a: Recording, b: Recording) -> bool:
    """Whether two runs had the same batches and tokens at the same times."""
    if not (len(a.steps) and len(b.steps)):
        return False
    columns = [
        (getattr(a.steps, name), getattr(b.steps, name))
        for name in ("start_s", "end_s", "prefill_tokens", "decodes")
    ]
    columns += [
        (getattr(a.requests, name), getattr(b.requests, name))
        for name in ("due_s", "token_offsets", "token_times_s")
    ]
    return all(np.array_equal(x, y) for x, y in columns)


def _measured(run: BackendRun) -> BackendRun:
    return replace(run, recording=measured_part(run.recording))


def _cut(a: BackendRun, b: BackendRun) -> float:
    """From when on both are past their warm-up."""
    return max(a.summary.metrics.window_s[0], b.summary.metrics.window_s[0])


def _recut(a: BackendRun, b: BackendRun) -> tuple[RunSummary, RunSummary]:
    """Both runs measured from the later cut on."""
    cut_s = _cut(a, b)
    first, second = (
        replace(run.summary, metrics=run_metrics(run.recording, cut_s=cut_s)) for run in (a, b)
    )
    return first, second


def _tiers(pairs: Sequence[Pair]) -> list[str]:
    slos_s = {
        name: group.tbt_slo_s
        for pair in pairs
        for run in pair
        for name, group in run.summary.metrics.tiers.items()
    }
    return strictest_first(slos_s)


def _samples(
    a: BackendRun, b: BackendRun, metric: Metric, tier: str | None
) -> tuple[Sample, Sample]:
    """A latency on both sides, over the same requests."""
    assert metric.latency is not None
    if LATENCIES[metric.latency].observed is None:
        return _gaps(a, b, tier)
    return _paired(a, b, metric.latency, tier)


def _paired(
    a: BackendRun, b: BackendRun, latency: str, tier: str | None
) -> tuple[FloatArray, FloatArray]:
    rows = rows_in_both(a.recording.requests, b.recording.requests)
    measured = np.ones(len(rows[0]), dtype=bool)
    values = []
    for run, own in zip((a, b), rows, strict=True):
        requests = run.recording.requests
        values.append(request_values(requests, latency, run.summary.metrics.stop_s)[own])
        measured &= (requests.due_s[own] >= _cut(a, b)) & ~np.isnan(values[-1])
        if tier is not None:
            measured &= requests.tier[own] == tier
    return values[0][measured], values[1][measured]


def _gaps(a: BackendRun, b: BackendRun, tier: str | None) -> tuple[Clusters, Clusters]:
    def of(run: BackendRun) -> Clusters:
        requests = run.recording.requests
        members = requests.due_s >= _cut(a, b)
        if tier is not None:
            members &= requests.tier == tier
        return token_gaps(requests, members & (requests.num_tokens > 1))

    return of(a), of(b)


def _percentile(samples: Sequence[tuple[Sample, Sample]], metric: Metric) -> Difference:
    """A percentile of all seeds' samples; its ratio's interval from the seeds' own percentiles."""
    q, tolerance = metric.level, metric.tolerance
    assert q is not None
    a, b = (_together([pair[side] for pair in samples], q) for side in (0, 1))
    by_seed = [(statistic(x, q), statistic(y, q)) for x, y in samples if len(x) and len(y)]
    return _difference(a, b, by_seed, tolerance)


def _together(samples: Sequence[Sample], q: float) -> float | None:
    """A percentile of samples of independent runs; None where they are too few.

    What is judged is a difference, so gaps count as what they are worth with requests as clusters.
    """
    values = [sample.values if isinstance(sample, Clusters) else sample for sample in samples]
    worth = sum(
        independent_values(sample, q) if isinstance(sample, Clusters) else len(sample)
        for sample in samples
    )
    return percentile(np.concatenate(values), q, int(worth)).value


def _mean(
    values: Sequence[tuple[float | None, float | None]],
    tolerance: float | None = None,
    *,
    total: bool = False,
) -> Difference:
    """A mean over seeds, or their ``total``."""
    by_seed = [(x, y) for x, y in values if x is not None and y is not None]
    if not by_seed:
        return Difference(None, None, None, None, tolerance)
    share = 1 if total else len(by_seed)
    a, b = (float(sum(pair[side] for pair in by_seed)) / share for side in (0, 1))
    return _difference(a, b, by_seed, tolerance)


def _difference(
    a: float | None,
    b: float | None,
    by_seed: Sequence[tuple[float, float]],
    tolerance: float | None,
) -> Difference:
    if a is None or b is None or not (math.isfinite(a) and math.isfinite(b)):
        return Difference(a, b, None, None, tolerance)
    if a == b:
        return Difference(a, b, 0.0, None, tolerance)
    if a == 0:
        return Difference(a, b, None, None, tolerance)
    ratios = [y / x for x, y in by_seed if x > 0 and math.isfinite(x) and math.isfinite(y)]
    ratio = over_seeds(ratios, len(ratios))
    ci95 = None if ratio.ci95 is None else (ratio.ci95[0] - 1, ratio.ci95[1] - 1)
    return Difference(a, b, b / a - 1, ci95, tolerance)
