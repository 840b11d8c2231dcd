"""Two schedulers under the same requests: paired differences, and the capacity of both."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from slaibench.measure.paired import paired_ratio
from slaibench.recording.record import FloatArray
from slaibench.spec import StudySpec
from slaibench.studies.capacity import CapacityResult, check_rate_counts, ratio_of, search
from slaibench.studies.chosen_rates import check_can_choose, with_rates
from slaibench.studies.estimate import Estimate, finite
from slaibench.studies.executors import CellResult, Jobs
from slaibench.studies.forms import CompareForm
from slaibench.studies.frames import compare_frame
from slaibench.studies.lifecycle import OnCell, Plan, quiet
from slaibench.studies.operating_point import OperatingPoint
from slaibench.studies.prepared import prepare
from slaibench.studies.run_summary import RunSummary
from slaibench.studies.shown import Shown, capacity_in_words
from slaibench.studies.sweep import SweepResult, sweep_in
from slaibench.studies.trust import warnings_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ComparePlan(Plan):
    """A sweep of two schedulers, and a search of the capacity of both."""

    searches = True


@dataclass(frozen=True, slots=True)
class RateComparison:
    """Both schedulers at one rate.

    Args:
        ttft_p50_change: median TTFT of b over that of a, minus 1; paired by request and seed.
    """

    rate_rps: float
    a: OperatingPoint
    b: OperatingPoint
    ttft_p50_change: Estimate


@dataclass(frozen=True, repr=False)
class CompareResult(Shown):
    """The comparison of ``a`` (the reference) with ``b``.

    Args:
        capacity_ratio: capacity of b over that of a.
    """

    sweep: SweepResult
    a: str
    b: str
    rates: tuple[RateComparison, ...]
    capacity_a: CapacityResult
    capacity_b: CapacityResult
    capacity_ratio: Estimate

    @property
    def spec(self) -> StudySpec:
        return self.sweep.spec

    @property
    def cells(self) -> tuple[CellResult, ...]:
        """Every cell of both, each once; the capacity searches' among them."""
        every = (*self.sweep.cells, *self.capacity_a.cells, *self.capacity_b.cells)
        return tuple({cell.folder: cell for cell in every}.values())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know of how far the numbers can be trusted; each once."""
        return warnings_of(self.cells)

    def folders(self) -> list[Path]:
        """Where the recordings lie."""
        return [cell.folder for cell in self.cells]

    def to_json(self) -> CompareForm:
        ratio = self.capacity_ratio.to_json()
        return {
            "a": self.a,
            "b": self.b,
            "spec": self.spec.to_json(),
            "about": self.sweep.about,
            "workload": self.sweep.workload_note,
            "warnings": list(self.warnings),
            "convention": self.spec.convention.value,
            "capacity": {
                "a": self.capacity_a.to_json(),
                "b": self.capacity_b.to_json(),
                "ratio": ratio,
            },
            "rates": [
                {
                    "rate_rps": rate.rate_rps,
                    "a": rate.a.to_json(),
                    "b": rate.b.to_json(),
                    "ttft_p50_change": rate.ttft_p50_change.to_json(),
                }
                for rate in self.rates
            ],
        }

    @property
    def in_words(self) -> str:
        sides = "; ".join(map(capacity_in_words, (self.capacity_a, self.capacity_b)))
        ratio = self.capacity_ratio
        if finite(ratio.value) is None:
            return f"{sides}; no ratio"
        ends = "" if ratio.ci95 is None else " [{:.2f}, {:.2f}]".format(*ratio.ci95)
        return f"{sides}; ratio {ratio.value:.2f}{ends}"

    def frame(self, *, long: bool = False) -> pd.DataFrame:
        """One row a scheduler and rate; ``long``: one a scheduler, rate and metric."""
        return compare_frame(self, long=long)


def plan(spec: StudySpec, results: Path, *, jobs: Jobs = None, fresh: bool = False) -> ComparePlan:
    """A comparison of the study's two schedulers, checked.

    Args:
        results, jobs, fresh: as ``sweep.plan``.

    Raises:
        ValueError, RecordingError: as ``sweep.plan``; or there are not exactly two schedulers, or
            the arrivals take no rate.
    """
    if len(spec.schedulers) != 2:
        raise ValueError(f"a comparison is of two schedulers, not {len(spec.schedulers)}")
    check_can_choose(spec)
    made = ComparePlan.of(prepare(spec), results, jobs=jobs, fresh=fresh)
    check_rate_counts(made.prepared)
    return made


def run(plan: ComparePlan, on_cell: OnCell = quiet) -> CompareResult:
    """Compare both schedulers at the study's rates, and search the capacity of both.

    Raises:
        RecordingError, BackendError, SchedulerError: a cell cannot be had.
    """
    a, b = plan.spec.schedulers
    with plan.open() as executor:
        prepared = with_rates(executor, plan.prepared, on_cell)
        swept = sweep_in(executor, prepared, on_cell)
        capacity_a = search(executor, prepared, a, swept.cells, on_cell=on_cell)
        capacity_b = search(executor, prepared, b, swept.cells, on_cell=on_cell)
    return CompareResult(
        sweep=swept,
        a=a,
        b=b,
        rates=tuple(
            RateComparison(
                rate_rps=point_a.rate_rps,
                a=point_a,
                b=point_b,
                ttft_p50_change=ttft_change(
                    swept.summaries(a, point_a.rate_rps), swept.summaries(b, point_b.rate_rps)
                ),
            )
            for point_a, point_b in zip(swept.of(a), swept.of(b), strict=True)
        ),
        capacity_a=capacity_a,
        capacity_b=capacity_b,
        capacity_ratio=ratio_of(capacity_a, capacity_b),
    )


def ttft_change(a: list[RunSummary], b: list[RunSummary], q: float = 0.5) -> Estimate:
    """Change of a TTFT percentile from a to b, over the requests that both measured."""
    # A scheduler that was certain to grow has fewer replicates; seeds are in the same order.
    pairs = [_common(x, y) for x, y in zip(a, b, strict=False)]
    num_pairs = sum(len(x) for x, _ in pairs)
    if any(not len(x) for x, _ in pairs):
        return Estimate(None, None, None, num_pairs)
    change = paired_ratio([x for x, _ in pairs], [y for _, y in pairs], q=q).as_change()
    value = None if math.isnan(change.estimate) else change.estimate
    return Estimate(value, change.low, change.high, num_pairs)


def _common(a: RunSummary, b: RunSummary) -> tuple[FloatArray, FloatArray]:
    """TTFTs of the requests that are due in both runs' measured windows.

    Under the paper's conventions only finished requests count; they are left out in pairs.
    """
    count = min(len(a.due_s), len(b.due_s))
    start = max(a.metrics.window_s[0], b.metrics.window_s[0])
    inside = a.due_s[:count] >= start
    first, second = a.ttft_s[:count][inside], b.ttft_s[:count][inside]
    both = ~(np.isnan(first) | np.isnan(second))
    if a.metrics.convention == "paper":
        both &= np.isfinite(first) & np.isfinite(second)
    return first[both], second[both]
