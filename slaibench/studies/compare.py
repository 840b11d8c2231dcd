"""Schedulers under the same requests: each against the first, paired, and the capacity of all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from slaibench.measure.paired import paired_ratio
from slaibench.recording.record import FloatArray
from slaibench.spec import StudySpec
from slaibench.spec.study_layout import StudyKind
from slaibench.studies.capacity import CapacityResult, check_rate_counts, ratio_of, search
from slaibench.studies.chosen_rates import check_can_choose, with_rates
from slaibench.studies.estimate import Estimate, finite
from slaibench.studies.executors import CellResult, Jobs
from slaibench.studies.forms import CompareForm, OtherForm, RateForm
from slaibench.studies.frames import ends_of, names_in
from slaibench.studies.lifecycle import OnCell, Plan, quiet
from slaibench.studies.operating_point import OperatingPoint
from slaibench.studies.prepared import prepare
from slaibench.studies.run_summary import RunSummary
from slaibench.studies.searches import side_by_side
from slaibench.studies.shown import Shown
from slaibench.studies.sweep import SweepResult, sweep_in
from slaibench.studies.trust import warnings_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ComparePlan(Plan):
    """A sweep of several schedulers, and a search of the capacity of each."""

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

    def to_json(self) -> RateForm:
        return {
            "rate_rps": self.rate_rps,
            "a": self.a.to_json(),
            "b": self.b.to_json(),
            "ttft_p50_change": self.ttft_p50_change.to_json(),
        }


@dataclass(frozen=True, slots=True)
class PairComparison:
    """The comparison of ``a`` (the reference) with ``b``.

    Args:
        capacity_ratio: capacity of b over that of a.
    """

    a: str
    b: str
    rates: tuple[RateComparison, ...]
    capacity_a: CapacityResult
    capacity_b: CapacityResult
    capacity_ratio: Estimate

    def to_json(self) -> OtherForm:
        return {
            "scheduler": self.b,
            "capacity": self.capacity_b.to_json(),
            "ratio": self.capacity_ratio.to_json(),
            "rates": [
                {"rate_rps": rate.rate_rps, "ttft_p50_change": rate.ttft_p50_change.to_json()}
                for rate in self.rates
            ],
        }


@dataclass(frozen=True, repr=False)
class CompareResult(Shown):
    """Two or more schedulers under the same requests.

    Every interval is a 95 % interval by itself; nothing is adjusted for how many there are. Of two
    schedulers, ``b``, ``rates``, ``capacity_b`` and ``capacity_ratio`` are those of the one pair;
    of more they raise AttributeError, and ``pairs`` has them.

    Args:
        pairs: the first scheduler, which is the reference, with each of the others; at least one.
    """

    sweep: SweepResult
    pairs: tuple[PairComparison, ...]

    @property
    def spec(self) -> StudySpec:
        return self.sweep.spec

    @property
    def a(self) -> str:
        """The reference."""
        return self.pairs[0].a

    @property
    def b(self) -> str:
        return self._pair("b").b

    @property
    def rates(self) -> tuple[RateComparison, ...]:
        return self._pair("rates").rates

    @property
    def capacity_a(self) -> CapacityResult:
        """The reference's."""
        return self.pairs[0].capacity_a

    @property
    def capacity_b(self) -> CapacityResult:
        return self._pair("capacity_b").capacity_b

    @property
    def capacity_ratio(self) -> Estimate:
        return self._pair("capacity_ratio").capacity_ratio

    @property
    def schedulers(self) -> tuple[str, ...]:
        """All that are compared, the reference first."""
        return (self.a, *(pair.b for pair in self.pairs))

    @property
    def capacities(self) -> tuple[CapacityResult, ...]:
        """By scheduler, the reference's first."""
        return (self.capacity_a, *(pair.capacity_b for pair in self.pairs))

    @property
    def cells(self) -> tuple[CellResult, ...]:
        """Every cell of all, each once; the capacity searches' among them."""
        searched = (cell for capacity in self.capacities for cell in capacity.cells)
        return tuple({cell.folder: cell for cell in (*self.sweep.cells, *searched)}.values())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know of how far the numbers can be trusted; each once."""
        return warnings_of(self.cells)

    def folders(self) -> list[Path]:
        """Where the recordings lie."""
        return [cell.folder for cell in self.cells]

    def to_json(self) -> CompareForm:
        document: CompareForm = {
            "reference": self.a,
            "others": [pair.to_json() for pair in self.pairs],
            "spec": self.spec.to_json(),
            "study_file": self.sweep.study_file(StudyKind.COMPARE),
            "about": self.sweep.about,
            "workload": self.sweep.workload_note,
            "warnings": list(self.warnings),
            "convention": self.spec.convention.value,
            "points": self.sweep.to_json()["points"],
            "capacities": [capacity.to_json() for capacity in self.capacities],
        }
        if len(self.pairs) == 1:
            document["a"], document["b"] = self.a, self.b
            document["capacity"] = {
                "a": self.capacity_a.to_json(),
                "b": self.capacity_b.to_json(),
                "ratio": self.capacity_ratio.to_json(),
            }
            document["rates"] = [rate.to_json() for rate in self.rates]
        return document

    @property
    def in_words(self) -> str:
        parts = [capacity.carries for capacity in self.capacities]
        for pair in self.pairs:
            ratio = pair.capacity_ratio
            of = f"ratio of {pair.b}" if len(self.pairs) > 1 else "ratio"
            ends = "" if ratio.ci95 is None else " [{:.2f}, {:.2f}]".format(*ratio.ci95)
            has = finite(ratio.value) is not None
            parts.append(f"{of} {ratio.value:.2f}{ends}" if has else f"no {of}")
        return "; ".join(parts)

    def frame(self, *, long: bool = False) -> pd.DataFrame:
        """A sweep's, with the paired change of the median TTFT in rows of all but the reference."""
        frame = self.sweep.frame(long=long)
        if long:
            return frame
        rates = ((pair.b, rate) for pair in self.pairs for rate in pair.rates)
        changes = {(name, rate.rate_rps): rate.ttft_p50_change for name, rate in rates}
        none = Estimate(None, None, None, 0)
        places = zip(frame["scheduler"], frame["rate_rps"], strict=True)
        rows = [ends_of("ttft_p50_change", changes.get(place, none)) for place in places]
        return frame.assign(**{name: [row[name] for row in rows] for name in names_in(rows)})

    def _pair(self, name: str) -> PairComparison:
        if len(self.pairs) > 1:
            raise AttributeError(
                f"a comparison of {len(self.schedulers)} schedulers has {name!r} by pair: "
                f"pairs[0].{name} is of {self.pairs[0].b!r} against {self.a!r}"
            )
        return self.pairs[0]


def plan(spec: StudySpec, results: Path, *, jobs: Jobs = None, fresh: bool = False) -> ComparePlan:
    """A comparison of the study's schedulers, the first with each of the others; checked.

    Args:
        results, jobs, fresh: as ``sweep.plan``.

    Raises:
        ValueError, RecordingError: as ``sweep.plan``; or there is only one scheduler, or the
            arrivals take no rate.
    """
    if len(spec.schedulers) < 2:
        raise ValueError(
            f"a comparison is of two schedulers or more, not of {spec.schedulers[0]!r} alone: name "
            "another, or use a sweep"
        )
    check_can_choose(spec)
    made = ComparePlan.of(prepare(spec), results, jobs=jobs, fresh=fresh)
    check_rate_counts(made.prepared)
    return made


def run(plan: ComparePlan, on_cell: OnCell = quiet) -> CompareResult:
    """Compare the schedulers at the study's rates, and search the capacity of each.

    Raises:
        RecordingError, BackendError, SchedulerError: a cell cannot be had.
    """
    with plan.open() as executor:
        prepared = with_rates(executor, plan.prepared, on_cell)
        swept = sweep_in(executor, prepared, on_cell)
        searches = [search(prepared, name, swept.cells) for name in plan.spec.schedulers]
        reference, *others = side_by_side(executor, searches, on_cell)
    return CompareResult(swept, tuple(_paired(swept, reference, other) for other in others))


def _paired(swept: SweepResult, a: CapacityResult, b: CapacityResult) -> PairComparison:
    """A scheduler against the reference, each by its capacity and its points of the sweep."""
    points = zip(swept.of(a.scheduler), swept.of(b.scheduler), strict=True)
    return PairComparison(
        a=a.scheduler,
        b=b.scheduler,
        rates=tuple(
            RateComparison(
                rate_rps=point_a.rate_rps,
                a=point_a,
                b=point_b,
                ttft_p50_change=ttft_change(
                    swept.summaries(a.scheduler, point_a.rate_rps),
                    swept.summaries(b.scheduler, point_b.rate_rps),
                ),
            )
            for point_a, point_b in points
        ),
        capacity_a=a,
        capacity_b=b,
        capacity_ratio=ratio_of(a, b),
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
    inside = (a.due_s[:count] >= start) & (b.due_s[:count] >= start)
    first, second = a.ttft_s[:count][inside], b.ttft_s[:count][inside]
    both = ~(np.isnan(first) | np.isnan(second))
    if a.metrics.convention == "paper":
        both &= np.isfinite(first) & np.isfinite(second)
    return first[both], second[both]
