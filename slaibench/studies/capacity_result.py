"""A scheduler's capacity, from cells that are at hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from slaibench.measure.capacity import Capacity, Cells, SloCurve, capacity, capacity_ratio
from slaibench.measure.saturated import SaturatedThroughput
from slaibench.measure.slo import NO_SECOND_TOKEN, NO_TOKEN_TIMES, parse_slos
from slaibench.spec import StudySpec
from slaibench.studies.estimate import Estimate, finite, from_interval
from slaibench.studies.executors import CellResult
from slaibench.studies.overload import throughput_of, under_load
from slaibench.studies.run_summary import RunSummary
from slaibench.studies.targets import FAILS, STEADY, slo_levels, why_not_measured
from slaibench.studies.trust import warnings_of

TAIL_FROM = 0.9
"""Percentile beyond which a TTFT's target is one of its tail."""


@dataclass(frozen=True)
class CapacityResult:
    """Capacity of one scheduler, and the cells it rests on.

    Args:
        scheduler: whose.
        slo: the targets.
        capacity: the rate with its interval, bracket and binding SLO.
        cells: every cell that was looked at, by rate and seed, the one that measured the saturated
            throughput among them.
        measured: where each rate stands (``measure.capacity.Cells``).
        throughput: the saturated throughput, which no capacity exceeds; None: not measured.
        without_tail: the same cells by the targets without those of a tail's TTFT, which a
            scheduler that starves a few may meet; None: there are none.
    """

    spec: StudySpec
    about: str
    scheduler: str
    capacity: Capacity
    cells: tuple[CellResult, ...]
    measured: Cells
    throughput: SaturatedThroughput | None
    without_tail: Capacity | None

    @property
    def untold(self) -> str | None:
        """Why the target that ends the capacity was not measured; None where it was."""
        rate = self.capacity.bracket[1]
        at = [one.summary for one in under_load(self.cells) if one.cell.rate_rps == rate]
        binding, tier = self.capacity.binding, self.capacity.binding_tier
        return None if binding is None else why_not_measured(self.spec, at, binding, tier)

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
        """Whether an answer was found that the saturated throughput excludes."""
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
        times = [t for one in under_load(self.cells) if (t := one.summary.audit.off_rate)]
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

    def to_json(self) -> dict[str, Any]:
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
    spec: StudySpec, about: str, scheduler: str, cells: tuple[CellResult, ...]
) -> CapacityResult:
    """Capacity from given cells, at least one: nothing is run."""
    throughput = throughput_of(cells, scheduler)
    by_rate = summaries_by_rate(cells)
    measured = _cells_of(spec, by_rate, throughput)
    tails = [
        slo.text
        for slo in parse_slos(spec.slo)
        if slo.metric == "ttft" and slo.q is not None and slo.q > TAIL_FROM
    ]
    rest = measured.without(tails) if tails and len(parse_slos(spec.slo)) > len(tails) else None
    return CapacityResult(
        spec=spec,
        about=about,
        scheduler=scheduler,
        capacity=_within(capacity(measured), throughput),
        cells=cells,
        measured=measured,
        throughput=throughput,
        without_tail=None if rest is None else _within(capacity(rest), throughput),
    )


def _within(answer: Capacity, throughput: SaturatedThroughput | None) -> Capacity:
    """An answer that the saturated throughput allows: cut at it, or refused."""
    if throughput is None or answer.rate_rps is None:
        return answer
    most = f"the most that its saturated throughput may be, {throughput.high:.4g} requests/s"
    if answer.rate_rps > throughput.high or (answer.ci95 and answer.ci95[0] > throughput.high):
        note = f"refused: {answer.rate_rps:.4g} requests/s are more than {most}"
        return replace(answer, rate_rps=None, ci95=None, note=note)
    if answer.ci95 is None or answer.ci95[1] <= throughput.high:
        return answer
    note = "; ".join(filter(None, [answer.note, f"the interval is cut at {most}"]))
    return replace(answer, ci95=(answer.ci95[0], throughput.high), note=note)


def ratio_of(a: CapacityResult, b: CapacityResult) -> Estimate:
    """Capacity of b over that of a."""
    interval = capacity_ratio(a.capacity, b.capacity)
    if math.isnan(interval.estimate):
        return Estimate(None, None, None, interval.n)
    return from_interval(interval)


def _cells_of(
    spec: StudySpec,
    by_rate: dict[float, list[RunSummary]],
    throughput: SaturatedThroughput | None,
) -> Cells:
    """Where every rate stands; one beyond the saturated throughput is no operating point."""
    rates = sorted(by_rate)
    levels = {rate: slo_levels(spec, by_rate[rate]) for rate in rates}
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
