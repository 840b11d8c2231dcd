"""What a study keeps of a recording, computed where the recording is at hand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from slaibench.measure import closed_loop
from slaibench.measure import group as groups
from slaibench.measure.audit import UNTESTED, ArrivalAudit, audit
from slaibench.measure.catalogue import LATENCIES
from slaibench.measure.closed_loop import LoopAudit, loop_audit
from slaibench.measure.clusters import Clusters
from slaibench.measure.deadlines import TierDeadlines, deadlines, goodput_rps
from slaibench.measure.group import Group
from slaibench.measure.half_open import CANNOT_TELL, measured_part
from slaibench.measure.lag import changed_verdicts, without_lag
from slaibench.measure.latency import Convention, request_values, token_gaps
from slaibench.measure.metrics import DEFAULT_QS, RunMetrics, counts_of, run_metrics
from slaibench.measure.own_targets import OwnTargets, own_targets
from slaibench.measure.quantile_interval import RunSample, gap_tail
from slaibench.measure.saturated import SaturatedThroughput, throughput_under_overload
from slaibench.measure.server_use import ServerUse
from slaibench.measure.slo import NO_SECOND_TOKEN, NO_TTFT_SLO, Slo, levels, nobody
from slaibench.measure.steady import Steadiness, SteadyVerdict, recording_steadiness
from slaibench.recording.record import BoolArray, FloatArray, Recording, RequestTable
from slaibench.recording.sessions import HALF_OPEN, is_half_open, never_due_words
from slaibench.studies.kv_use import KvUse, kv_use, server_use_of
from slaibench.studies.validity import Failures, failures, why_invalid
from slaibench.workloads.arrivals import ArrivalProcess

CLOSED = "closed loop: clients wait for the server, so that no queue can show whether it keeps up"
"""Why such a run cannot tell whether it is steady."""
TAIL_LEVEL = 0.99
"""Of token gaps a run summary keeps what percentiles from here on need."""
SampleKey = tuple[str, Group]
"""A latency or a share of requests, and whose."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run's numbers.

    Args:
        samples: by metric and group (``SampleKey``): what percentiles and shares over all
            replicates and their intervals are computed from; of the measured requests, by due time.
        goodput_rps: requests a second with every token by its deadline (fluidity).
        own: what becomes of tenants, sessions and cached prefixes.
        ttft_s: a value a request by due time (``latency.request_values``), for pairing; of a closed
            loop and of half-open sessions, whose requests come in no order of time that two runs
            share, by request, NaN where it is not measured.
        due_s: when each was due; of these likewise.
        num_steps: batches run.
        throughput: of a run that measures the saturated throughput; else None.
        invalid: why its latencies stand for nothing (``studies.validity``), or None.
        failures: why requests failed, and how many (``studies.validity``).
        stopped_early: why the run was cut short, or None.
        notes: what a reader of the run must know besides: its own notes, and the arrival audit's.
        server: what a server said of itself; None: nothing was read.
        loop: of a closed loop, whether it was one; None: an open loop.
        never_due: turns of half-open sessions that were never due, in words; empty: none.
    """

    metrics: RunMetrics
    samples: dict[SampleKey, RunSample]
    steadiness: SteadyVerdict
    audit: ArrivalAudit
    deadlines: dict[str, TierDeadlines]
    goodput_rps: float | None
    own: OwnTargets
    kv: KvUse
    ttft_s: FloatArray
    due_s: FloatArray
    num_steps: int
    throughput: SaturatedThroughput | None
    stopped_early: str | None
    invalid: str | None
    failures: Failures
    notes: tuple[str, ...]
    server: ServerUse | None
    loop: LoopAudit | None
    never_due: str

    @property
    def state(self) -> Steadiness:
        """Whether the run had a steady state; one that was cut short for growing had none."""
        return Steadiness.GROWING if self.stopped_early is not None else self.steadiness.state

    @property
    def saturated(self) -> bool:
        return self.state is Steadiness.GROWING


def samples_of(summaries: Sequence[RunSummary], metric: str, group: Group) -> list[Any]:
    """The samples of those runs that have a value; all of one kind (``RunSample``)."""
    samples = [summary.samples.get((metric, group)) for summary in summaries]
    return [sample for sample in samples if sample is not None and len(sample)]


@dataclass(frozen=True, slots=True)
class RunSummarizer:
    """Callable from recording to run summary; can be sent to worker processes.

    Args:
        convention: whose definitions.
        qs: percentile levels: the default ones and those of the targets.
        metrics: whose samples are kept, for percentiles over replicates.
        tail_level: least percentile of token gaps among these.
        slos: the targets, whose verdicts a run asserts.
    """

    convention: str
    qs: tuple[float, ...]
    metrics: tuple[str, ...]
    tail_level: float
    slos: tuple[Slo, ...] = ()

    @classmethod
    def for_study(cls, convention: str, slos: Sequence[Slo]) -> RunSummarizer:
        """With every percentile that the study's SLOs need."""
        tails = [slo.q for slo in slos if slo.metric == "tbt" and slo.q is not None]
        pooled = (name for name, latency in LATENCIES.items() if latency.pooled)
        return cls(
            convention,
            tuple(sorted({*DEFAULT_QS, *levels(slos)})),
            tuple(sorted({*pooled, *(slo.metric for slo in slos if slo.q is not None)})),
            min([TAIL_LEVEL, *tails]),
            tuple(slos),
        )

    def __call__(self, recording: Recording, cut_s: float | None = None) -> RunSummary:
        """The run summary.

        Args:
            cut_s: the warm-up cut, to measure the same requests as in another run; None: find it.
        """
        whole, spec = recording.requests, recording.run["spec"]
        clients = spec.get("concurrency")
        loop = None if clients is None else loop_audit(whole, clients)
        if loop is not None:
            cut_s, part = closed_loop.measured_part(whole, loop.concurrency)
            recording = replace(recording, requests=part)
        recording = measured_part(recording)
        requests = recording.requests
        metrics = self._metrics(recording, cut_s)
        stop_s = float(recording.run["end_s"])
        half_open = is_half_open(recording.run)
        median_s = metrics.overall.ttft.percentile(0.5).value
        arrived = requests if half_open else whole
        audited = _audited(arrived, spec, median_s, half_open=half_open)
        by_id = loop is not None or half_open
        never_due = never_due_words(recording.run)
        server = server_use_of(recording)
        invalid = why_invalid(whole, audited, self._decided_by_lag(recording, metrics, audited))
        by_request = request_values(requests, "ttft", stop_s), requests.due_s
        return RunSummary(
            metrics=replace(metrics, counts=counts_of(whole, stop_s)),
            samples=self._samples(requests, metrics),
            steadiness=_steadiness(recording),
            audit=audited,
            deadlines=deadlines(requests, stop_s, start_s=metrics.window_s[0]),
            goodput_rps=goodput_rps(requests, metrics.window_s),
            own=own_targets(requests, metrics.window_s),
            kv=kv_use(recording, server),
            ttft_s=_by_id(requests, metrics, by_request[0]) if by_id else by_request[0],
            due_s=_by_id(requests, metrics, by_request[1]) if by_id else by_request[1],
            num_steps=len(recording.steps),
            throughput=throughput_under_overload(recording),
            stopped_early=recording.run["stopped_early"],
            invalid=recording.run.get("invalid") or invalid or (loop and loop.why_invalid) or None,
            failures=failures(whole),
            notes=(
                *(note for note in recording.run["notes"] if note != never_due),
                *([CANNOT_TELL] if half_open else []),
                *audited.notes,
                *_missing(metrics, self.slos),
                *([loop.note] if loop and loop.note else []),
            ),
            server=server,
            loop=loop,
            never_due=never_due,
        )

    def _metrics(self, recording: Recording, cut_s: float | None) -> RunMetrics:
        convention: Convention = "paper" if self.convention == "paper" else "strict"
        tenants = {slo.tenant for slo in self.slos if slo.tenant is not None}
        return run_metrics(
            recording, convention=convention, qs=self.qs, cut_s=cut_s, tenants=tenants
        )

    def _decided_by_lag(
        self, recording: Recording, metrics: RunMetrics, audited: ArrivalAudit
    ) -> list[str]:
        """Verdicts of this run that are others without its send lag."""
        if not audited.late:
            return []
        prompt = replace(recording, requests=without_lag(recording.requests))
        state = _steadiness(recording).state
        if recording.run["stopped_early"] is not None:
            state = Steadiness.GROWING
        return changed_verdicts(
            self.slos,
            (metrics, state),
            (self._metrics(prompt, metrics.window_s[0]), _steadiness(prompt).state),
        )

    def _samples(self, requests: RequestTable, metrics: RunMetrics) -> dict[SampleKey, RunSample]:
        gaps = token_gaps(requests)
        owner = np.repeat(np.arange(len(requests)), np.diff(gaps.offsets))
        out: dict[SampleKey, RunSample] = {}
        for group, own in metrics.groups.items():
            out |= {(share, group): sample for share, sample in own.shares.items()}
            for metric in self.metrics:
                if metric != "tbt":
                    out[metric, group] = _settled(requests, metrics, metric, group)
                    continue
                members = _members(requests, metrics, group) & (requests.num_tokens > 0)
                counts = np.diff(gaps.offsets)[members]
                out[metric, group] = gap_tail(gaps.values[members[owner]], counts, self.tail_level)
        return out


def _audited(
    requests: RequestTable,
    spec: Mapping[str, Any],
    median_ttft_s: float | None,
    *,
    half_open: bool,
) -> ArrivalAudit:
    """The arrival audit of a cell's requests."""
    closed = spec.get("concurrency") is not None
    process = None if closed else ArrivalProcess.parse(spec["arrivals"])
    kind = "closed" if process is None else process.kind.value
    if half_open:
        kind = HALF_OPEN
    elif kind not in UNTESTED and (requests.turn > 1).any():
        kind = "sessions"
    return audit(
        requests.due_s,
        requests.sent_s,
        process=kind,
        rate_rps=None if process is None else spec["rate_rps"],
        cv=(process and process.cv) or 1.0,
        median_ttft_s=median_ttft_s,
    )


def _steadiness(recording: Recording) -> SteadyVerdict:
    if recording.run["spec"].get("concurrency") is not None:
        return SteadyVerdict(Steadiness.CANNOT_TELL, CLOSED)
    return recording_steadiness(recording)


def _by_id(requests: RequestTable, metrics: RunMetrics, values: FloatArray) -> FloatArray:
    """A value a request, by its id; NaN: it is not measured."""
    out = np.full(int(requests.request_id.max(initial=-1)) + 1, np.nan)
    inside = requests.due_s >= metrics.window_s[0]
    out[requests.request_id[inside]] = values[inside]
    return out


def _settled(requests: RequestTable, metrics: RunMetrics, metric: str, group: Group) -> FloatArray:
    """A run's values of a request's latency, without who had not waited long when the run ended.

    Such a request says nothing about percentiles above its wait so far (``summarise`` counts it in
    parts); taken as infinite it would make a run that ends at a fixed time look slow.
    """
    members = _members(requests, metrics, group)
    values = request_values(requests, metric, metrics.stop_s)
    longest = metrics.overall.latencies[metric].percentile(TAIL_LEVEL).value
    if longest is not None and math.isfinite(longest):
        members &= ~(np.isinf(values) & (metrics.stop_s - requests.due_s < longest))
    sample = values[members]
    return np.asarray(sample[~np.isnan(sample)], dtype=np.float64)


def _members(requests: RequestTable, metrics: RunMetrics, group: Group) -> BoolArray:
    members = (requests.due_s >= metrics.window_s[0]) & (requests.due_s <= metrics.stop_s)
    return members & groups.members(requests, group)


def measured_gaps(requests: RequestTable, metrics: RunMetrics, group: Group) -> Clusters:
    """The times between tokens that a run measured, by request."""
    return token_gaps(requests, _members(requests, metrics, group))


def _missing(metrics: RunMetrics, slos: Sequence[Slo]) -> tuple[str, ...]:
    """What the run has none of, though a table has a column for it, or a target is of it."""
    served = metrics.overall.ttft.n > metrics.overall.ttft.unserved and metrics.gaps_told
    named = dict.fromkeys(slo.group(slo.tier) for slo in slos)
    shares = [slo for slo in slos if slo.is_share and slo.metric not in metrics.overall.shares]
    return (
        *([NO_SECOND_TOKEN] if served and not metrics.overall.tbt.n else []),
        *(nobody(group, metrics) for group in named if group not in metrics.groups),
        *([NO_TTFT_SLO] if shares and metrics.gaps_told else []),
    )
