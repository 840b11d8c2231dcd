"""How far a study is: cells done, time left, what each scheduler carries so far.

A plain model: ``Tracker`` is a study's ``on_cell``, and ``Tracker.snapshot()`` a value that a
terminal, a log or a notebook renders.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import RLock

from slaibench.measure.search import bracket
from slaibench.spec import CellSpec
from slaibench.studies.capacity import longest, trial_of
from slaibench.studies.capacity_result import summaries_by_rate
from slaibench.studies.executors import CellResult
from slaibench.studies.lifecycle import Plan
from slaibench.studies.run_summary import RunSummary
from slaibench.studies.targets import Targets

FURTHEST = 2.0
"""How many times the rate of a cell whose cost is known another's may be, for its cost to be
estimated: beyond its capacity, a scheduler's cells cost more and more."""


@dataclass(frozen=True, slots=True)
class SchedulerProgress:
    """One scheduler so far.

    Args:
        total: cells that are known to be wanted of it.
        carries_rps: largest rate that meets every target; None: none has yet.
        fails_rps: smallest rate that misses one; None: none has yet. The capacity so far lies
            between the two.
    """

    scheduler: str
    done: int
    total: int
    carries_rps: float | None = None
    fails_rps: float | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A study at one moment.

    Args:
        done: cells at hand, those from disk among them.
        total: cells that are known to be wanted; a search wants more as it goes on. None: nothing
            is known yet.
        reused: of ``done``, those that were on disk.
        elapsed_s: seconds since the study began.
        eta_s: seconds that the cells in ``total`` still take; None: not known.
        schedulers: in the order in which their cells appear.
        now: cells that run now, as far as that is known: the next ones in order.
        searches: whether more cells than ``total`` may follow, from what these say.
    """

    done: int
    total: int | None
    reused: int
    elapsed_s: float
    eta_s: float | None
    schedulers: tuple[SchedulerProgress, ...]
    now: tuple[CellSpec, ...]
    searches: bool = False


class Tracker:
    """A study's ``on_cell`` that remembers how far it is. Threads may ask while it runs.

    Args:
        plan: the study's, if it has one: its targets judge what is carried, and its cells are
            expected.
        clock: seconds, from anywhere.
    """

    def __init__(self, plan: Plan | None = None, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._begun = clock()
        self._lock = RLock()
        has_rates = plan is not None and not plan.closed_loops
        self._targets = plan.prepared.targets if plan is not None and has_rates else None
        self._jobs = plan.jobs if plan is not None and isinstance(plan.jobs, int) else None
        self._searches = plan is not None and plan.searches
        self._results: list[CellResult] = []
        self._expected: dict[_Key, CellSpec] = {}
        self._batch: dict[_Key, CellSpec] = {}
        self._left = 0
        self._brackets: dict[str, tuple[int, _Bracket]] = {}
        if plan is not None:
            self._expected = {_key(cell): cell for cell in plan.prepared.cells()}

    @property
    def results(self) -> tuple[CellResult, ...]:
        """Cells done, in the order of completion."""
        with self._lock:
            return tuple(self._results)

    def begin(self, cells: Sequence[CellSpec]) -> None:
        """These cells are run next."""
        with self._lock:
            self._batch = {_key(cell): cell for cell in cells}
            self._left = len(cells)

    def skip(self, cells: Sequence[CellSpec]) -> None:
        """These cells are not wanted any more."""
        with self._lock:
            for cell in cells:
                self._expected.pop(_key(cell), None)

    def __call__(self, result: CellResult, done: int, total: int) -> None:
        """A cell is done; so many of its batch are."""
        with self._lock:
            self._results.append(result)
            self._expected.pop(_key(result.cell), None)
            self._batch.pop(_key(result.cell), None)
            self._left = total - done

    def snapshot(self) -> Snapshot:
        """How far the study is now."""
        with self._lock:
            results, left = list(self._results), self._left
            batch = list(self._batch.values())
            ahead = list({**self._batch, **self._expected}.values())
        elapsed_s = self._clock() - self._begun
        # Of a study that does not say which cells it begins, only their number is known.
        num_ahead = max(len(ahead), left)
        counted = num_ahead == len(ahead) and bool(results or ahead)
        names = dict.fromkeys(
            [result.cell.scheduler for result in results] + [cell.scheduler for cell in ahead]
        )
        running = batch if self._jobs is None else batch[: self._jobs]
        return Snapshot(
            done=len(results),
            total=len(results) + num_ahead if results or num_ahead else None,
            reused=sum(result.reused for result in results),
            elapsed_s=elapsed_s,
            eta_s=_eta_s(results, ahead, elapsed_s) if counted else None,
            schedulers=tuple(self._of(name, results, ahead) for name in names),
            now=tuple(running),
            searches=self._searches,
        )

    def _of(
        self, name: str, results: Sequence[CellResult], ahead: Sequence[CellSpec]
    ) -> SchedulerProgress:
        own = [result for result in results if result.cell.scheduler == name]
        total = len(own) + sum(cell.scheduler == name for cell in ahead)
        low, high = self._bracket(name, own)
        return SchedulerProgress(name, len(own), total, low, high)

    def _bracket(self, name: str, own: Sequence[CellResult]) -> _Bracket:
        """What a scheduler carries so far, computed once for each of its cells."""
        if self._targets is None:
            return None, None
        count, last = self._brackets.get(name, (0, (None, None)))
        if count < len(own):
            last = bracket_so_far(self._targets, own)
            self._brackets[name] = len(own), last
        return last


_Key = tuple[str, float, int, bool]
_Bracket = tuple[float | None, float | None]


def _key(cell: CellSpec) -> _Key:
    return (*cell.key, cell.overload is not None)


def bracket_so_far(targets: Targets, cells: Sequence[CellResult]) -> _Bracket:
    """Between which rates one scheduler's capacity lies, by the verdicts of cells that are done.

    Verdicts and the rule for the bracket are those of a capacity search.

    Returns:
        (largest rate that meets every target below the first that misses one, that one); None:
        there is none yet.
    """
    judged = [cell for cell in cells if isinstance(cell.summary, RunSummary)]
    return bracket(
        [
            trial_of(targets, rate, summaries)
            for rate, summaries in summaries_by_rate(longest(judged)).items()
        ]
    )


def _eta_s(
    results: Sequence[CellResult], ahead: Sequence[CellSpec], elapsed_s: float
) -> float | None:
    """Seconds that cells still take, from those that ran; None: not known.

    A cell costs what the nearest rate's cells did, a request, of its own scheduler's if there are
    any. As many run at a time as have until now.
    """
    if not ahead:
        return 0.0
    ran = [result for result in results if not result.reused and result.took_s is not None]
    busy_s = sum(result.took_s or 0.0 for result in ran)
    if not ran or busy_s <= 0 or elapsed_s <= 0:
        return None
    costs = [_cost_s(cell, ran) for cell in ahead]
    if any(cost is None for cost in costs):
        return None
    return sum(cost or 0.0 for cost in costs) * elapsed_s / busy_s


def _cost_s(cell: CellSpec, ran: Sequence[CellResult]) -> float | None:
    """Seconds that a cell takes, if a cell of a rate near enough has run."""
    alike = [result for result in ran if (result.cell.overload is None) == (cell.overload is None)]
    own = [result for result in alike if result.cell.scheduler == cell.scheduler]
    for group in (own, alike):
        distances = [abs(math.log(result.cell.level / cell.level)) for result in group]
        nearest = min(distances, default=math.inf)
        if nearest <= math.log(FURTHEST):
            near = [r for r, distance in zip(group, distances, strict=True) if distance == nearest]
            requests = sum(result.cell.num_requests for result in near)
            return sum(r.took_s or 0.0 for r in near) * cell.num_requests / requests
    return None
