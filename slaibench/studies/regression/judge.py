"""Two sides of replicates compared with each other: a row a metric, rate and scheduler."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from slaibench.measure.metric import Metric
from slaibench.measure.percentiles import needed_samples
from slaibench.measure.regression import (
    MIN_FLIP,
    Change,
    ChangeVerdict,
    Judgement,
    flip,
    judge,
    paired_change,
    unpaired_change,
)
from slaibench.studies.regression.metrics import Value, find
from slaibench.studies.regression.replicate import Replicate
from slaibench.studies.regression.result import SATURATED, Row, ratio

Rule = Callable[[Sequence[tuple[Change, int]], float], list[Judgement]]
"""Verdicts on changes, each with its harm, and a margin (``measure.regression.judge``)."""
Group = Mapping[int, Sequence[Replicate]]
"""Runs of a scheduler at a rate by seed; several where each was repeated."""


@dataclass(frozen=True, slots=True)
class Sides:
    """Both sides of one scheduler at one rate.

    Args:
        paired: compared seed by seed.
    """

    scheduler: str
    rate_rps: float
    before: Group
    after: Group
    paired: bool

    @property
    def old(self) -> list[Replicate]:
        return _flat(self.before)

    @property
    def new(self) -> list[Replicate]:
        return _flat(self.after)

    @property
    def identical(self) -> bool:
        """Whether every token of every run came at the same time."""
        return self.paired and all(
            {replicate.content for replicate in self.before[seed]}
            == {replicate.content for replicate in self.after[seed]}
            for seed in self.after
        )


@dataclass(frozen=True, slots=True)
class _Open:
    """A row whose verdict its change decides, together with all others."""

    row: Row
    change: Change

    def closed(self, judgement: Judgement) -> Row:
        """The row with its verdict."""
        return replace(
            self.row,
            verdict=judgement.verdict,
            change=ratio(self.change.log_ratio),
            low=ratio(judgement.low),
            high=ratio(judgement.high),
            p_worse=judgement.p_worse,
            mde=ratio(judgement.mde),
            needed=judgement.needed,
            sd=self.change.sd,
        )


def sides_of(
    before: Sequence[Replicate], after: Sequence[Replicate], *, may_pair: bool = True
) -> list[Sides]:
    """Both sides of every scheduler and rate that both have, in the order of ``after``.

    They are paired where all seeds of a side are among the other's, with the same requests; seeds
    that only one has are then left out.

    Args:
        may_pair: False: they are independent, whatever their seeds.
    """
    sides = []
    points = dict.fromkeys((replicate.scheduler, replicate.rate_rps) for replicate in after)
    for scheduler, rate in points:
        old, new = (_by_seed(side, scheduler, rate) for side in (before, after))
        common = [seed for seed in new if seed in old and _load(old[seed]) == _load(new[seed])]
        if may_pair and common and len(common) == min(len(old), len(new)):
            old, new = ({seed: side[seed] for seed in common} for side in (old, new))
            sides.append(Sides(scheduler, rate, old, new, paired=True))
        elif old:
            sides.append(Sides(scheduler, rate, old, new, paired=False))
    return sides


def rows_of(sides: Sequence[Sides], margin: float, rule: Rule = judge) -> list[Row]:
    """The verdicts, with those that need a test decided together.

    Args:
        rule: that decides them.

    Raises:
        ValueError: the margin is not positive.
    """
    open_rows: list[Row | _Open] = []
    for at_rate in sides:
        open_rows += [_row(at_rate, name) for name in at_rate.new[0].values]
        open_rows.append(_steadiness(at_rate))
    tested = [item for item in open_rows if isinstance(item, _Open)]
    judged = iter(rule([(item.change, find(item.row.metric).harm) for item in tested], margin))
    return [item if isinstance(item, Row) else item.closed(next(judged)) for item in open_rows]


def _row(sides: Sides, name: str) -> Row | _Open:
    old, new = sides.old, sides.new
    row = Row(
        scheduler=sides.scheduler,
        rate_rps=sides.rate_rps,
        metric=name,
        verdict=ChangeVerdict.UNKNOWN,
        before=_mean(old, name),
        after=_mean(new, name),
        replicates=(len(sides.before), len(sides.after)),
        paired=sides.paired,
        noise=_repeat_spread(sides.before, name),
    )
    if sides.identical:
        return replace(row, verdict=ChangeVerdict.IDENTICAL, change=0.0)
    untested = _without_a_test(old, new, name)
    if untested is not None:
        verdict, reason = untested
        return replace(row, verdict=verdict, reason=reason)
    before, after = (_by_seed_means(side, name) for side in (sides.before, sides.after))
    if sides.paired and before == after:
        row = replace(row, change=0.0, reason="equal in every replicate")
        if len(before) < 2:
            return replace(row, verdict=ChangeVerdict.SAME)
    if min(len(before), len(after)) < 2:
        return replace(row, reason="one replicate: give --seeds 3 or more")
    if not sides.paired:
        return _Open(row, unpaired_change(list(before.values()), list(after.values())))
    # A pair's spread is at least that of two means over repeated runs.
    repeats = len(next(iter(sides.before.values())))
    least = 0.0 if row.noise is None else row.noise * math.sqrt(2 / repeats)
    seeds = sorted(after)
    change = paired_change(
        [before[seed] for seed in seeds], [after[seed] for seed in seeds], least_sd=least
    )
    return _Open(row, change)


def _without_a_test(
    old: Sequence[Replicate], new: Sequence[Replicate], name: str
) -> tuple[ChangeVerdict, str] | None:
    """The verdict where the numbers themselves cannot be compared, and why; None: they can."""
    metric = find(name)
    runs = (*old, *new)
    invalid = [run.invalid for run in runs if run.invalid is not None]
    if invalid:
        return ChangeVerdict.UNKNOWN, f"{len(invalid)} runs are no measurement: {invalid[0]}"
    if metric.latency is not None and any(run.stopped_early for run in runs):
        became = _flipped(*([run.saturated for run in side] for side in (old, new)))
        return became, f"saturated in {_of(old)} runs before, {_of(new)} now"
    return _without_numbers(
        metric, *([run.values.get(name) for run in side] for side in (old, new))
    )


def _without_numbers(
    metric: Metric, old: Sequence[Value | None], new: Sequence[Value | None]
) -> tuple[ChangeVerdict, str] | None:
    """``_without_a_test`` as far as the values go; None stands for a run that has none."""
    values = [value for value in (*old, *new) if value is not None and value.value is not None]
    if len(values) < len(old) + len(new):
        return ChangeVerdict.UNKNOWN, "some run has no value"
    lost = [[_is_unserved(value) for value in side] for side in (old, new)]
    if any(map(any, lost)):
        reason = "the percentile lies among requests that were still waiting at the end"
        return _flipped(*lost), reason
    samples = min(sum(value.n for value in side if value is not None) for side in (old, new))
    if metric.level is not None and samples < needed_samples(metric.level):
        needs = needed_samples(metric.level)
        return (
            ChangeVerdict.UNKNOWN,
            f"n too small: worth {samples:,} independent values of the {needs:,} it takes",
        )
    if any(not value.value for value in values):
        return ChangeVerdict.UNKNOWN, "some value is 0, which has no ratio"
    return None


def _flipped(before: Sequence[bool], after: Sequence[bool]) -> ChangeVerdict:
    """``flip`` where numbers are missing: that both sides miss them is no verdict."""
    became = flip(before, after)
    return (
        became if became in (ChangeVerdict.WORSE, ChangeVerdict.BETTER) else ChangeVerdict.UNKNOWN
    )


def _is_unserved(value: Value | None) -> bool:
    return value is not None and value.value is not None and math.isinf(value.value)


def _steadiness(sides: Sides) -> Row:
    """Whether the runs at this rate have a steady state, before and now."""
    old, new = ([run.saturated for run in side] for side in (sides.old, sides.new))
    verdict = ChangeVerdict.IDENTICAL if sides.identical else flip(old, new)
    reason = ""
    if verdict is ChangeVerdict.UNKNOWN:
        reason = f"{sum(old)} of {len(old)} runs saturated before, {sum(new)} of {len(new)} now"
        if min(len(old), len(new)) < MIN_FLIP:
            reason += f"; give --seeds {MIN_FLIP} or more"
    return Row(
        scheduler=sides.scheduler,
        rate_rps=sides.rate_rps,
        metric=SATURATED,
        verdict=verdict,
        before=float(np.mean(old)),
        after=float(np.mean(new)),
        replicates=(len(sides.before), len(sides.after)),
        paired=sides.paired,
        reason=reason,
    )


def _by_seed(side: Sequence[Replicate], scheduler: str, rate: float) -> Group:
    group: dict[int, list[Replicate]] = {}
    for run in side:
        if (run.scheduler, run.rate_rps) == (scheduler, rate):
            group.setdefault(run.seed, []).append(run)
    return group


def _load(runs: Sequence[Replicate]) -> set[str]:
    return {run.load for run in runs}


def _flat(group: Group) -> list[Replicate]:
    return [run for runs in group.values() for run in runs]


def _of(side: Sequence[Replicate]) -> str:
    return f"{sum(run.saturated for run in side)} of {len(side)}"


def _by_seed_means(group: Group, name: str) -> dict[int, float]:
    """Geometric mean over each seed's repetitions; all of them have a value."""
    means = {seed: _mean(runs, name) for seed, runs in group.items()}
    return {seed: value for seed, value in means.items() if value is not None}


def _mean(side: Sequence[Replicate], name: str) -> float | None:
    """Geometric mean over replicates; None without a value, ``inf`` where one is."""
    all_values = (run.values[name].value for run in side if name in run.values)
    values = [value for value in all_values if value is not None]
    if not values or min(values) <= 0:
        return float(np.mean(values)) if values else None
    if len(values) == 1:
        return values[0]
    return math.exp(float(np.mean(np.log(values))))


def _repeat_spread(group: Group, name: str) -> float | None:
    """Standard deviation of a run's logarithm about its seed's mean; None: nothing is repeated, or
    some run has no positive value."""
    squares, degrees = 0.0, 0
    for runs in group.values():
        values = [run.values[name].value if name in run.values else None for run in runs]
        if not all(value is not None and 0 < value < math.inf for value in values):
            return None
        logs = np.log(np.array(values, dtype=np.float64))
        squares += float(((logs - logs.mean()) ** 2).sum())
        degrees += len(runs) - 1
    return math.sqrt(squares / degrees) if degrees else None
