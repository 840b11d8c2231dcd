"""A report's numbers as one JSON document: what the page prints, and what ``verify`` recomputes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import cast

from slaibench.measure.audit import ArrivalAudit
from slaibench.measure.catalogue import METRICS
from slaibench.measure.steady import Steadiness
from slaibench.recording import store
from slaibench.report.document import run_facts
from slaibench.report.recordings import entry
from slaibench.report.study_document import (
    Audit,
    AuditRow,
    Changes,
    CommonCell,
    JudgedPoint,
    LengthBucket,
    Lengths,
    PageEstimate,
    PagePoint,
    PageTier,
    SchedulerEntry,
    StudyNumbers,
    StudyRun,
    TenantPart,
    TierMetrics,
)
from slaibench.report.subject import Change, Subject
from slaibench.studies.estimate import Estimate, finite, over_seeds
from slaibench.studies.executors import CellResult
from slaibench.studies.forms import ByMetric
from slaibench.studies.operating_point import OperatingPoint, server_form, tier_slos
from slaibench.studies.run_summary import RunSummary
from slaibench.studies.systems.table import describe_run
from slaibench.studies.tier_point import TierPoint
from slaibench.studies.trust import warnings_of

BY_STATISTIC = ("ttft", "tbt")
"""Latencies whose statistics stand together in a point, as ``ttft_s.p50``."""
PER_CELL = ("scheduler", "scheduler_options", "scheduler_source", "rate_rps", "seed")


def study_numbers(subject: Subject, folder: Path) -> StudyNumbers:
    """The numbers of one study: a whole page's, or one backend's part of a page.

    Raises:
        RecordingError: a recording's run.json cannot be read.
    """
    sweep, spec = subject.sweep, subject.sweep.spec
    cells = subject.cells
    place = {cell.folder: index for index, cell in enumerate(cells)}
    swept = {cell.folder for cell in sweep.cells}
    # What all have in common is said of a run under load: one under overload ends otherwise.
    first = next(cell for cell in cells if cell.cell.overload is None)
    run = store.read_run(first.folder)
    focus = subject.focus_rate_rps
    changes = [_changes(pair.changes) for pair in subject.by_pair]
    numbers: StudyNumbers = {
        "spec": spec.to_json(),
        "pair": None if subject.pair is None else list(subject.pair),
        "focus_rate_rps": focus,
        "about": describe_run(run),
        "warnings": list(warnings_of(cells)),
        "workload_note": run.get("workload", {}).get("note", ""),
        "profile": run.get("profile"),
        "served": {
            "venue": first.cell.system,
            "place": first.cell.place,
            "commit": run.get("commit"),
            **run_facts(run),
        },
        "cell": _common(first),
        "schedulers": {name: _scheduler(subject, name) for name in subject.schedulers},
        "tiers": tier_slos(sweep.points),
        "first_saturated_rps": subject.first_saturated_rps,
        "points": {
            name: {rate_key(point.rate_rps): _point(subject, point) for point in sweep.of(name)}
            for name in subject.schedulers
        },
        "capacities": {
            result.scheduler: {
                "searched": result.scheduler in subject.searched,
                "runs": [place[cell.folder] for cell in result.cells],
                **result.to_json(),
                "untold": result.untold,
                "remarks": list(result.remarks),
            }
            for result in subject.capacities
        },
        "ratios": [
            {"reference": it.reference, "scheduler": it.scheduler, **estimate(it.estimate)}
            for it in subject.ratios
        ],
        "changes": changes[0] if changes else {},
        "lengths": {
            name: _lengths([cell.summary for cell in subject.cells_at(name, focus)])
            for name in subject.schedulers
        },
        "audit": _audit(subject),
        "runs": [_run(cell, folder, cell.folder in swept) for cell in cells],
    }
    if len(changes) > 1:
        numbers["more_changes"] = dict(zip(subject.compared[2:], changes[1:], strict=True))
    return numbers


def rate_key(rate_rps: float) -> str:
    """A rate as a key: the shortest text that reads back as the same number."""
    return f"{rate_rps:g}" if float(f"{rate_rps:g}") == rate_rps else repr(rate_rps)


def estimate(value: Estimate) -> PageEstimate:
    """As a page has it."""
    return {
        "value": finite(value.value),
        "low": finite(value.low),
        "high": finite(value.high),
        "n": value.n,
        "beyond": value.value is not None and finite(value.value) is None,
    }


def _common(cell: CellResult) -> CommonCell:
    spec = cell.cell.spec()
    common = {name: spec[name] for name in spec if name not in (*PER_CELL, "num_requests")}
    return cast("CommonCell", common)


def _scheduler(subject: Subject, name: str) -> SchedulerEntry:
    """What a scheduler ran with; None where it has no cell."""
    cell = next((c.cell for c in subject.cells if c.cell.scheduler == name), None)
    if cell is None:
        return {"options": None, "source": None}
    return {"options": cell.spec()["scheduler_options"], "source": cell.scheduler_source}


def _changes(changes: Sequence[Change]) -> Changes:
    """One scheduler's, by rate and percentile."""
    return {
        rate_key(rate): {
            f"p{change.q * 100:g}": estimate(change.estimate)
            for change in changes
            if change.rate_rps == rate
        }
        for rate in dict.fromkeys(change.rate_rps for change in changes)
    }


def _point(subject: Subject, point: OperatingPoint) -> PagePoint:
    verdict: JudgedPoint = {}
    if subject.judged:
        verdict = {"verdict": subject.sweep.verdict(point).to_json()}
    return page_point(point, verdict)


def page_point(point: OperatingPoint, verdict: JudgedPoint) -> PagePoint:
    """As a page has it, with how it stands by the targets, where that is said."""
    return {
        "seeds": point.num_seeds,
        "saturated": point.saturated,
        "undecided": point.undecided,
        "runs": {state.value: point.states.get(state, 0) for state in Steadiness},
        "stopped_early": point.stopped_early,
        "invalid": point.invalid,
        "invalid_reason": point.invalid_reason,
        "reason": point.reason,
        "ttft_s": _statistics(point, "ttft"),
        "tbt_s": _statistics(point, "tbt"),
        **_by_metric(
            {name: value for name, value in point.estimates.items() if _stands_alone(name)}
        ),
        "tiers": {name: _tier(tier) for name, tier in point.tiers.items()},
        **_tenants(point),
        "outcomes": asdict(point.counts),
        "kv_mean": finite(point.kv_mean),
        "kv_peak": finite(point.kv_peak),
        "preemptions": point.preemptions,
        "warmup_s": point.warmup_s,
        "multi_token_reads": point.multi_token_reads,
        "lag_p99_s": finite(point.lag_p99_s),
        "audit_ok": point.audit_ok,
        **server_form(point.server),
        **verdict,
    }


def _tenants(point: OperatingPoint) -> TenantPart:
    """What there is where requests say their tenants."""
    made = {name: cast("TierMetrics", _by_metric(own)) for name, own in point.tenants.items()}
    return {"tenants": made} if made else {}


def _tier(tier: TierPoint) -> PageTier:
    return {
        **cast("TierMetrics", _by_metric(tier.estimates)),
        "tokens_on_time": estimate(tier.tokens_on_time),
        "tokens_fluid": estimate(tier.tokens_fluid),
        "requests_on_time": estimate(tier.requests_on_time),
        "worst_late_run": tier.worst_late_run,
    }


def _by_metric(estimates: Mapping[str, Estimate]) -> ByMetric:
    return cast("ByMetric", {name: estimate(value) for name, value in estimates.items()})


def _statistics(point: OperatingPoint, latency: str) -> dict[str, PageEstimate]:
    return {name: estimate(value) for name, value in point.statistics(latency).items()}


def _stands_alone(name: str) -> bool:
    """Whether a metric is not among those of its latency (``BY_STATISTIC``)."""
    return METRICS[name].latency not in BY_STATISTIC


def _lengths(summaries: Sequence[RunSummary]) -> Lengths:
    """TTFT by prompt length over the replicates, shortest prompts first."""
    buckets = [(b.low_tokens, b) for summary in summaries for b in summary.metrics.prompt_buckets]
    rows: list[LengthBucket] = []
    for low in sorted({low for low, _ in buckets}):
        same = [bucket for start, bucket in buckets if start == low]
        n = sum(bucket.ttft.n for bucket in same)
        rows.append(
            {
                "low_tokens": low,
                "high_tokens": same[0].high_tokens,
                "num_due": sum(bucket.num_due for bucket in same),
                "num_served": sum(bucket.num_served for bucket in same),
                "ttft_p50_s": estimate(
                    over_seeds([b.ttft.percentile(0.5).value for b in same], n, q=0.5)
                ),
            }
        )
    windows = [summary.metrics.window_s for summary in summaries]
    return {"measured_s": sum(end - start for start, end in windows), "buckets": rows}


def _audit(subject: Subject) -> Audit:
    """The arrival audit: of each cell at the focus rate, and of all cells in sum."""
    cells = subject.cells
    audits = [cell.summary.audit for cell in cells]
    tested = [audit for audit in audits if audit.process_ok is not None]
    return {
        "num_runs": len(audits),
        "num_valid": sum(audit.valid and not audit.late for audit in audits),
        "num_tested": len(tested),
        "num_agreeing": sum(bool(audit.process_ok) for audit in tested),
        "least_joint_p": min((e.joint_p for e in audits if e.joint_p is not None), default=None),
        "failing": [
            _audit_row(cell)
            for cell in cells
            if not cell.summary.audit.valid
            or cell.summary.audit.late
            or cell.summary.audit.process_ok is False
        ],
        "focus": [
            _audit_row(cell)
            for name in subject.schedulers
            for cell in subject.cells_at(name, subject.focus_rate_rps)
        ],
    }


def _audit_row(cell: CellResult) -> AuditRow:
    audit: ArrivalAudit = cell.summary.audit
    values = {
        name: finite(value) if isinstance(value, float) else value
        for name, value in asdict(audit).items()
    }
    row = {
        "scheduler": cell.cell.scheduler,
        "rate_rps": cell.cell.rate_rps,
        "seed": cell.cell.seed,
        **values,
        "findings": [asdict(test) for test in audit.findings],
    }
    return cast("AuditRow", row)


def _run(cell: CellResult, folder: Path, in_sweep: bool) -> StudyRun:
    summary: RunSummary = cell.summary
    return {
        **entry(cell, folder),
        "in_sweep": in_sweep,
        "due": summary.metrics.counts.due,
        "measured": summary.metrics.num_measured,
        "warmup_s": summary.metrics.window_s[0],
        "end_s": summary.metrics.stop_s,
        "state": summary.state.value,
        "stopped_early": summary.stopped_early,
        "invalid": summary.invalid,
    }
