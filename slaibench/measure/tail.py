"""How far the tail of a latency is from its median, and whether it grows while a run goes on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from slaibench.measure.percentiles import needed_samples
from slaibench.measure.quantile_interval import quantile
from slaibench.recording.record import FloatArray

TAIL = 0.99


@dataclass(frozen=True, slots=True)
class Tail:
    """A tail over replicates.

    Args:
        ratio: P99 over P50.
        growth: P99 of the second halves of the runs over that of their first halves; 1 where one
            of them is not finite.
    """

    ratio: float
    growth: float


def tail_of(runs: Sequence[FloatArray]) -> Tail | None:
    """The tail of runs' values, a value a request by due time; None: too few, or no median.

    A median of infinity has no tail to speak of; a P99 of infinity is infinitely far from it.
    """
    if sum(len(run) for run in runs) < needed_samples(TAIL):
        return None
    middle, tail = quantile(runs, 0.5), quantile(runs, TAIL)
    if middle is None or tail is None or not 0 < middle < math.inf:
        return None
    halves = [
        quantile([run[: len(run) // 2] for run in runs], TAIL),
        quantile([run[len(run) // 2 :] for run in runs], TAIL),
    ]
    first, second = (math.nan if half is None else half for half in halves)
    growth = second / first if math.isfinite(first) and math.isfinite(second) and first else 1.0
    return Tail(tail / middle, growth)
