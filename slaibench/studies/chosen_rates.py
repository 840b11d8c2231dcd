"""The rates of a study that names none (``--rates auto``): a short look, then a grid about it.

The rule stands in docs/metrics.md ("Rates that are chosen").
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from slaibench.measure.capacity import SloLevel
from slaibench.measure.search import Trial, next_rates
from slaibench.measure.slo import Slo
from slaibench.rates import round_rate, significant_rate
from slaibench.recording.record import FloatArray
from slaibench.spec import StudySpec
from slaibench.studies.bound.limits import BoundMaker
from slaibench.studies.capacity_result import summaries_by_rate
from slaibench.studies.executors import CellResult, Executor
from slaibench.studies.lifecycle import OnCell, collect
from slaibench.studies.overload import overload_cells
from slaibench.studies.prepared import PreparedStudy
from slaibench.studies.run_summary import RunSummary
from slaibench.studies.searches import Search, side_by_side
from slaibench.studies.targets import NOT_MEASURED, Targets

BELOW = (0.25, 0.5, 0.75)
"""Of the smallest capacity: light load."""
ABOUT_ONE = (0.88, 0.94, 1.0, 1.06, 1.12)
ABOUT_TWO = (0.92, 0.97, 1.03, 1.1)
ABOUT_MANY = (0.92, 1.0, 1.08)
"""Of a capacity: the only one, one of two, one of more; the last as well where a rate costs real
time."""
PAST = 1.25
"""Of the largest capacity: one rate that shows what overload does."""
LIGHT = (0.02, 0.05, 0.1, 0.2)
"""Of where the look began, when no scheduler carries anything."""
START = 0.75
"""Of the bound: where the look begins. A scheduler that is any good carries about this."""
UNBOUNDED_START_RPS = 1.0
UNBOUNDED_MOST_RPS = 1024.0
LEAST = 1 / 64
"""Of the start: a scheduler that fails there carries nothing worth a table."""
RESOLUTION, REAL_TIME_RESOLUTION = 0.06, 0.25
"""Where dividing ends; a cell in real time takes minutes."""
MOST_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Carried:
    """What one run a rate says of a scheduler.

    Args:
        rate_rps: about the largest rate at which it keeps its targets; None: it does at none.
        at_least: whether no higher rate was tried that it fails at, so that it may carry more.
    """

    rate_rps: float | None
    at_least: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """What schedulers carry, by one run a rate.

    Args:
        carried: by scheduler.
        start_rps: where it began.
        origin: what that rests on, in words.
    """

    carried: Mapping[str, Carried]
    start_rps: float
    origin: str

    @property
    def in_words(self) -> str:
        """Why rates about it are chosen."""
        parts = [
            f"{name} fails its targets at every rate tried"
            if carried.rate_rps is None
            else f"{name} carries {'at least' if carried.at_least else 'about'} "
            f"{significant_rate(carried.rate_rps, 2):g} requests/s"
            for name, carried in self.carried.items()
        ]
        return f"auto: {self.origin}; in one run a rate, {', '.join(parts)}"


def check_can_choose(spec: StudySpec) -> None:
    """Refuse to choose rates where somebody has to name them.

    Raises:
        ValueError: for a server that is not ours to overload.
    """
    if not spec.rates and spec.backend == "endpoint" and spec.url:
        raise ValueError(
            "--rates auto would load a server until it fails; name rates, as --rates 1, or let "
            "slaibench capacity --url look for its limit"
        )


def check_takes_rate(prepared: PreparedStudy) -> None:
    """Refuse to choose rates for arrivals that take none.

    Raises:
        ValueError: with what to give.
    """
    if not prepared.spec.rates and not prepared.process.takes_rate:
        raise ValueError(
            f"{prepared.process} arrivals do not depend on a rate, so --rates auto has nothing to "
            "choose: give one, as --rates 1, which is then only a label"
        )


def with_rates(executor: Executor, prepared: PreparedStudy, on_cell: OnCell) -> PreparedStudy:
    """The same study with rates: its own, or where it names none, chosen ones.

    Cells that choose are those of the study itself at their rates, with its first seed, so that
    what they recorded is used again where the grid has that rate.

    Raises:
        RecordingError, BackendError, SchedulerError: a cell cannot be had.
    """
    spec = prepared.spec
    if spec.rates:
        return prepared
    seen = look(executor, prepared, spec.schedulers, on_cell)
    about = {name: carried.rate_rps for name, carried in seen.carried.items()}
    rates = grid(about, seen.start_rps, in_real_time=prepared.system.one_at_a_time)
    return at_rates(prepared, rates, seen.in_words)


def at_rates(prepared: PreparedStudy, rates: Sequence[float], why: str | None) -> PreparedStudy:
    """The same study at other rates.

    Args:
        why: they are these, in words; None: somebody named them.
    """
    values = {"rates": tuple(rates), "rates_chosen": why}
    spec = {**prepared.spec.model_dump(), **values}
    return replace(prepared, spec=StudySpec.model_validate(spec))


def look(
    executor: Executor, prepared: PreparedStudy, schedulers: Sequence[str], on_cell: OnCell
) -> Look:
    """What some of a study's schedulers carry, by one run a rate.

    Raises:
        RecordingError, BackendError, SchedulerError: a cell cannot be had.
    """
    start_rps, most_rps, origin = _range(prepared)
    overloaded = collect(executor, overload_cells(prepared, schedulers), on_cell)
    searches = [
        _search(
            prepared,
            name,
            [cell for cell in overloaded if cell.cell.scheduler == name],
            (start_rps, most_rps),
        )
        for name in schedulers
    ]
    carried = side_by_side(executor, searches, on_cell)
    return Look(dict(zip(schedulers, carried, strict=True)), start_rps, origin)


def grid(
    carried: Mapping[str, float | None], start_rps: float, *, in_real_time: bool = False
) -> tuple[float, ...]:
    """Rates for a table, ascending, requests a second; round numbers.

    Args:
        carried: by scheduler, about the largest rate that keeps its targets; None: none does.
        start_rps: where the look began, which is what there is to go by when nobody carries any.
        in_real_time: whether a rate costs minutes.
    """
    capacities = sorted({rate for rate in carried.values() if rate is not None})
    if not capacities:
        return tuple(sorted({round_rate(share * start_rps, start_rps / 200) for share in LIGHT}))
    about: tuple[float, ...] = ABOUT_MANY
    if not in_real_time and len(capacities) <= 2:
        about = ABOUT_ONE if len(capacities) == 1 else ABOUT_TWO
    below = BELOW[1:] if in_real_time else BELOW
    # What matters most comes first; a rate next to one that is there says nothing new.
    wanted = [capacity * share for capacity in capacities for share in about]
    wanted += [capacities[0] * share for share in below]
    wanted += [capacities[-1] * PAST]
    apart = min(b - a for a, b in pairwise(about)) / 2
    rates: list[float] = []
    for rate in wanted:
        near = min(capacities, key=lambda capacity: abs(math.log(capacity / rate)))
        rounded = round_rate(rate, near / 50)
        if all(abs(rounded - other) > apart * near for other in rates):
            rates.append(rounded)
    return tuple(sorted(rates))


def _range(prepared: PreparedStudy) -> tuple[float, float, str]:
    """Where the look begins, where it ends at the latest, and what that rests on."""
    try:
        maker = BoundMaker(prepared)
    except ValueError:  # no profile: nothing is known of this system before it has run
        origin = "no bound is known here, so the look began at 1 request/s"
        return UNBOUNDED_START_RPS, UNBOUNDED_MOST_RPS, origin
    bound_rps = maker.bound(maker.work(prepared.source)).rate_rps
    origin = f"no scheduler exceeds {significant_rate(bound_rps, 3):g} requests/s here"
    return round_rate(START * bound_rps, bound_rps / 50), bound_rps, origin


def _search(
    prepared: PreparedStudy,
    scheduler: str,
    overloaded: Sequence[CellResult],
    between_rps: tuple[float, float],
) -> Search[Carried]:
    """Rates between where the look begins and ends, until the boundary is close enough."""
    start_rps, most_rps = between_rps
    in_real_time = prepared.system.one_at_a_time
    cells = list(overloaded)
    trials: list[Trial] = []
    for _ in range(MOST_ROUNDS):
        trials = [
            Trial(rate, keeps(prepared.targets, summaries), 1)
            for rate, summaries in summaries_by_rate(cells).items()
        ]
        proposals = next_rates(
            trials,
            start_rps=start_rps,
            resolution=REAL_TIME_RESOLUTION if in_real_time else RESOLUTION,
            replicates=1,
            min_rps=LEAST * start_rps,
            max_rps=most_rps,
        )
        measured = {trial.rate_rps for trial in trials}
        wanted = [rate for p in proposals if (rate := _tidy(p.rate_rps)) not in measured]
        if not wanted:
            break
        cells += yield [prepared.cell(scheduler, r, prepared.spec.first_seed) for r in wanted]
    failing = min((trial.rate_rps for trial in trials if not trial.passes), default=math.inf)
    passing = [trial.rate_rps for trial in trials if trial.passes and trial.rate_rps < failing]
    if not passing:
        return Carried(None)
    low = max(passing)
    open_above = math.isinf(failing)
    return Carried(low if open_above else math.sqrt(low * failing), at_least=open_above)


def keeps(targets: Targets, summaries: Sequence[RunSummary]) -> bool:
    """Whether nothing speaks against a rate: a target that runs as short as these cannot measure
    is left to the study itself. Requests that have waited for longer than a target allows when a
    run ends do speak, though they have no TTFT yet: overload leaves most of a short run so.
    """
    if any(summary.invalid is not None for summary in summaries):
        return False
    if any(_waits_too_long(slo, summaries) for slo in targets.slos):
        return False
    return all(_holds(level) for level in targets.levels(summaries).values())


def _waits_too_long(slo: Slo, summaries: Sequence[RunSummary]) -> bool:
    """Whether a percentile of the TTFT is beyond its bound even if all who wait are served now."""
    if slo.metric != "ttft" or slo.q is None or slo.group(slo.tier) is not None:
        return False
    assert slo.bound != "tier"  # that of TBT only
    waits = np.concatenate([_least_ttft_s(summary) for summary in summaries])
    return bool(len(waits)) and float(np.quantile(waits, slo.q)) > slo.bound


def _least_ttft_s(summary: RunSummary) -> FloatArray:
    """Of the measured requests that did not fail: their TTFT, or how long they wait already."""
    start_s, end_s = summary.metrics.window_s
    measured = (summary.due_s >= start_s) & (summary.due_s <= end_s) & ~np.isnan(summary.ttft_s)
    ttft_s, due_s = summary.ttft_s[measured], summary.due_s[measured]
    return np.where(np.isinf(ttft_s), summary.metrics.stop_s - due_s, ttft_s)


def _holds(level: SloLevel) -> bool:
    return level.value <= 0 or level == NOT_MEASURED


def _tidy(rate_rps: float) -> float:
    return round_rate(rate_rps, rate_rps / 50)
