"""What a study keeps of a recording, computed where the recording is at hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slaibench.measure.audit import ArrivalAudit, audit
from slaibench.measure.deadlines import TierDeadlines, deadlines, goodput_rps
from slaibench.measure.latency import request_values, token_gaps
from slaibench.measure.metrics import DEFAULT_QS, RunMetrics, run_metrics
from slaibench.measure.resample import statistic
from slaibench.measure.slo import evaluate, levels, parse_slos
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
    """A percentile that an SLO asks for, over ``n`` values: too few to print by themselves."""

    value: float
    n: int


@dataclass(frozen=True, slots=True)
class CellDigest:
    """One run's numbers.

    Args:
        small: by SLO text and tier: percentiles that ``metrics`` is silent about. They count
            where the replicates together are enough.
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
            notes=(*recording.run["notes"], *audited.notes),
        )


def _small_samples(
    requests: RequestTable, metrics: RunMetrics, slos: str
) -> dict[tuple[str, str | None], SmallSample]:
    found = {}
    for verdict in evaluate(parse_slos(slos), metrics):
        slo, tier = verdict.slo, verdict.tier
        if verdict.value is not None or slo.q is None:
            continue
        sample = measured_sample(requests, metrics, slo.metric, tier)
        if len(sample):
            found[slo.text, tier] = SmallSample(statistic(sample, slo.q), len(sample))
    return found


def measured_sample(
    requests: RequestTable, metrics: RunMetrics, metric: str, tier: str | None = None
) -> FloatArray:
    """The values of a latency that a run measured under strict conventions.

    Args:
        metric: ``tbt``, or one of ``latency.request_values``.
        tier: None: all requests.
    """
    members = (requests.due_s >= metrics.window_s[0]) & (requests.due_s <= metrics.stop_s)
    if tier is not None:
        members &= requests.tier == tier
    if metric == "tbt":
        return token_gaps(requests, members & (requests.num_tokens > 0)).values
    sample = request_values(requests, metric, metrics.stop_s)[members]
    return np.asarray(sample[~np.isnan(sample)], dtype=np.float64)


def _kv_use(recording: Recording) -> KvUse:
    steps, total = recording.steps, recording.run["kv_blocks"]
    preemptions = int(recording.requests.num_preemptions.sum())
    if not len(steps) or not total:
        return KvUse(None, None, preemptions)
    length = steps.end_s - steps.start_s
    mean = float(np.average(steps.kv_blocks_used, weights=length)) / total
    return KvUse(mean, float(steps.kv_blocks_used.max()) / total, preemptions)
