"""The documents of pages: plain JSON that is embedded in a page and holds all that it says.

A page of a kind has an opening (``PageDocument``) and the kind's own numbers. Of what others wrote
(``run.json``, a profile) a form names what pages read; the rest is shown as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict, TypeVar, cast

from slaibench.spec import SpecForm
from slaibench.studies.forms import ByMetric, CapacityForm, Ends

PICTURES = "pictures"
"""Names a page's drawings (``files.with_pictures``)."""
D = TypeVar("D", bound="PageDocument")
"""The document of one kind of page."""


class ProfileNotes(TypedDict, total=False):
    """What the catalog says of a profile besides; empty where the profile is not here."""

    regime: Mapping[str, object]
    licence: str
    notes: list[str]


class Notes(TypedDict, total=False):
    """What a page says beside its recordings: of its profile, or of each backend's."""

    profile: ProfileNotes
    profiles: Mapping[str, ProfileNotes]


class Makers(TypedDict):
    """Versions of what makes a page."""

    slaibench: str
    versions: Mapping[str, str]


class Made(Makers, Notes):
    """Versions and notes of a page that was written."""


class PictureEntry(TypedDict):
    """One drawing: its file, hashes of it and of the image in the page, and what is drawn."""

    name: str
    png_sha256: str
    image_sha256: str
    data: str


class Opening(TypedDict):
    """How every document begins."""

    format: str
    format_version: int
    made: Made


class PageDocument(Opening, total=False):
    """What all kinds of page have; ``pictures``, by figure, once they are drawn."""

    pictures: Mapping[str, Sequence[PictureEntry]]


class RunEntry(TypedDict):
    """A recording that a page rests on: where it lies, seen from the page; which cell it is of,
    with the code that made it and (``asks``) without; and that code."""

    folder: str
    spec_hash: str
    asks: str
    scheduler: str
    rate_rps: float
    seed: int
    code: Mapping[str, str | None]


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


def ends_of(ci95: Ends | None) -> list[float]:
    """Both ends of an interval; empty where one is not known."""
    ends = [end for end in ci95 or () if end is not None]
    return ends if len(ends) == 2 else []


def value_and_ends(estimate: PageEstimate) -> tuple[float, float, float] | None:
    """A value with both ends of its interval; None where there is not all of that."""
    value, low, high = estimate["value"], estimate["low"], estimate["high"]
    return None if value is None or low is None or high is None else (value, low, high)


class TierMetrics(ByMetric):
    """The metrics of a tier; more may stand beside those that are named."""

    tbt_p99_s: PageEstimate
    ttft_p50_s: PageEstimate


class PageTier(TierMetrics):
    """A tier at one point."""

    tokens_on_time: PageEstimate
    tokens_fluid: PageEstimate
    requests_on_time: PageEstimate
    worst_late_run: int


class PagePoint(ByMetric):
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


def estimate_in(point: PagePoint, metric: str) -> PageEstimate | None:
    """The metric of a name in a point; None where the page was written without it."""
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


class Served(TypedDict):
    """The system under test of the first run; ``commit``: of the code that recorded it."""

    venue: str
    place: str
    commit: str | None
    backend: Mapping[str, object]
    versions: Mapping[str, object]
    hardware: Mapping[str, object]
    kv_blocks: int
    block_size: int


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


class ValidationEntry(TypedDict):
    """A validation of a profile, as ``run.json`` has it."""

    against: str
    errors: Mapping[str, float]
    grades: Mapping[str, str]
    engine: str
    num_requests: int
    source: str


class ProfileEntry(TypedDict, total=False):
    """A profile, as ``run.json`` has it."""

    errors: Mapping[str, float]
    validations: Sequence[ValidationEntry]


class StudyNumbers(TypedDict):
    """The numbers of one study: points by scheduler and rate, capacities by scheduler, changes by
    rate and percentile, lengths by scheduler."""

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
    tiers: Mapping[str, float | None]
    first_saturated_rps: float | None
    points: Mapping[str, Mapping[str, PagePoint]]
    capacities: Mapping[str, PageCapacity]
    ratios: list[PageRatio]
    changes: Mapping[str, Mapping[str, PageEstimate]]
    lengths: Mapping[str, Lengths]
    audit: Audit
    runs: list[StudyRun]


class StudyDocument(PageDocument, StudyNumbers):
    """The document of a sweep's or a comparison's page."""
