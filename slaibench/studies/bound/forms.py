"""A study of bounds as JSON: what ``to_json`` gives and the page reads.

Rates are requests a second; cycles are text, since JSON lacks infinity.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from slaibench.spec import SpecForm
from slaibench.studies.forms import EstimateForm


class BoundSpecForm(TypedDict):
    """``BoundSpec``."""

    study: SpecForm
    outputs: list[int]
    loads: list[float]
    budgets: list[int]
    cycles: list[str]
    tiles: list[int]
    step_costs_s: list[float]
    rad_requests: int
    eps: float


class BoundForm(TypedDict):
    """The bound for any scheduler: ``shares`` of a request's time, by what it goes to."""

    rate_rps: float
    binding: str
    shares: Mapping[str, float]
    prices_s: Mapping[str, float]
    decodes_per_batch: float | None
    tokens_per_batch: float


class ThroughputForm(TypedDict):
    """``Throughput``."""

    scheduler: str
    share: EstimateForm
    rate_rps: EstimateForm
    within_rps: float
    within_share: EstimateForm
    run_share: float
    tokens_per_batch: float | None
    preemptions: int
    untold: int


class BudgetForm(ThroughputForm):
    """Sarathi-Serve with a token budget."""

    token_budget: int


class RadPointForm(TypedDict):
    """``RadPoint``."""

    step_s: float
    tile: int
    cycle: str
    rate_rps: EstimateForm
    share: EstimateForm
    limit_rps: float


class LeastCycleForm(TypedDict):
    """``LeastCycle``."""

    tile: int
    eps: float
    cycle: float
    enough: str | None


class RadForm(TypedDict):
    """RAD on its own ground."""

    theorem_1_rps: float
    theorem_2: list[LeastCycleForm]
    points: list[RadPointForm]


class MapColumnForm(TypedDict):
    """One mean output length of the maps."""

    mean_output: int
    bound_rps: float
    rates: list[float]


class MapCellForm(TypedDict):
    """``MapCell``."""

    scheduler: str
    mean_output: int
    load: float
    rate_rps: float
    stability: str


class MapsForm(TypedDict):
    """The stability maps."""

    columns: list[MapColumnForm]
    cells: list[MapCellForm]


class BoundResultForm(TypedDict):
    """``BoundResult``; ``work``: the mean work of a request, by what it is of."""

    ask: BoundSpecForm
    about: str
    workload: str
    warnings: list[str]
    work: Mapping[str, float]
    bound: BoundForm
    schedulers: list[ThroughputForm]
    budgets: list[BudgetForm]
    rad: RadForm
    maps: MapsForm
