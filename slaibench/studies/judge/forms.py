"""A judgement as JSON: what ``to_json`` gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from slaibench.spec import SpecForm
from slaibench.studies.forms import Ends


class VerdictRowForm(TypedDict):
    """One metric at one load: ``interval`` holds together with all others."""

    rate_rps: float
    metric: str
    verdict: str
    reference: float | None
    candidate: float | None
    change: float | None
    interval: Ends | None
    mde: float | None
    pairs: int
    reason: str | None


class ArtefactRowForm(TypedDict):
    """One metric at one load with both sides as given: ``change`` = ``mode`` and ``scheduler``
    together, factors less 1."""

    rate_rps: float
    metric: str
    change: float | None
    mode: float | None
    scheduler: float | None


class CheckForm(TypedDict):
    """``Check``: one change at one load, on a real device."""

    metric: str
    rate_rps: float
    change: float | None
    pairs: int
    seconds: float


class ConfirmationForm(TypedDict):
    """``Confirmation``: ``minutes`` of a device, for ``pairs`` of runs at each of ``rates``."""

    checks: list[CheckForm]
    pairs: int
    rates: list[float]
    metrics: list[str]
    minutes: float


class JudgeForm(TypedDict):
    """``JudgeResult``; ``counts``: how often each verdict was given."""

    candidate: str
    reference: str
    asynchronous: bool
    synchronous_only: str | None
    verdict: str
    counts: Mapping[str, int]
    margin: float
    error: float
    power: float
    comparisons: int
    rows: list[VerdictRowForm]
    as_given: list[ArtefactRowForm]
    confirmation: ConfirmationForm | None
    about: str
    workload: str
    versions: Mapping[str, str]
    invalid: list[str]
    notes: list[str]
    warnings: list[str]
    spec: SpecForm
