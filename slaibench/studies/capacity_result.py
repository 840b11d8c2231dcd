"""A scheduler's capacity, from cells that are at hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from slaibench.measure.capacity import Capacity, Cells, SloCurve, capacity, capacity_ratio
from slaibench.measure.saturated import SaturatedThroughput
from slaibench.measure.slo import NO_SECOND_TOKEN, NO_TOKEN_TIMES
from slaibench.spec import StudySpec
from slaibench.studies.estimate import Estimate, finite, from_interval
from slaibench.studies.executors import CellResult
from slaibench.studies.forms import CapacityForm
from slaibench.studies.frames import common_columns, ends_of, frame_of, number_or_nan
from slaibench.studies.overload import throughput_of, under_load
from slaibench.studies.run_summary import RunSummary
from slaibench.studies.shown import Shown
from slaibench.studies.targets import FAILS, STEADY, Targets, Verdict
from slaibench.studies.trust import warnings_of

if TYPE_CHECKING:
    import pandas as pd

TAIL_FROM = 0.9
"""Percentile beyond which a TTFT's target is one of its tail."""


@dataclass(frozen=True, repr=False)
class CapacityResult(Shown):
    """Capacity of one scheduler, and the cells it rests on.

    Args:
        scheduler: whose.
        targets: what a rate has to keep.
        capacity: the rate with its interval, bracket and binding SLO.
        cells: every cell that was looked at, by rate and seed, the one that measured the saturated
            throughput among them.
        measured: where each rate stands (``measure.capacity.Cells``).
        throughput: the saturated throughput, which no capacity exceeds; None: not measured.
        without_tail: the same cells by the targets without those of a tail's TTFT, which a
            scheduler that starves a few may meet; None: there are none.
    """

    spec: StudySpec
    targets: Targets
    about: str
    scheduler: str
    capacity: Capacity
    cells: tuple[CellResult, ...]
    measured: Cells
    throughput: SaturatedThroughput | None
    without_tail: Capacity | None

    @property
    def verdicts(self) -> dict[float, Verdict]:
        """By rate, ascending: whether all targets are kept there."""
        return {
            rate: Verdict.of(
                {(curve.slo, curve.tier): curve.levels[place] for curve in self.measured.curves}
            )
            for place, rate in enumerate(self.measured.rates_rps.tolist())
        }

    @property
    def untold(self) -> str | None:
        """Why the target that ends the capacity was not measured; None where it was."""
        rate = self.capacity.bracket[1]
        at = [run.summary for run in under_load(self.cells) if run.cell.rate_rps == rate]
        binding, tier = self.capacity.binding, self.capacity.binding_tier
        return None if binding is None else self.targets.why_not_measured(at, binding, tier)

    @property
    def tail_matters(self) -> bool:
        """Whether the capacity is another without the targets of the TTFT's tail."""
        other, own = self.without_tail, self.capacity.rate_rps
        return other is not None and other.rate_rps is not None and other.rate_rps != own

    @property
    def num_invalid(self) -> int:
        """Cells that are no measurement."""
        return sum(cell.summary.invalid is not None for cell in self.cells)

    @property
    def refused(self) -> bool:
        """Whether the capacity that came out is one that the saturated throughput excludes."""
        return self.capacity.rate_rps is None and self.capacity.bracket[0] is not None

    @property
    def remarks(self) -> tuple[str, ...]:
        """The notes that do not say once more that the lowest rate fails."""
        fails = self.capacity.rate_rps is None and not self.refused
        return self.notes[1:] if fails and self.capacity.note else self.notes

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know besides the rate and its interval."""
        sentences = [self.capacity.note] if self.capacity.note else []
        if self.without_tail is not None and self.tail_matters:
            other = self.without_tail
            ends = "" if other.ci95 is None else f" [{other.ci95[0]:.3g}, {other.ci95[1]:.3g}]"
            least = "at least " if other.shape is None else ""
            sentences.append(
                f"without the target for its TTFT's tail: {least}{other.rate_rps:.3g} requests/s"
                f"{ends}"
            )
        times = [t for run in under_load(self.cells) if (t := run.summary.audit.off_rate)]
        if times and self.capacity.rate_rps is not None:
            offered = float(np.median(times)) * self.capacity.rate_rps
            sentences.append(f"in load that was offered: {offered:.3g} requests/s")
        if self.untold is not None:
            what = f"at {self.capacity.bracket[1]:g} requests/s: {self.capacity.binding}"
            longer_helps = not self.num_invalid and self.untold not in (
                NO_SECOND_TOKEN,
                NO_TOKEN_TIMES,
            )
            more = "; use more --requests or --seeds" if longer_helps else ""
            sentences.append(f"{what} cannot be told ({self.untold}){more}")
        return tuple(sentences)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know of how far the runs can be trusted."""
        return warnings_of(self.cells)

    @property
    def in_words(self) -> str:
        return f"{self.carries} within {self.spec.slo}"

    @property
    def carries(self) -> str:
        """``slai 6.77 requests/s [6.5, 7.1]``."""
        capacity = self.capacity
        if finite(capacity.rate_rps) is None:
            return f"{self.scheduler} no rate is known to keep the targets"
        sure = capacity.sure_rps == capacity.rate_rps
        bound = "" if capacity.shape is not None else "at least " if sure else "perhaps "
        ends = "" if capacity.ci95 is None else " [{:.3g}, {:.3g}]".format(*capacity.ci95)
        return f"{self.scheduler} {bound}{capacity.rate_rps:.3g} requests/s{ends}"

    def frame(self) -> pd.DataFrame:
        """One row."""
        form = self.to_json()
        capacity, throughput = self.capacity, self.throughput
        low, high = capacity.ci95 or (None, None)
        row = {
            "scheduler": self.scheduler,
            **common_columns(self.cells[0].cell),
            "slo": form["slo"],
            "convention": form["convention"],
            **ends_of("rate_rps", Estimate(capacity.rate_rps, low, high, 0)),
            "sure_rps": number_or_nan(capacity.sure_rps),
            "binding": capacity.binding,
            "binding_tier": capacity.binding_tier,
            "is_lower_bound": capacity.rate_rps is not None and capacity.shape is None,
            "replicates": capacity.replicates,
            "saturated_rps": number_or_nan(None if throughput is None else throughput.rate_rps),
            "saturated_rps_low": number_or_nan(None if throughput is None else throughput.low),
            "saturated_rps_high": number_or_nan(None if throughput is None else throughput.high),
            "note": form["note"],
        }
        return frame_of([row])

    def to_json(self) -> CapacityForm:
        capacity = self.capacity
        return {
            "scheduler": self.scheduler,
            "slo": self.spec.slo,
            "convention": self.spec.convention.value,
            "rate_rps": finite(capacity.rate_rps),
            "ci95": None if capacity.ci95 is None else [finite(end) for end in capacity.ci95],
            "bracket": list(capacity.bracket),
            "binding": capacity.binding,
            "binding_tier": capacity.binding_tier,
            "shape": capacity.shape,
            "sure_rps": finite(capacity.sure_rps),
            "replicates": capacity.replicates,
            "note": "; ".join(self.notes),
            "warnings": list(self.warnings),
            "invalid_runs": self.num_invalid,
            "rates_measured": self.measured.rates_rps.tolist(),
            "saturated_rps": None
            if self.throughput is None
            else {
                "value": self.throughput.rate_rps,
                "ci95": [self.throughput.low, self.throughput.high],
            },
            "without_ttft_tail": None
            if self.without_tail is None
            else {
                "rate_rps": finite(self.without_tail.rate_rps),
                "ci95": None
                if self.without_tail.ci95 is None
                else [finite(end) for end in self.without_tail.ci95],
            },
        }


def capacity_from(
    spec: StudySpec, targets: Targets, about: str, scheduler: str, cells: Sequence[CellResult]
) -> CapacityResult:
    """Capacity from given cells, at least one: nothing is run."""
    throughput = throughput_of(cells, scheduler)
    by_rate = summaries_by_rate(cells)
    measured = cells_of(targets, by_rate, throughput)
    tails = [
        slo.text
        for slo in targets.slos
        if slo.metric == "ttft" and slo.q is not None and slo.q > TAIL_FROM
    ]
    rest = measured.without(tails) if tails and len(targets.slos) > len(tails) else None
    return CapacityResult(
        spec=spec,
        targets=targets,
        about=about,
        scheduler=scheduler,
        capacity=_within(capacity(measured), throughput),
        cells=tuple(cells),
        measured=measured,
        throughput=throughput,
        without_tail=None if rest is None else _within(capacity(rest), throughput),
    )


def _within(estimate: Capacity, throughput: SaturatedThroughput | None) -> Capacity:
    """A capacity that the saturated throughput allows: cut at it, or refused."""
    if throughput is None or estimate.rate_rps is None:
        return estimate
    most = f"the most that its saturated throughput may be, {throughput.high:.4g} requests/s"
    low = estimate.ci95[0] if estimate.ci95 else estimate.rate_rps
    if max(low, estimate.rate_rps) > throughput.high:
        note = f"refused: {estimate.rate_rps:.4g} requests/s are more than {most}"
        return replace(estimate, rate_rps=None, ci95=None, note=note)
    if estimate.ci95 is None or estimate.ci95[1] <= throughput.high:
        return estimate
    note = "; ".join(filter(None, [estimate.note, f"the interval is cut at {most}"]))
    return replace(estimate, ci95=(estimate.ci95[0], throughput.high), note=note)


def ratio_of(a: CapacityResult, b: CapacityResult) -> Estimate:
    """Capacity of b over that of a."""
    interval = capacity_ratio(a.capacity, b.capacity)
    if math.isnan(interval.estimate):
        return Estimate(None, None, None, interval.n)
    return from_interval(interval)


def cells_of(
    targets: Targets,
    by_rate: dict[float, list[RunSummary]],
    throughput: SaturatedThroughput | None,
) -> Cells:
    """Where every rate stands; one beyond the saturated throughput is no operating point."""
    rates = sorted(by_rate)
    levels = {rate: targets.levels(by_rate[rate]) for rate in rates}
    for rate in rates:
        if throughput is not None and rate > throughput.high and (STEADY, None) in levels[rate]:
            levels[rate][STEADY, None] = FAILS
    keys = dict.fromkeys(key for rate in rates for key in levels[rate])
    return Cells(
        np.array(rates),
        tuple(
            SloCurve(slo, tier, tuple(levels[rate].get((slo, tier), FAILS) for rate in rates))
            for slo, tier in keys
        ),
        max(len(summaries) for summaries in by_rate.values()),
    )


def summaries_by_rate(cells: Sequence[CellResult]) -> dict[float, list[RunSummary]]:
    """The replicates at each rate, those under overload left out."""
    by_rate: dict[float, list[RunSummary]] = {}
    for cell in under_load(cells):
        by_rate.setdefault(cell.cell.rate_rps, []).append(cell.summary)
    return by_rate
