"""The document of a study's page, and of a study's part in a page of several.

Times are seconds, rates requests a second; None is what is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict, cast

from slaibench.report.document import PageDocument, ProfileEntry, RunEntry, RunFacts
from slaibench.spec import SpecForm
from slaibench.studies.forms import ByMetric, CapacityForm, ServerPart, VerdictForm


class StudyRun(RunEntry):
    """A recording of a study: requests due and measured, where measuring began and ended."""

    in_sweep: bool
    due: int
    measured: int
    warmup_s: float
    end_s: float
    state: str
    stopped_early: str | None
    invalid: str | None


class PageEstimate(TypedDict):
    """A value with its 95 % interval and n; ``beyond``: it lies among requests that were still
    waiting when their run ended (JSON has no infinity)."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    beyond: bool


def value_and_ends(estimate: PageEstimate) -> tuple[float, float, float] | None:
    """A value with both ends of its interval; None where there is not all of that."""
    value, low, high = estimate["value"], estimate["low"], estimate["high"]
    return None if value is None or low is None or high is None else (value, low, high)


class TierMetrics(ByMetric):
    """The metrics of a tier or a tenant; more may stand beside those that are named."""

    tbt_p99_s: PageEstimate
    ttft_p50_s: PageEstimate


class PageTier(TierMetrics):
    """A tier at one point."""

    tokens_on_time: PageEstimate
    tokens_fluid: PageEstimate
    requests_on_time: PageEstimate
    worst_late_run: int


class TenantPart(TypedDict, total=False):
    """By tenant, its metrics at one point, where requests say tenants."""

    tenants: Mapping[str, TierMetrics]


class JudgedPoint(ByMetric, ServerPart, TenantPart, total=False):
    """How a point stands by the targets; pages of old do not say it."""

    verdict: VerdictForm


class PagePoint(JudgedPoint):
    """A scheduler at one rate, over its seeds; the metrics that have no latency's statistics stand
    beside these (``estimate_in``)."""

    seeds: int
    saturated: bool
    undecided: bool
    runs: Mapping[str, int]
    stopped_early: int
    invalid: int
    invalid_reason: str
    reason: str
    ttft_s: Mapping[str, PageEstimate]
    tbt_s: Mapping[str, PageEstimate]
    tiers: Mapping[str, PageTier]
    outcomes: Mapping[str, int]
    kv_mean: float | None
    kv_peak: float | None
    preemptions: int
    warmup_s: float
    multi_token_reads: int
    lag_p99_s: float | None
    audit_ok: bool


def estimate_in(point: PagePoint | TierMetrics, metric: str) -> PageEstimate | None:
    """The metric of a name in a point or a part of it; None where the page was written without
    it."""
    return cast("Mapping[str, PageEstimate]", point).get(metric)


class PageCapacity(CapacityForm):
    """A capacity on a page: ``runs`` are places in the document's own."""

    searched: bool
    runs: list[int]
    untold: str | None
    remarks: list[str]


class PageRatio(PageEstimate):
    """Capacity of a scheduler over that of the reference."""

    reference: str
    scheduler: str


class LengthBucket(TypedDict):
    """Requests whose prompts are of such a length."""

    low_tokens: int
    high_tokens: int
    num_due: int
    num_served: int
    ttft_p50_s: PageEstimate


class Lengths(TypedDict):
    """TTFT by prompt length; ``measured_s``: the length of the replicates' windows in sum."""

    measured_s: float
    buckets: list[LengthBucket]


class AuditRow(TypedDict):
    """The arrival audit of one run: what of ``measure.audit.ArrivalAudit`` is shown."""

    scheduler: str
    rate_rps: float
    seed: int
    declared_rps: float | None
    num_requests: int
    measured_rps: float | None
    expected_rps: float | None
    gap_cv: float | None
    expected_gap_cv: float | None
    dispersion: float | None
    longest_gap: float | None
    lag1: float | None
    joint_p: float | None
    process_ok: bool | None
    process_note: str
    lag_p99_s: float | None
    lag_max_s: float | None
    lag_budget_s: float
    valid: bool
    reason: str


class Audit(TypedDict):
    """The arrival audit of all runs in sum, of those that failed it, and at the focus rate."""

    num_runs: int
    num_valid: int
    num_tested: int
    num_agreeing: int
    least_joint_p: float | None
    failing: list[AuditRow]
    focus: list[AuditRow]


class Served(RunFacts):
    """The system under test of the first run, from which that of the others differs in no more
    than its course; ``commit``: of the code that recorded it, None where that is unknown."""

    venue: str
    place: str
    commit: str | None


class CommonCell(TypedDict):
    """What the cells of a study have in common: of a ``CellSpec``, what pages name."""

    model: str
    workload: str
    slaibench_version: str
    code_fingerprint: str | None


class SchedulerEntry(TypedDict):
    """What a scheduler ran with; None where it has no cell."""

    options: Mapping[str, object] | None
    source: str | None


Changes = Mapping[str, Mapping[str, PageEstimate]]
"""Paired changes of TTFT by rate and percentile."""


class MoreChanges(TypedDict, total=False):
    """Changes from the reference to the schedulers beyond the pair, of a comparison of more than
    two."""

    more_changes: Mapping[str, Changes]


class PointNumbers(TypedDict):
    """Points by scheduler and rate (of closed loops: number of clients), and the tiers with their
    TBT SLOs."""

    tiers: Mapping[str, float | None]
    points: Mapping[str, Mapping[str, PagePoint]]


class StudyNumbers(MoreChanges, PointNumbers):
    """The numbers of one study: capacities by scheduler, changes of the pair, lengths by
    scheduler."""

    spec: SpecForm
    pair: list[str] | None
    focus_rate_rps: float
    about: str
    warnings: list[str]
    workload_note: str
    profile: ProfileEntry | None
    served: Served
    cell: CommonCell
    schedulers: Mapping[str, SchedulerEntry]
    first_saturated_rps: float | None
    capacities: Mapping[str, PageCapacity]
    ratios: list[PageRatio]
    changes: Changes
    lengths: Mapping[str, Lengths]
    audit: Audit
    runs: list[StudyRun]


def changes_in(doc: StudyNumbers) -> dict[str, Changes]:
    """By scheduler, its changes from the reference; empty where nothing was compared."""
    if doc["pair"] is None:
        return {}
    return {doc["pair"][1]: doc["changes"], **doc.get("more_changes", {})}


def compared_in(doc: StudyNumbers) -> tuple[str, ...]:
    """Schedulers of a comparison, the reference first; or none."""
    return () if doc["pair"] is None else (doc["pair"][0], *changes_in(doc))


class StudyDocument(PageDocument, StudyNumbers):
    """The document of a sweep's or a comparison's page."""
