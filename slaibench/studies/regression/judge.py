"""Two sides of replicates held against each other: a row a metric, rate and scheduler."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from slaibench.measure.catalogue import Metric
from slaibench.measure.percentiles import needed_samples
from slaibench.measure.regression import (
    MIN_FLIP,
    Change,
    Verdict,
    flip,
    judge,
    paired_change,
    unpaired_change,
)
from slaibench.studies.regression.metrics import Value, find
from slaibench.studies.regression.replicate import Replicate
from slaibench.studies.regression.result import SATURATED, Row, ratio

Group = Mapping[int, Sequence[Replicate]]
"""Runs of a scheduler at a rate by seed; several where each was repeated."""


@dataclass(frozen=True, slots=True)
class Sides:
    """Both sides of one scheduler at one rate.

    Args:
        paired: held against each other seed by seed.
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
            {each.content for each in self.before[seed]}
            == {each.content for each in self.after[seed]}
            for seed in self.after
        )


@dataclass(frozen=True, slots=True)
class _Open:
    """A row whose verdict its change decides, together with all others."""

    row: Row
    change: Change


def sides_of(
    before: Sequence[Replicate], after: Sequence[Replicate], *, may_pair: bool = True
) -> list[Sides]:
    """Both sides of every scheduler and rate that both have, in the order of ``after``.

    They are paired where all seeds of a side are among the other's, with the same requests; seeds
    that only one has are then left out.

    Args:
        may_pair: False: they are independent, whatever their seeds.
    """
    found = []
    for scheduler, rate in dict.fromkeys((each.scheduler, each.rate_rps) for each in after):
        old, new = (_by_seed(side, scheduler, rate) for side in (before, after))
        common = [seed for seed in new if seed in old and _load(old[seed]) == _load(new[seed])]
        if may_pair and common and len(common) == min(len(old), len(new)):
            old, new = ({seed: side[seed] for seed in common} for side in (old, new))
            found.append(Sides(scheduler, rate, old, new, paired=True))
        elif old:
            found.append(Sides(scheduler, rate, old, new, paired=False))
    return found


def rows_of(sides: Sequence[Sides], margin: float) -> list[Row]:
    """The verdicts, with those that need a test decided together.

    Raises:
        ValueError: the margin is not positive.
    """
    open_rows: list[Row | _Open] = []
    for each in sides:
        names = each.new[0].values
        open_rows += [_row(each, name) for name in names]
        open_rows.append(_steadiness(each))
    tested = [each for each in open_rows if isinstance(each, _Open)]
    judged = iter(judge([(each.change, find(each.row.metric).harm) for each in tested], margin))
    rows = []
    for each_row in open_rows:
        if isinstance(each_row, Row):
            rows.append(each_row)
            continue
        found = next(judged)
        rows.append(
            replace(
                each_row.row,
                verdict=found.verdict,
                change=ratio(each_row.change.log_ratio),
                low=ratio(found.low),
                high=ratio(found.high),
                p_worse=found.p_worse,
                mde=ratio(found.mde),
                needed=found.needed,
            )
        )
    return rows


def _row(sides: Sides, name: str) -> Row | _Open:
    old, new = sides.old, sides.new
    row = Row(
        scheduler=sides.scheduler,
        rate_rps=sides.rate_rps,
        metric=name,
        verdict=Verdict.UNKNOWN,
        before=_mean(old, name),
        after=_mean(new, name),
        replicates=(len(sides.before), len(sides.after)),
        paired=sides.paired,
        noise=_repeat_spread(sides.before, name),
    )
    if sides.identical:
        return replace(row, verdict=Verdict.IDENTICAL, change=0.0)
    told = _without_a_test(old, new, name)
    if told is not None:
        verdict, reason = told
        return replace(row, verdict=verdict, reason=reason)
    before, after = (_by_seed_means(side, name) for side in (sides.before, sides.after))
    if sides.paired and before == after:
        row = replace(row, change=0.0, reason="equal in every replicate")
        if len(before) < 2:
            return replace(row, verdict=Verdict.SAME)
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
) -> tuple[Verdict, str] | None:
    """The verdict where the numbers themselves cannot be compared, and why; None: they can."""
    metric = find(name)
    invalid = [each.invalid for each in (*old, *new) if each.invalid is not None]
    if invalid:
        return Verdict.UNKNOWN, f"{len(invalid)} runs are no measurement: {invalid[0]}"
    if metric.latency is not None and any(each.stopped_early for each in (*old, *new)):
        became = _flipped(*([each.saturated for each in side] for side in (old, new)))
        return became, f"saturated in {_of(old)} runs before, {_of(new)} now"
    return _without_numbers(metric, *([e.values.get(name) for e in side] for side in (old, new)))


def _without_numbers(
    metric: Metric, old: Sequence[Value | None], new: Sequence[Value | None]
) -> tuple[Verdict, str] | None:
    """``_without_a_test`` as far as the values go; None stands for a run that has none."""
    known = [value for value in (*old, *new) if value is not None and value.value is not None]
    if len(known) < len(old) + len(new):
        return Verdict.UNKNOWN, "some run has no value"
    lost = [[_is_unserved(each) for each in side] for side in (old, new)]
    if any(map(any, lost)):
        said = "the percentile lies among requests that were still waiting at the end"
        return _flipped(*lost), said
    samples = min(sum(each.n for each in side if each is not None) for side in (old, new))
    if metric.level is not None and samples < needed_samples(metric.level):
        needs = needed_samples(metric.level)
        return (
            Verdict.UNKNOWN,
            f"n too small: worth {samples:,} independent values of the {needs:,} it takes",
        )
    if any(not each.value for each in known):
        return Verdict.UNKNOWN, "some value is 0, which has no ratio"
    return None


def _flipped(before: Sequence[bool], after: Sequence[bool]) -> Verdict:
    """``flip`` where numbers are missing: that both sides miss them is no answer."""
    became = flip(before, after)
    return became if became in (Verdict.WORSE, Verdict.BETTER) else Verdict.UNKNOWN


def _is_unserved(value: Value | None) -> bool:
    return value is not None and value.value is not None and math.isinf(value.value)


def _steadiness(sides: Sides) -> Row:
    """Whether the runs at this rate have a steady state, before and now."""
    old, new = ([each.saturated for each in side] for side in (sides.old, sides.new))
    verdict = Verdict.IDENTICAL if sides.identical else flip(old, new)
    reason = ""
    if verdict is Verdict.UNKNOWN:
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
    found: dict[int, list[Replicate]] = {}
    for each in side:
        if (each.scheduler, each.rate_rps) == (scheduler, rate):
            found.setdefault(each.seed, []).append(each)
    return found


def _load(runs: Sequence[Replicate]) -> set[str]:
    return {each.load for each in runs}


def _flat(group: Group) -> list[Replicate]:
    return [each for runs in group.values() for each in runs]


def _of(side: Sequence[Replicate]) -> str:
    return f"{sum(each.saturated for each in side)} of {len(side)}"


def _by_seed_means(group: Group, name: str) -> dict[int, float]:
    """Geometric mean over each seed's repetitions; all of them have a value."""
    means = {seed: _mean(runs, name) for seed, runs in group.items()}
    return {seed: value for seed, value in means.items() if value is not None}


def _mean(side: Sequence[Replicate], name: str) -> float | None:
    """Geometric mean over replicates; None without a value, ``inf`` where one is."""
    found = [each.values[name].value for each in side if name in each.values]
    known = [value for value in found if value is not None]
    if not known or min(known) <= 0:
        return float(np.mean(known)) if known else None
    if len(known) == 1:
        return known[0]
    return math.exp(float(np.mean(np.log(known))))


def _repeat_spread(group: Group, name: str) -> float | None:
    """Standard deviation of a run's logarithm about its seed's mean; None: nothing is repeated, or
    some run has no positive value."""
    squares, degrees = 0.0, 0
    for runs in group.values():
        known = [each.values[name].value if name in each.values else None for each in runs]
        if not all(value is not None and 0 < value < math.inf for value in known):
            return None
        logs = np.log(np.array(known, dtype=np.float64))
        squares += float(((logs - logs.mean()) ** 2).sum())
        degrees += len(runs) - 1
    return math.sqrt(squares / degrees) if degrees else None
