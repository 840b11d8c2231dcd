"""The paper's result as JSON: what ``to_json`` gives and the page reads.

Of a figure, only the parts that its caption reads have a form; what it draws comes from values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from slaibench.studies.forms import EstimateForm


class PublishedForm(TypedDict):
    """A number that the paper prints (``published.PublishedValue``)."""

    value: float
    unit: str
    source: str
    fitted: bool
    derived: bool
    given: bool
    inferred: bool


class FindingForm(TypedDict):
    """``Finding``; ``deviation``: of ours from the published number."""

    verdict: str
    ours: EstimateForm | None
    deviation: float | None
    seen: str


class ClaimForm(TypedDict):
    """``Claim``."""

    name: str
    figure: str
    claim: str
    published: PublishedForm | None
    paper: FindingForm
    strict: FindingForm | None


class DifferenceForm(TypedDict):
    """``Difference``: a quantity by each way, and the relative changes between them."""

    quantity: str
    scheduler: str
    rate_rps: float | None
    paper: EstimateForm
    same_runs: EstimateForm
    strict: EstimateForm
    by_definitions: float | None
    in_all: float | None


class PublishedPoint(TypedDict):
    """A point that the paper prints of a scheduler."""

    scheduler: str
    rate_rps: float
    ttft_p50_s: float


class BudgetForm(TypedDict):
    """``BudgetRow``."""

    token_budget: int
    ttft_p50_s: float
    batch_s: float
    n: int


class BlockForm(TypedDict):
    """``BlockRow``."""

    num_requests: int
    kv_blocks: int
    share: float


class BatchForm(TypedDict):
    """``BatchRow``."""

    num_decodes: int
    batch_s: float


class MemoryForm(TypedDict):
    """KV blocks in use over the seeds."""

    kv_mean: EstimateForm
    nearly_full: EstimateForm
    preemptions: int


class PointForm(TypedDict):
    """A scheduler at one rate: whether it is saturated, and what the figure shows."""

    saturated: bool


class PaperForm(TypedDict):
    """``PaperResult``: schedulers by name with their labels, verdicts by convention, differences
    by mix; of each figure, what it shows."""

    spec: Mapping[str, object]
    about: str
    workload: str
    papers_lengths: bool | None
    warnings: list[str]
    schedulers: Mapping[str, str]
    verdicts: Mapping[str, Mapping[str, int]]
    claims: list[ClaimForm]
    figures: Mapping[str, Mapping[str, object]]
    conventions: Mapping[str, list[DifferenceForm]]
