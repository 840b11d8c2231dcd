"""What a search within a time says: a capacity, what could not be told, and what ended it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from slaibench.measure.capacity import Capacity, Cells, capacity
from slaibench.recording import store
from slaibench.spec import StudySpec
from slaibench.spec.study_layout import StudyKind
from slaibench.spec.study_text import study_text
from slaibench.studies.capacity_result import cells_of, summaries_by_rate
from slaibench.studies.chosen_rates import keeps
from slaibench.studies.estimate import Estimate, finite
from slaibench.studies.executors import CellResult
from slaibench.studies.forms import PacedForm
from slaibench.studies.frames import common_columns, ends_of, frame_of, number_or_nan
from slaibench.studies.lifecycle import about_of
from slaibench.studies.pace import Ended
from slaibench.studies.shown import Shown
from slaibench.studies.signs import Signs, signs_of
from slaibench.studies.targets import NOT_KNOWN, NOT_MEASURED, STEADY, Targets
from slaibench.studies.trust import warnings_of
from slaibench.studies.untold import Untold, in_its_place

if TYPE_CHECKING:
    import pandas as pd

TWO_SIDED = 1.96
"""Standard deviations of a 95 % interval."""


@dataclass(frozen=True, repr=False)
class PacedResult(Shown):
    """One server's capacity, as far as some minutes tell it.

    Args:
        minutes, spent_s: the budget, and what of it was used.
        cells: every run, in the order in which they were made.
        long: those of them about the boundary.
        ended, why: what ended the search; in words.
        capacity: by the targets that could be told, its interval widened by what so few requests
            say of the load; None: nothing was measured.
        measured: where the rates stand that it rests on.
        untold: the targets that could not.
        from_long: whether it rests on the longer runs.
    """

    spec: StudySpec
    minutes: float
    spent_s: float
    about: str
    cells: tuple[CellResult, ...]
    long: tuple[CellResult, ...]
    ended: Ended
    why: str
    capacity: Capacity
    measured: Cells
    untold: tuple[Untold, ...]
    from_long: bool

    @property
    def num_requests(self) -> int:
        """Requests that were sent, or due, in all runs."""
        return sum(cell.summary.metrics.counts.due for cell in self.cells)

    @property
    def light(self) -> tuple[float, float | None]:
        """The lowest rate measured, and its median TTFT in seconds."""
        first = min(self.cells, key=lambda cell: (cell.cell.rate_rps, -cell.cell.num_requests))
        return first.cell.rate_rps, first.summary.metrics.overall.ttft.percentile(0.5).sample_value

    @property
    def at_least(self) -> bool:
        """Whether no rate is known to fail: the capacity is then the largest that is sure to hold,
        and the server may carry more."""
        return self.capacity.shape is None and self.capacity.sure_rps is not None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know of how far the runs can be trusted."""
        return warnings_of(self.cells)

    @property
    def in_words(self) -> str:
        where = self.spec.url or self.about.partition("\n")[0]
        if finite(self.capacity.rate_rps) is None:
            return f"{where}: no rate is known to keep {self.spec.slo} ({self.why})"
        unsure = "" if self.capacity.shape is not None else "perhaps "
        bound = "at least " if self.at_least else unsure
        ci95 = self.capacity.ci95
        ends = "" if ci95 is None else f" [{ci95[0]:.3g}, {ci95[1]:.3g}]"
        rate = f"{bound}{self.capacity.rate_rps:.3g} requests/s{ends}"
        return f"{where} {rate} within {self.spec.slo}"

    def frame(self) -> pd.DataFrame:
        """One row."""
        capacity = self.capacity
        low, high = capacity.ci95 or (None, None)
        row = {
            **common_columns(self.cells[0].cell),
            "slo": self.spec.slo,
            **ends_of("rate_rps", Estimate(capacity.rate_rps, low, high, 0)),
            "sure_rps": number_or_nan(capacity.sure_rps),
            "binding": capacity.binding,
            "binding_tier": capacity.binding_tier,
            "is_lower_bound": self.at_least,
            "ended": self.ended.value,
            "minutes": self.minutes,
            "note": capacity.note,
        }
        return frame_of([row])

    def to_json(self) -> PacedForm:
        result = self.capacity
        rate, ttft_s = self.light
        return {
            "spec": self.spec.to_json(),
            "study_file": study_text(StudyKind.CAPACITY, self.spec.to_json()),
            "minutes": self.minutes,
            "spent_s": round(self.spent_s, 1),
            "ended": self.ended.value,
            "why": self.why,
            "slo": self.spec.slo,
            "rate_rps": finite(result.rate_rps),
            "at_least": self.at_least,
            "ci95": None if result.ci95 is None else [finite(end) for end in result.ci95],
            "bracket": list(result.bracket),
            "binding": result.binding,
            "note": result.note,
            "cannot_tell": [
                {
                    "slo": untold.slo,
                    "tier": untold.tier,
                    "rate_rps": untold.rate_rps,
                    "percentile": untold.q,
                    "value_s": None if untold.value_s is None else list(untold.value_s),
                    "independent_requests": untold.worth,
                    "independent_requests_needed": untold.needed,
                }
                for untold in self.untold
            ],
            "light": {"rate_rps": rate, "ttft_p50_s": finite(ttft_s)},
            "num_requests": self.num_requests,
            "rates_measured": sorted({cell.cell.rate_rps for cell in self.cells}),
            "about": self.about,
            "warnings": list(self.warnings),
        }


def cells_that_tell(targets: Targets, cells: Sequence[CellResult]) -> Cells:
    """Where rates stand by those targets that can be told at one of them at least."""
    measured = _measured(targets, cells)
    open_ = _open(measured)
    kept = tuple(c for c in measured.curves if (c.slo, c.tier) not in open_)
    return replace(measured, curves=kept) if kept else measured


def _measured(targets: Targets, cells: Sequence[CellResult]) -> Cells:
    """Where rates stand; what runs so short did not measure at a rate speaks neither way."""
    measured = cells_of(targets, summaries_by_rate(cells), None)
    curves = (
        replace(
            curve,
            levels=tuple(NOT_KNOWN if lv == NOT_MEASURED else lv for lv in curve.levels),
        )
        for curve in measured.curves
    )
    return replace(measured, curves=tuple(curves))


def _open(measured: Cells) -> list[tuple[str, str | None]]:
    """Targets that hold nowhere for sure, and fail nowhere, since no run excludes anything."""
    return [
        (curve.slo, curve.tier)
        for curve in measured.curves
        if curve.slo != STEADY
        and all(math.isinf(level.high) for level in curve.levels)
        and all(level.low <= 0 for level in curve.levels)
    ]


def paced_result(
    spec: StudySpec,
    targets: Targets,
    minutes: float,
    cells: Sequence[CellResult],
    long: Sequence[CellResult],
    ended: tuple[Ended, str],
    spent_s: float,
) -> PacedResult:
    """The result of a search, at least one run.

    The capacity rests on the long runs, where there are any, and on short ones above them that
    did not hold: whose requests queued up in seconds.
    """
    used = [cell for cell in long if cell.summary.invalid is None]
    if used:
        top = max(cell.cell.rate_rps for cell in used)
        above = [c for c in cells if c.cell.rate_rps > top and c.summary.saturated]
        used += [c for c in above if c.summary.invalid is None]
        measured = cells_that_tell(targets, used)
        estimate = capacity(measured)
        # What did not hold may have been the load of a short run.
        at_end = [cell for cell in used if cell.cell.rate_rps == estimate.bracket[1]]
        estimate = widened(estimate, _load_noise(used), _load_noise(at_end or used))
        if estimate.shape is None:
            sure = estimate.sure_rps
            estimate = (
                _at_first_sight(targets, cells)
                if sure is None
                else replace(estimate, rate_rps=sure)
            )
    else:
        measured = cells_that_tell(targets, cells)
        estimate = _at_first_sight(targets, cells)
    return PacedResult(
        spec=spec,
        minutes=minutes,
        spent_s=spent_s,
        about=about_of(cells),
        cells=tuple(cells),
        long=tuple(long),
        ended=ended[0],
        why=ended[1],
        capacity=estimate,
        measured=measured,
        untold=tuple(_untold(targets, used, estimate)) if used else (),
        from_long=bool(used),
    )


def holds(targets: Targets, cell: CellResult, signs: Signs | None = None) -> bool:
    """Whether nothing speaks against the rate of a short run: its targets, nor its signs.

    Args:
        signs: the run's, where they are at hand; None: its recording is read.
    """
    return keeps(targets, [cell.summary]) and (signs or signs_of(cell)).keeps_up


def _at_first_sight(targets: Targets, cells: Sequence[CellResult]) -> Capacity:
    """From short runs alone: the largest rate that nothing spoke against, below all others."""
    held = {cell.cell.rate_rps: holds(targets, cell) for cell in cells}
    failing = min((rate for rate in held if not held[rate]), default=None)
    low = max((r for r in held if held[r] and (failing is None or r < failing)), default=None)
    note = "nothing speaks against it in runs too short to be sure" if low is not None else ""
    return Capacity(low, None, (low, failing), None, None, None, 1, note)


def widened(estimate: Capacity, below: float, above: float) -> Capacity:
    """A capacity whose interval counts that the runs' load was not quite that of the workload.

    Args:
        below, above: how far it may be off, as a share, where the lower and the upper end rest.
    """
    if estimate.ci95 is None:
        sure = estimate.sure_rps
        return replace(estimate, sure_rps=None if sure is None else sure / (1 + below))
    low, high = estimate.ci95
    return replace(estimate, ci95=(low / (1 + below), high * (1 + above)))


def _load_noise(cells: Sequence[CellResult]) -> float:
    """How far the offered work may be off its rate, as a share, at 95 %.

    Of n Poisson arrivals whose work has coefficient of variation cv, the sum has a relative
    standard deviation of sqrt((1 + cv^2) / n) (a compound Poisson sum). Work counts as tokens, as
    the run's recording has them.
    """
    largest = max(cells, key=lambda cell: cell.summary.metrics.counts.due)
    requests = store.read(largest.folder).requests
    if not len(requests):
        return TWO_SIDED
    tokens = (requests.prompt_tokens + requests.output_tokens).astype(float)
    cv2 = float(tokens.var() / tokens.mean() ** 2)
    n = max(largest.summary.metrics.counts.due, 1)
    return TWO_SIDED * math.sqrt((1 + cv2) / n)


def _untold(targets: Targets, cells: Sequence[CellResult], estimate: Capacity) -> list[Untold]:
    """The targets that were left out, at the largest rate within the capacity that tells most."""
    by_rate = summaries_by_rate(cells)
    measured = _measured(targets, cells)
    within = [r for r in by_rate if estimate.rate_rps is None or r <= estimate.rate_rps]
    out = []
    for text, tier in _open(measured):
        slo = next(slo for slo in targets.slos if slo.text == text)
        if slo.q is None and not slo.is_share:
            continue
        told_at = (
            in_its_place(slo, tier, rate, by_rate[rate]) for rate in within or [min(by_rate)]
        )
        out.append(max(told_at, key=lambda untold: (untold.q or 0.0, untold.rate_rps)))
    return out
