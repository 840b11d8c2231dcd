"""Coverage on M/M/1 queues, whose percentiles, capacities and stability are known.

    python -m benchmarks.coverage.queues [REPLICATIONS]

A request's TTFT is its time in the system; service takes 1 s in the mean. Lengths, intervals,
verdicts and capacities are those of a study with three seeds: ``measure.run_length``,
``quantile_interval``, ``paired_ratio``, ``steadiness``, ``capacity``.
"""

from __future__ import annotations

import math
import sys
from collections import Counter

import numpy as np

from benchmarks.coverage.tally import HEADER, Tally
from slaibench.measure.capacity import Cells, SloCurve, SloLevel, capacity
from slaibench.measure.paired import paired_ratio
from slaibench.measure.quantile_interval import quantile_interval, quantile_size
from slaibench.measure.run_length import MOST_TIMES, Worth, next_length
from slaibench.measure.steady import Steadiness, steadiness
from slaibench.measure.warmup import warmup
from slaibench.recording.record import FloatArray
from slaibench.spec import MIN_REQUESTS
from slaibench.studies.replicates import majority
from slaibench.studies.targets import FAILS, HOLDS, NOT_KNOWN

SEEDS = 3
FASTER = 0.95
"""Service time of the other scheduler of a pair."""
LOADS = (0.5, 0.8, 0.9)
RATES = tuple(round(0.5 * 1.06**k, 4) for k in range(12))
MEDIAN_BOUND_S = math.log(2) / (1 - 0.72)
"""Met by the median up to a load of 0.72."""
CLIFF_RATES = (0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1.02, 1.06, 1.12, 1.2, 1.3)


def queue(service_s: FloatArray, gaps_s: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(due, start of service, departure) of each customer, first come, first served."""
    due = np.cumsum(gaps_s)
    slack = np.cumsum(service_s) - due
    before = np.concatenate([[0.0], np.cumsum(service_s)[:-1]]) - due
    waited = before - np.minimum.accumulate(before)
    assert len(slack) == len(waited)
    return due, due + waited, due + waited + service_s


def measured(run: tuple[FloatArray, FloatArray, FloatArray], count: int) -> FloatArray:
    """Times in the system of the first ``count`` customers, the warm-up left out."""
    due, _, left = (times[:count] for times in run)
    return (left - due)[warmup(due, left, float(left[-1])).num_dropped :]


def length(runs: list[tuple[FloatArray, FloatArray, FloatArray]]) -> int:
    """Customers of a run, by the rule of a sweep."""
    now = MIN_REQUESTS
    while True:
        samples = [measured(run, now) for run in runs]
        worth = [Worth(q, quantile_size(samples, q)) for q in (0.5, 0.99)]
        longer = next_length(MIN_REQUESTS, now, worth)
        if longer is None:
            return now
        now = longer


def percentiles(replications: int, rng: np.random.Generator) -> None:
    """P50 and P99, and the paired change of the median."""
    most = MIN_REQUESTS * MOST_TIMES
    for load in LOADS:
        tallies = {
            "P50 TTFT": Tally(math.log(2) / (1 - load)),
            "P99 TTFT": Tally(math.log(100) / (1 - load)),
            "change of P50": Tally(FASTER * (1 - load) / (1 - FASTER * load)),
        }
        lengths = []
        for _ in range(replications):
            gaps = rng.exponential(1 / load, (SEEDS, most))
            service = rng.exponential(1.0, (SEEDS, most))
            runs = [queue(s, g) for s, g in zip(service, gaps, strict=True)]
            count = length(runs)
            lengths.append(count)
            samples = [measured(run, count) for run in runs]
            for q, name in ((0.5, "P50 TTFT"), (0.99, "P99 TTFT")):
                interval = quantile_interval(samples, q)
                tallies[name].add(interval.low, interval.high)
            others = [queue(FASTER * s, g) for s, g in zip(service, gaps, strict=True)]
            pairs = [
                (run[2] - run[0])[count - len(sample) : count]
                for run, sample in zip(others, samples, strict=True)
            ]
            change = paired_ratio(samples, pairs)
            tallies["change of P50"].add(change.low, change.high)
        print(
            f"load {load}: {np.mean(lengths):,.0f} requests a run, median {np.median(lengths):,.0f}"
        )
        for name, tally in tallies.items():
            print(tally.row(f"  {name}"), flush=True)


def capacities(replications: int, rng: np.random.Generator) -> None:
    """A smooth boundary (the median's bound) and a cliff (stability)."""
    smooth, cliff = Tally(0.72), Tally(1.0)
    for _ in range(replications):
        levels = []
        for rate in RATES:
            runs = _runs(rate, MIN_REQUESTS * MOST_TIMES, rng)
            interval = quantile_interval([measured(run, length(runs)) for run in runs], 0.5)
            low, high = interval.low, interval.high
            levels.append(
                SloLevel(
                    math.log(interval.estimate / MEDIAN_BOUND_S),
                    -math.inf if low is None else math.log(low / MEDIAN_BOUND_S),
                    math.inf if high is None else math.log(high / MEDIAN_BOUND_S),
                )
            )
        answer = capacity(Cells(np.array(RATES), (SloCurve("", None, tuple(levels)),), SEEDS))
        smooth.add(*(answer.ci95 or (None, None)))
        states = []
        for rate in CLIFF_RATES:
            runs = _runs(rate, 4 * MIN_REQUESTS, rng)
            verdicts = [steadiness(due, start, left, float(left[-1])) for due, start, left in runs]
            states.append(majority(Counter(verdict.state for verdict in verdicts)))
        by_state = {
            Steadiness.STEADY: HOLDS,
            Steadiness.GROWING: FAILS,
            Steadiness.CANNOT_TELL: NOT_KNOWN,
        }
        curve = SloCurve("", None, tuple(by_state[state] for state in states))
        answer = capacity(Cells(np.array(CLIFF_RATES), (curve,), SEEDS))
        cliff.add(*(answer.ci95 or (None, None)))
    print(f"capacity, {SEEDS} seeds")
    print(smooth.row("  smooth: median <= 2.48 s"))
    print(cliff.row("  cliff: not saturated"))


def _runs(
    rate: float, count: int, rng: np.random.Generator
) -> list[tuple[FloatArray, FloatArray, FloatArray]]:
    return [
        queue(rng.exponential(1.0, count), rng.exponential(1 / rate, count)) for _ in range(SEEDS)
    ]


def main() -> None:
    replications = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print(f"{replications:,} replications, nominal 95 %")
    print(HEADER)
    percentiles(replications, np.random.default_rng(17))
    capacities(max(replications // 4, 1), np.random.default_rng(18))


if __name__ == "__main__":
    main()
