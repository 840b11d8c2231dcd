"""A regression run as JSON: what ``to_json`` gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from slaibench.spec import SpecForm
from slaibench.studies.forms import Ends


class RowForm(TypedDict):
    """``Row``: one metric of one scheduler at one rate."""

    scheduler: str
    rate_rps: float
    metric: str
    verdict: str
    before: float | None
    after: float | None
    change: float | None
    ci90: Ends | None
    p_worse: float | None
    mde: float | None
    replicates_needed: int | None
    replicates: list[int]
    paired: bool
    noise: float | None
    reason: str | None


class CellCounts(TypedDict):
    """Runs, and those in which every token came at the same time."""

    run: int
    identical: int


class RegressForm(TypedDict):
    """``RegressResult``; ``counts``: how often each verdict was given."""

    baseline: str
    verdict: str
    counts: Mapping[str, int]
    against: str
    about: str
    margin: float
    family_error: float
    power: float
    cells: CellCounts
    rows: list[RowForm]
    invalid: list[str]
    notes: list[str]
    spec: SpecForm
