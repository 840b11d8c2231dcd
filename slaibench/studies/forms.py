"""The forms of results as JSON: what ``to_json`` gives, and what pages and scripts read.

A form stands beside what makes it where only that room reads it (``bound.forms``). Times are
seconds, rates requests a second; None is what is not known, or lies beyond measure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from slaibench.spec import SpecForm

Ends = list[float | None]
"""Both ends of an interval; None: beyond measure."""


class EstimateForm(TypedDict):
    """``Estimate``: ``ci95`` is its 95 % interval, ``n`` the samples behind it."""

    value: float | None
    ci95: Ends | None
    n: int


class FailureForm(TypedDict):
    """Why so many requests failed."""

    reason: str
    requests: int


class DeadlineForm(TypedDict):
    """A tier's deadlines: shares on time, and the most tokens in a row that came late."""

    tbt_slo_s: float
    tokens_on_time: float | None
    requests_on_time: float | None
    tokens_fluid: float | None
    worst_late_run: int


class ByMetric(TypedDict):
    """Keys that ``measure.catalogue`` makes, and no form names: a value a metric, by its name."""


class ServerForm(TypedDict):
    """What a server said of itself at its readings (``measure.server_use``)."""

    waiting_peak: int | None
    running_peak: int | None
    prefix_hit_share: float | None
    engines: int
    readings: int


class ServerPart(TypedDict, total=False):
    """It, where a server's metrics were read."""

    server: ServerForm


class GroupPart(TypedDict, total=False):
    """The metrics of each tier and tenant, by ``measure.group``, where requests say tenants or
    targets of their own."""

    groups: Mapping[str, Mapping[str, EstimateForm]]


class MeasuredForm(ByMetric, GroupPart, ServerPart):
    """``OperatingPoint``; of metrics that only tiers have, the values are by tier."""

    n: int
    offered_rps: float | None
    seeds: int
    saturated: bool | None
    runs: Mapping[str, int]
    stopped_early: int
    reason: str
    invalid: str | None
    failures: list[FailureForm]
    deadlines: Mapping[str, DeadlineForm]
    ci95: Mapping[str, object]
    outcomes: Mapping[str, int]
    kv_use: Mapping[str, float | None]
    preemptions: int
    warmup_s: float
    multi_token_reads: int
    send_lag_p99_s: float | None
    audit_ok: bool


class TargetForm(TypedDict):
    """A target, and the tier whose requests it is of; None: all of them."""

    slo: str
    tier: str | None


class VerdictForm(TypedDict):
    """``Verdict``: ``met``, ``not met`` or ``cannot tell``, and the targets that made it so."""

    state: str
    targets: list[TargetForm]


class PointForm(MeasuredForm):
    """A point of a sweep."""

    scheduler: str
    rate_rps: float
    verdict: VerdictForm


class SweepForm(TypedDict):
    """``SweepResult``: ``capacities`` by the swept rates alone, where there are two or more."""

    spec: SpecForm
    about: str
    workload: str
    warnings: list[str]
    points: list[PointForm]
    capacities: list[CapacityForm]
    study_file: str | None


class ThroughputForm(TypedDict):
    """A saturated throughput, requests a second."""

    value: float
    ci95: list[float]


class TaillessForm(TypedDict):
    """A capacity without the target for its TTFT's tail."""

    rate_rps: float | None
    ci95: Ends | None


class CapacityForm(TypedDict):
    """``CapacityResult``: ``shape`` is None where no target broke, ``sure_rps`` the rate that is
    sure to hold, ``rates_measured`` ascending."""

    scheduler: str
    slo: str
    convention: str
    rate_rps: float | None
    ci95: Ends | None
    bracket: list[float | None]
    binding: str | None
    binding_tier: str | None
    shape: str | None
    sure_rps: float | None
    replicates: int
    note: str
    warnings: list[str]
    invalid_runs: int
    rates_measured: list[float]
    saturated_rps: ThroughputForm | None
    without_ttft_tail: TaillessForm | None


class CapacityPair(TypedDict):
    """The capacities of both sides of a comparison, and that of b over that of a."""

    a: CapacityForm
    b: CapacityForm
    ratio: EstimateForm


class RateForm(TypedDict):
    """Both schedulers at one rate."""

    rate_rps: float
    a: MeasuredForm
    b: MeasuredForm
    ttft_p50_change: EstimateForm


class ChangeForm(TypedDict):
    """The paired change at one rate, from the reference to another scheduler."""

    rate_rps: float
    ttft_p50_change: EstimateForm


class OtherForm(TypedDict):
    """A scheduler against the reference: ``ratio`` is its capacity over the reference's."""

    scheduler: str
    capacity: CapacityForm
    ratio: EstimateForm
    rates: list[ChangeForm]


class TwoForm(TypedDict, total=False):
    """What a comparison of exactly two schedulers has besides."""

    a: str
    b: str
    capacity: CapacityPair
    rates: list[RateForm]


class CompareForm(TwoForm):
    """``CompareResult``: every scheduler's points and capacity, and the others against the first,
    which is the reference."""

    reference: str
    others: list[OtherForm]
    points: list[PointForm]
    capacities: list[CapacityForm]
    spec: SpecForm
    study_file: str | None
    about: str
    workload: str
    warnings: list[str]
    convention: str


class UntoldForm(TypedDict):
    """``Untold``, a percentile that could not be told: ``value_s`` is the estimate and its ends."""

    slo: str
    tier: str | None
    rate_rps: float
    percentile: float | None
    value_s: list[float] | None
    independent_requests: float
    independent_requests_needed: float


class PacedForm(TypedDict):
    """``PacedResult``."""

    spec: SpecForm
    study_file: str | None
    minutes: float
    spent_s: float
    ended: str
    why: str
    slo: str
    rate_rps: float | None
    at_least: bool
    ci95: Ends | None
    bracket: list[float | None]
    binding: str | None
    note: str
    cannot_tell: list[UntoldForm]
    light: dict[str, float | None]
    num_requests: int
    rates_measured: list[float]
    about: str
    warnings: list[str]
