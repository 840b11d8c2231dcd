"""What the arrival audit finds: how often it is wrong, and how often it sees each fault.

    python -m benchmarks.audit_power [--runs 500] [--null-runs 3000] [--seed 1]

Printed is, by length of the run, the share of runs with a finding: of processes that are as
declared (``--null-runs`` of each), and of faults that load generators have (``--runs``), declared
``poisson`` unless said otherwise. Behind each share, the statistic that finds most and how often.

- *cut at three means*: gaps clipped there; *rescaled*: stretched to the right mean rate; *redrawn*:
  drawn again until shorter.
- *sorted*: exponential gaps, ordered within blocks of 20. *bunched*: a two-state
  Markov-modulated process whose gaps are exponential one by one (each is put where its rank
  belongs), with counts of dispersion about 5.5 in windows of 20.
- *AR(1) 0.8*: gaps exponential one by one, their normal scores correlated.
- *silent*: a tenth of the run without arrivals, in one piece or in ten; the rate outside is as
  declared.
"""

from __future__ import annotations

import argparse
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr
from scipy.stats import binomtest, rankdata

from slaibench.measure.arrival_tests import FAMILY_ERROR
from slaibench.measure.audit import audit, index_of_dispersion
from slaibench.recording.record import FloatArray
from slaibench.workloads.arrivals import TRUNCATION_MEANS as CUT
from slaibench.workloads.arrivals import ArrivalProcess, unit_gaps

LENGTHS = (500, 1200)
SORTED_BLOCK = 20
SLOW_RATE, FAST_RATE, LEAVE = 0.3, 3.0, 0.05
"""Of the two states: arrivals in mean gaps, and the chance to leave a state at an arrival."""

Draw = Callable[[np.random.Generator, int], FloatArray]


@dataclass(frozen=True, slots=True)
class Case:
    """A way of drawing gaps, and what they are declared as."""

    name: str
    gaps: Draw
    declared: str = "poisson"
    sound: bool = False


def declared(text: str) -> Case:
    """A process as it is declared."""
    process = ArrivalProcess.parse(text)
    return Case(text, lambda rng, n: unit_gaps(process, n, rng), text, sound=True)


def cut(rng: np.random.Generator, n: int) -> FloatArray:
    return np.minimum(rng.standard_exponential(n), CUT)


def redrawn(rng: np.random.Generator, n: int) -> FloatArray:
    return np.asarray(-np.log1p(-rng.random(n) * -math.expm1(-CUT)))


def in_order_of(ranks: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Exponential gaps, put where these ranks say."""
    gaps = np.sort(rng.standard_exponential(len(ranks)))
    return gaps[rankdata(ranks, method="ordinal") - 1]


def sorted_in_blocks(rng: np.random.Generator, n: int) -> FloatArray:
    gaps = rng.standard_exponential(n)
    blocks = [np.sort(gaps[at : at + SORTED_BLOCK]) for at in range(0, n, SORTED_BLOCK)]
    return np.concatenate(blocks)


def bunched(rng: np.random.Generator, n: int) -> FloatArray:
    state = (np.cumsum(rng.random(n) < LEAVE) + rng.integers(2)) % 2
    return in_order_of(rng.standard_exponential(n) / np.where(state, FAST_RATE, SLOW_RATE), rng)


def correlated(rng: np.random.Generator, n: int, lag1: float = 0.8) -> FloatArray:
    score = rng.standard_normal(n)
    for at in range(1, n):
        score[at] = lag1 * score[at - 1] + math.sqrt(1 - lag1**2) * score[at]
    return np.asarray(-np.log(ndtr(-score)))


def silent(rng: np.random.Generator, n: int, pieces: int = 1) -> FloatArray:
    """Gaps of a Poisson process that misses all arrivals in 10 % of its time."""
    due = np.cumsum(rng.standard_exponential(2 * n))
    length = n / 0.9 / pieces
    start = length * (np.arange(pieces) + 0.1 + 0.7 * rng.random(pieces))
    gone = np.zeros(len(due), dtype=bool)
    for at in start:
        gone |= (due > at) & (due < at + 0.1 * length)
    return np.asarray(np.diff(due[~gone][: n + 1]))


CASES = (
    *map(declared, ("poisson", "gamma:cv=0.5", "gamma:cv=2", "gamma:cv=4", "poisson-truncated")),
    Case("cut at three means", cut),
    Case("cut, rescaled", lambda rng, n: cut(rng, n) / -math.expm1(-CUT)),
    Case("cut, redrawn", redrawn),
    Case(
        "cut, redrawn, rescaled",
        lambda rng, n: redrawn(rng, n) / (1 - CUT / math.expm1(CUT)),
    ),
    Case("sorted in blocks", sorted_in_blocks),
    Case("bunched", bunched),
    Case("AR(1) 0.8", correlated),
    Case("rate +15 %", lambda rng, n: rng.standard_exponential(n) / 1.15),
    Case("rate +10 %", lambda rng, n: rng.standard_exponential(n) / 1.10),
    Case("rate -10 %", lambda rng, n: rng.standard_exponential(n) / 0.90),
    Case("10 % silent, one piece", silent),
    Case("10 % silent, ten pieces", lambda rng, n: silent(rng, n, 10)),
    Case("not cut, declared cut", lambda rng, n: rng.standard_exponential(n), "poisson-truncated"),
    Case("gamma, declared Poisson", lambda rng, n: rng.standard_gamma(0.25, n) * 4),
)


def share_found(case: Case, num_requests: int, runs: int, seed: int) -> tuple[int, Counter[str]]:
    """In how many runs anything is found; and how often by which statistic."""
    process = ArrivalProcess.parse(case.declared)
    count, by_statistic = 0, Counter[str]()
    for stream in np.random.SeedSequence(seed).spawn(runs):
        due = np.cumsum(case.gaps(np.random.default_rng(stream), num_requests))
        audited = audit(due, due, process=process.kind.value, rate_rps=1.0, cv=process.cv or 1.0)
        count += audited.process_ok is False
        by_statistic.update({test.statistic.split(" in windows")[0] for test in audited.findings})
    return count, by_statistic


def line(case: Case, runs: int, seed: int) -> str:
    cells = []
    for num_requests in LENGTHS:
        count, by_statistic = share_found(case, num_requests, runs, seed)
        low, high = binomtest(count, runs).proportion_ci()
        most = "".join(f"{name} {times / runs:.1%}" for name, times in by_statistic.most_common(1))
        cells.append(f"{count / runs:7.2%} ({low:6.2%} to {high:7.2%})  {most:<40}")
    return f"{case.name:<26}{'  '.join(cells)}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--null-runs", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    start = time.perf_counter()
    print(f"error rate of all tests together: {FAMILY_ERROR:.1%}; in brackets 95 % intervals")
    print(f"{'':<26}" + "  ".join(f"{f'{n:,} requests':<67}" for n in LENGTHS))
    for case in CASES:
        print(line(case, args.null_runs if case.sound else args.runs, args.seed), flush=True)
    rng = np.random.default_rng(args.seed)
    values = [index_of_dispersion(np.cumsum(bunched(rng, 1200))) or math.nan for _ in range(200)]
    print(f"dispersion of the bunched arrivals, windows of 20: mean {np.mean(values):.1f}")
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
