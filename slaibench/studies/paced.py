"""A capacity search that time is short for: a server that is there already, and a few minutes.

First a light probe, then rates that double, in short runs, until one does not hold; then longer
runs about that boundary while the minutes last. Each ends at once when requests queue up or fail.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from slaibench.measure.capacity import capacity
from slaibench.measure.search import Trial, next_rates
from slaibench.rates import significant_rate
from slaibench.spec import CellSpec, StudySpec
from slaibench.studies.capacity import check_rate_counts
from slaibench.studies.capacity_result import summaries_by_rate
from slaibench.studies.chosen_rates import keeps
from slaibench.studies.executors import CellResult, Executor
from slaibench.studies.lifecycle import OnCell, Plan, collect, quiet
from slaibench.studies.pace import (
    COARSE,
    DIGITS,
    FEW,
    FIRST_SHARE,
    FURTHEST,
    GRID,
    LEAST_RPS,
    MOST_FAILURES,
    OVERHEAD_S,
    QUEUES_MORE,
    QUEUES_TIMES,
    REST_S,
    STAYS,
    STEP_S,
    Ended,
    Pace,
)
from slaibench.studies.paced_result import PacedResult, cells_that_tell, holds, paced_result
from slaibench.studies.prepared import PreparedStudy, prepare
from slaibench.studies.signs import Signs, signs_of, why_left_alone
from slaibench.studies.tellable import check_tellable


@dataclass(frozen=True)
class PacedPlan(Plan):
    """A search of one server's capacity within a time."""

    searches = True
    within_minutes = True
    pace: Pace = field(default_factory=Pace)


def plan(
    spec: StudySpec, results: Path, pace: Pace | None = None, *, fresh: bool = False
) -> PacedPlan:
    """A search within a time, checked.

    Args:
        pace: None: the one that the specification asks for.

    Raises:
        ValueError, RecordingError: as ``capacity.plan``; or the specification says how long runs
            are, which the pace does.
    """
    if spec.num_requests is not None or spec.duration_s is not None or spec.rates:
        raise ValueError(
            "--minutes decides how long runs are and at which rates: leave --requests, --duration "
            "and --rates out"
        )
    pace = Pace.of(spec) if pace is None else pace
    paced = {"minutes": pace.minutes, "max_rate_rps": pace.max_rate_rps}
    prepared = prepare(spec.model_copy(update=paced))
    made = PacedPlan.of(prepared, results, jobs=1, fresh=fresh)
    check_rate_counts(made.prepared)
    check_tellable(made.prepared.targets, None, second_tokens=made.prepared.has_second_tokens)
    return PacedPlan(made.prepared, made.results, made.summarize, made.jobs, made.fresh, pace)


def run(
    plan: PacedPlan, on_cell: OnCell = quiet, rest: Callable[[float], None] = time.sleep
) -> PacedResult:
    """Search until the answer is sure, the time is over, or the server must be left alone.

    Ctrl-C ends the search: what was measured until then is the result.

    Args:
        rest: waits so many seconds; only where runs take real time.

    Raises:
        RecordingError, BackendError, SchedulerError: a cell cannot be had.
    """
    with plan.open() as executor:
        search = _Search(executor, plan.prepared, plan.pace, on_cell, rest)
        try:
            ended, why = search.until_end()
        except KeyboardInterrupt:
            if not search.cells:
                raise
            ended, why = Ended.INTERRUPTED, "it was interrupted"
    return paced_result(
        plan.spec,
        plan.prepared.targets,
        plan.pace.minutes,
        search.cells,
        search.long,
        (ended, why),
        search.spent_s,
    )


class _EndedError(Exception):
    """The server must not be sent more."""

    def __init__(self, ended: Ended, why: str) -> None:
        super().__init__(why)
        self.ended = ended


class _Search:
    """One search while it goes on. What is on disk counts with the time that it took."""

    def __init__(
        self,
        executor: Executor,
        prepared: PreparedStudy,
        pace: Pace,
        on_cell: OnCell,
        rest: Callable[[float], None],
    ) -> None:
        self._executor = executor
        self._prepared = prepared
        self._pace = pace
        self._on_cell = on_cell
        self._rest = rest
        self.cells: list[CellResult] = []
        self.long: list[CellResult] = []
        self.spent_s = 0.0
        self._held: tuple[float, float] | None = None
        """The largest rate that held, and how many requests were in the system there."""
        self._throughput_rps = math.inf
        """Requests' worth of tokens a second, at a rate that did not hold: about the capacity."""
        self._stay_s = 0.0
        """How long a request stays in the system there."""

    def until_end(self) -> tuple[Ended, str]:
        """What ended it, and that in words."""
        try:
            low, high = self._bracket()
            if not self._pace.long:
                if high is None:
                    return self._at_most()
                return Ended.SATURATED, f"{high:g} requests/s did not hold"
            if low is None and high is not None:
                return Ended.SATURATED, f"even {high:g} requests/s, the lowest, did not hold"
            return self._about(low or self._pace.start_rps, high)
        except _EndedError as left:
            return left.ended, str(left)

    def _at_most(self) -> tuple[Ended, str]:
        most = self._pace.max_rate_rps
        return Ended.MAX_RATE, f"{most:g} requests/s were reached (--max-rate)"

    def _bracket(self) -> tuple[float | None, float | None]:
        """Short runs: the largest rate that held and the smallest that did not."""
        trials: list[Trial] = []
        start = min(self._pace.start_rps, self._pace.max_rate_rps)
        while True:
            proposals = next_rates(
                trials,
                start_rps=start,
                resolution=COARSE,
                replicates=1,
                min_rps=min(LEAST_RPS, start),
                max_rps=self._pace.max_rate_rps,
            )
            measured = {trial.rate_rps for trial in trials}
            rates = [p.rate_rps for p in proposals if p.rate_rps not in measured]
            if not self._pace.long and any(not trial.passes for trial in trials):
                rates = []
            failing = [trial.rate_rps for trial in trials if not trial.passes]
            if not rates:
                passing = [t.rate_rps for t in trials if t.passes]
                below = [rate for rate in passing if rate < min(failing, default=math.inf)]
                return max(below, default=None), min(failing, default=None)
            result, signs = self._run(rates[0], self._step_s(), self._prepared.spec.first_seed)
            passes = holds(self._prepared.targets, result, signs)
            trials.append(Trial(rates[0], passes, 1))
            if passes:
                self._note_held(result, signs)
            else:
                served_rps = rates[0] * signs.served_share
                self._throughput_rps = min(self._throughput_rps, served_rps)

    def _about(self, low: float, high: float | None) -> tuple[Ended, str]:
        """Long runs about the boundary, each with requests of its own."""
        rate = low
        if high is not None:  # short runs flatter
            rate = FIRST_SHARE * min(low, self._throughput_rps)
            high = min(high, max(GRID * self._throughput_rps, rate))
        while True:
            seed = self._prepared.spec.first_seed + 1 + len(self.long)
            result, signs = self._run(significant_rate(rate, DIGITS), self._pace.long_s, seed)
            self.long.append(result)
            if self._holds(result):
                self._note_held(result, signs)
            following = self._next_long(high)
            if following is None:
                by_rate = [cell.cell.rate_rps for cell in self.long if self._holds(cell)]
                if by_rate and max(by_rate) >= self._pace.max_rate_rps:
                    return self._at_most()
                return Ended.SURE, "rates sure to hold and sure to fail lie close enough"
            rate = following

    def _next_long(self, too_much: float | None) -> float | None:
        """The rate of the next long run; None: these are enough.

        Args:
            too_much: the smallest rate at which a short run did not hold.
        """
        trials = [
            Trial(rate, keeps(self._prepared.targets, summaries), len(summaries))
            for rate, summaries in summaries_by_rate(self.long).items()
        ]
        rates = [trial.rate_rps for trial in trials]
        failing = [trial.rate_rps for trial in trials if not trial.passes]
        first = min(failing, default=math.inf)
        stride: float = min(GRID**2 ** (len(rates) - 1), 2.0)  # further each time
        holding = [t.rate_rps for t in trials if t.passes and t.rate_rps < first]
        if not failing:
            most, top = self._pace.max_rate_rps, max(rates)
            if too_much is not None:  # short runs say about where it is, and may be wrong
                beyond = sum(rate >= too_much / GRID for rate in rates)
                stride = max(math.sqrt(too_much / top), math.pow(GRID, 1 + beyond))
            return None if top >= most else min(top * stride, most)
        if not holding:
            lower = min(rates) / stride
            return lower if lower >= LEAST_RPS else None
        if first > max(holding) * GRID**2:
            return math.sqrt(first * max(holding))
        estimate = capacity(cells_that_tell(self._prepared.targets, self.long))
        lower, higher = min(rates) / GRID, max(rates) * GRID
        if estimate.sure_rps is None and lower >= max(FURTHEST * max(holding), LEAST_RPS):
            return lower
        # Where no rate is sure to fail, the interval ends at the largest one measured.
        open_above = estimate.ci95 is None or estimate.ci95[1] >= max(rates)
        most = min(min(failing) / FURTHEST, self._pace.max_rate_rps)
        return higher if open_above and higher <= most else None

    def _holds(self, result: CellResult) -> bool:
        return keeps(self._prepared.targets, [result.summary])

    def _note_held(self, result: CellResult, signs: Signs) -> None:
        if self._held is None or result.cell.rate_rps > self._held[0]:
            self._held = result.cell.rate_rps, signs.mean_inside
            self._stay_s = signs.mean_stay_s

    def _step_s(self) -> float:
        """Length of the next short run: a server fills for as long as its requests stay, and
        until then carries any load. Few at a time fill it at once."""
        if self._held is None or self._held[1] < FEW:
            return STEP_S
        return float(round(min(max(STEP_S, STAYS * self._stay_s), self._pace.most_step_s)))

    def _run(self, rate_rps: float, length_s: float, seed: int) -> tuple[CellResult, Signs]:
        """One run, and whether the server may be sent another."""
        if self.spent_s + length_s + OVERHEAD_S > self._pace.budget_s:
            raise _EndedError(Ended.BUDGET, f"{self._pace.minutes:g} min are over (--minutes)")
        cell = self._cell(rate_rps, length_s, seed)
        (result,) = collect(self._executor, [cell], self._on_cell)
        self.cells.append(result)
        ended_s = result.summary.metrics.stop_s
        self.spent_s += max(ended_s + OVERHEAD_S, result.took_s or 0.0 if self._is_real else 0.0)
        signs = signs_of(result)
        left = why_left_alone(result, signs)
        if left is not None:
            raise _EndedError(*left)
        if result.summary.stopped_early is not None and self._is_real and not result.reused:
            self._rest(REST_S)
        return result, signs

    @property
    def _is_real(self) -> bool:
        return self._prepared.system.one_at_a_time

    def _cell(self, rate_rps: float, length_s: float, seed: int) -> CellSpec:
        expected = rate_rps * length_s
        inside = expected
        if self._held is not None:
            inside = self._held[1] * rate_rps / self._held[0]
        count = math.ceil(1.06 * expected + 6 * math.sqrt(expected) + 20)
        guard = {
            "most_in_system": math.ceil(QUEUES_TIMES * inside) + QUEUES_MORE,
            "most_failures": MOST_FAILURES,
        }
        cell = self._prepared.cell(self._prepared.spec.schedulers[0], rate_rps, seed, count)
        return cell.model_copy(update={"horizon_s": length_s, "early_stop": False, "guard": guard})
