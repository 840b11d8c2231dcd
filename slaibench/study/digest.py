"""What a study keeps of a recording, computed where the recording is at hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slaibench.measure.audit import ArrivalAudit, audit
from slaibench.measure.deadlines import TierDeadlines, deadlines, goodput_rps
from slaibench.measure.late_share import independent_values
from slaibench.measure.latency import BoolArray, request_values, token_gaps
from slaibench.measure.metrics import DEFAULT_QS, RunMetrics, run_metrics
from slaibench.measure.resample import Clusters
from slaibench.measure.slo import NO_SECOND_TOKEN, evaluate, levels, parse_slos
from slaibench.measure.steady import Saturation, recording_saturation
from slaibench.recording.record import FloatArray, Recording, RequestTable
from slaibench.study.validity import why_invalid
from workloads.arrivals import ArrivalProcess


@dataclass(frozen=True, slots=True)
class KvUse:
    """KV cache of a run: time-averaged and peak share in use, and requests preempted."""

    mean: float | None
    peak: float | None
    preemptions: int


@dataclass(frozen=True, slots=True)
class SmallSample:
    """A percentile that an SLO asks for, over too few requests to print by themselves.

    Args:
        value: of the sample as it is.
        n: requests that it is of.
        independent: of times between tokens: how many independent ones they are worth
            (``late_share.independent_values``); None of one value a request.
        late_share: share of the values that are beyond the SLO's bound.
    """

    value: float
    n: int
    independent: float | None
    late_share: float


@dataclass(frozen=True, slots=True)
class CellDigest:
    """One run's numbers.

    Args:
        small: by SLO text and tier: percentiles that ``metrics`` is silent about. Whether they
            count is for the replicates together to decide (``study.targets``).
        goodput_rps: requests a second with every token by its deadline (fluidity).
        ttft_s: a value a request by due time (``latency.request_values``), for pairing.
        due_s: when each was due.
        num_steps: batches run.
        invalid: why its latencies stand for nothing (``study.validity``), or None.
        stopped_early: why the run was cut short, or None.
        notes: what a reader of the run must know besides: its own notes, and the arrival audit's.
    """

    metrics: RunMetrics
    small: dict[tuple[str, str | None], SmallSample]
    saturation: Saturation
    audit: ArrivalAudit
    deadlines: dict[str, TierDeadlines]
    goodput_rps: float | None
    kv: KvUse
    ttft_s: FloatArray
    due_s: FloatArray
    num_steps: int
    stopped_early: str | None
    invalid: str | None
    notes: tuple[str, ...]

    @property
    def saturated(self) -> bool:
        """Saturated, or cut short for it; False as well where it cannot be told (``steady``)."""
        return bool(self.saturation.saturated) or self.stopped_early is not None

    @property
    def steady(self) -> bool | None:
        """Whether the run had a steady state; None: too short to tell."""
        if self.saturated:
            return False
        return None if self.saturation.saturated is None else True


@dataclass(frozen=True, slots=True)
class Digester:
    """Callable from recording to digest; can be sent to worker processes.

    Args:
        convention: whose definitions.
        slo: the targets that will be asked for.
        qs: percentile levels: the default ones and those of the targets.
    """

    convention: str
    slo: str
    qs: tuple[float, ...]

    @classmethod
    def for_study(cls, convention: str, slo: str) -> Digester:
        """With every percentile that the study's SLOs ask for."""
        return cls(convention, slo, tuple(sorted({*DEFAULT_QS, *levels(parse_slos(slo))})))

    def __call__(self, recording: Recording, cut_s: float | None = None) -> CellDigest:
        """The digest.

        Args:
            cut_s: the warm-up cut, to measure the same requests as in another run; None: find it.
        """
        requests, steps = recording.requests, recording.steps
        spec = recording.run["spec"]
        metrics = run_metrics(
            recording,
            convention="paper" if self.convention == "paper" else "strict",
            qs=self.qs,
            cut_s=cut_s,
        )
        process = ArrivalProcess.parse(spec["arrivals"])
        stop_s = float(recording.run["end_s"])
        audited = audit(
            requests.due_s,
            requests.sent_s,
            process=process.kind.value,
            rate_rps=spec["rate_rps"],
            cv=process.cv or 1.0,
            median_ttft_s=metrics.overall.ttft.percentile(0.5).value,
        )
        return CellDigest(
            metrics=metrics,
            small=_small_samples(requests, metrics, self.slo),
            saturation=recording_saturation(recording),
            audit=audited,
            deadlines=deadlines(requests, stop_s, start_s=metrics.window_s[0]),
            goodput_rps=goodput_rps(requests, metrics.window_s),
            kv=_kv_use(recording),
            ttft_s=request_values(requests, "ttft", stop_s),
            due_s=requests.due_s,
            num_steps=len(steps),
            stopped_early=recording.run["stopped_early"],
            invalid=why_invalid(requests, audited),
            notes=(*recording.run["notes"], *audited.notes, *_missing(metrics)),
        )


def _missing(metrics: RunMetrics) -> tuple[str, ...]:
    """What the run has none of, though a table has a column for it."""
    served = metrics.overall.ttft.n > metrics.overall.ttft.unserved
    return (NO_SECOND_TOKEN,) if served and not metrics.overall.tbt.n else ()


def _small_samples(
    requests: RequestTable, metrics: RunMetrics, slos: str
) -> dict[tuple[str, str | None], SmallSample]:
    samples = {}
    for verdict in evaluate(parse_slos(slos), metrics):
        slo, tier, value = verdict.slo, verdict.tier, verdict.sample_value
        if verdict.value is not None or slo.q is None or value is None:
            continue
        values, independent = _measured(requests, metrics, slo.metric, tier, slo.q)
        late_share = float(np.mean(values > verdict.bound_s))
        samples[slo.text, tier] = SmallSample(value, verdict.n, independent, late_share)
    return samples


def _measured(
    requests: RequestTable, metrics: RunMetrics, metric: str, tier: str | None, q: float
) -> tuple[FloatArray, float | None]:
    """The values that a run's percentile is of; of several a request, what they are worth."""
    if metric == "tbt":
        gaps = measured_gaps(requests, metrics, tier)
        return gaps.values, independent_values(gaps, q)
    values = request_values(requests, metric, metrics.stop_s)
    return values[_measured_requests(requests, metrics, tier) & ~np.isnan(values)], None


def measured_gaps(requests: RequestTable, metrics: RunMetrics, tier: str | None) -> Clusters:
    """The times between tokens that a run measured, by request; of all tiers where it is None."""
    return token_gaps(requests, _measured_requests(requests, metrics, tier))


def _measured_requests(requests: RequestTable, metrics: RunMetrics, tier: str | None) -> BoolArray:
    members = (requests.due_s >= metrics.window_s[0]) & (requests.due_s <= metrics.stop_s)
    return members if tier is None else members & (requests.tier == tier)


def _kv_use(recording: Recording) -> KvUse:
    steps, total = recording.steps, recording.run["kv_blocks"]
    preemptions = int(recording.requests.num_preemptions.sum())
    if not len(steps) or not total:
        return KvUse(None, None, preemptions)
    length = steps.end_s - steps.start_s
    mean = float(np.average(steps.kv_blocks_used, weights=length)) / total
    return KvUse(mean, float(steps.kv_blocks_used.max()) / total, preemptions)
