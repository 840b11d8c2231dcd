"""Coverage on the paper's workload: intervals of default sweeps against the truth of long runs.

    python -m benchmarks.coverage.workload TRACE.csv [REPLICATIONS [TRUTH_RUNS]]

Each replication is a sweep of three seeds of its own, as long as its rule makes it; the truth is
the percentile over all long runs, whose seeds no sweep has.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.coverage.tally import HEADER, Tally
from slaibench.measure.quantile_interval import quantile
from slaibench.spec import CellSpec, StudySpec
from slaibench.studies.executors import CellResult
from slaibench.studies.lifecycle import quiet
from slaibench.studies.operating_point import OperatingPoint, make_point
from slaibench.studies.prepared import PreparedStudy, prepare
from slaibench.studies.run_summary import RunSummarizer
from slaibench.studies.sweep import collect_extended, summaries_of

GPU = "rtx6000-ada"
RATES = (0.8, 1.2)
SCHEDULERS = ("sarathi", "slai")
LONG_REQUESTS = 8000
TRUTH_SEED = 1_000_000


@dataclass
class MemoryPool:
    """Runs cells here and keeps nothing on disk."""

    prepared: PreparedStudy
    summary: RunSummarizer

    def run(self, cells: Sequence[CellSpec]) -> Iterator[CellResult]:
        for cell in cells:
            summary = self.summary(self.prepared.run(cell))
            yield CellResult(cell, Path(), summary, reused=False)


def pool_of(trace: str, rate: float, first_seed: int, num_requests: int | None) -> MemoryPool:
    spec = StudySpec(
        schedulers=SCHEDULERS,
        gpu=GPU,
        workload=trace,
        rates=(rate,),
        num_seeds=1 if num_requests else 3,
        first_seed=first_seed,
        num_requests=num_requests,
    )
    prepared = prepare(spec)
    return MemoryPool(prepared, prepared.targets.summarizer())


def swept(job: tuple[str, float, int]) -> tuple[list[OperatingPoint], int]:
    """One replication: its points, and the requests that it ran."""
    trace, rate, first_seed = job
    pool = pool_of(trace, rate, first_seed, None)
    ran: list[int] = []
    cells = collect_extended(
        pool,  # type: ignore[arg-type]  # a pool's one method that a sweep uses
        pool.prepared,
        lambda result, *_: ran.append(result.cell.num_requests) or quiet(result, 0, 0),
    )
    tiers = pool.prepared.targets.tier_names
    points = [make_point(name, rate, summaries_of(cells, name, rate), tiers) for name in SCHEDULERS]
    return points, sum(ran)


def long_run(job: tuple[str, float, int]) -> dict[str, dict[str, object]]:
    """One long run a scheduler: what percentiles of all of them need."""
    trace, rate, seed = job
    pool = pool_of(trace, rate, seed, LONG_REQUESTS)
    return {
        one.cell.scheduler: {
            "ttft": one.summary.samples["ttft", None],
            **{f"tbt {tier}": one.summary.samples["tbt", tier] for tier in ("free", "paying")},
        }
        for one in pool.run(pool.prepared.cells())
    }


def numbers(point: OperatingPoint) -> dict[tuple[str, float], tuple[float | None, float | None]]:
    """The ends of the intervals that are printed."""
    return {
        ("ttft", 0.5): (point.ttft_s["p50"].low, point.ttft_s["p50"].high),
        ("ttft", 0.99): (point.ttft_s["p99"].low, point.ttft_s["p99"].high),
        **{
            (f"tbt {tier}", 0.99): (
                point.tiers[tier].tbt_p99_s.low,
                point.tiers[tier].tbt_p99_s.high,
            )
            for tier in ("free", "paying")
        },
    }


def main() -> None:
    trace = sys.argv[1]
    replications = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    truths = int(sys.argv[3]) if len(sys.argv) > 3 else 100
    print(f"{replications} sweeps of 3 seeds, truth of {truths} runs of {LONG_REQUESTS:,} requests")
    print(HEADER)
    with ProcessPoolExecutor() as processes:
        for rate in RATES:
            long = list(
                processes.map(long_run, [(trace, rate, TRUTH_SEED + k) for k in range(truths)])
            )
            tallies = {
                (name, what, q): Tally(quantile([run[name][what] for run in long], q) or np.nan)
                for name in SCHEDULERS
                for what, q in numbers_of_interest()
            }
            jobs = [(trace, rate, 3 * k) for k in range(replications)]
            requests = []
            for points, ran in processes.map(swept, jobs):
                requests.append(ran)
                for point in points:
                    for (what, q), ends in numbers(point).items():
                        tallies[point.scheduler, what, q].add(*ends)
            print(f"{rate} requests/s: {np.mean(requests):,.0f} requests a sweep of both")
            for (name, what, q), tally in tallies.items():
                label = f"  {name}, P{100 * q:g} {what} {tally.truth:.4g} s"
                print(tally.row(label), flush=True)


def numbers_of_interest() -> tuple[tuple[str, float], ...]:
    return ("ttft", 0.5), ("ttft", 0.99), ("tbt free", 0.99), ("tbt paying", 0.99)


if __name__ == "__main__":
    main()
