"""What runs say of their own steady state: on queues, and of SLAI about its capacity on an H100.

    nice python -m benchmarks.steady_power [--runs 400] [--looks 20] [--cells 100]

The first table has the share of runs that say growing, steady or cannot tell, by queue, arrivals
and load: M/M/1, M/M/30 and a single server with gamma gaps of CV 2, starting empty, service 1 a
second in all. A first token is the start of service. *Stopped* is of the rule that stops a run,
asked 20 times a run (a study asks every 10 s): how many it would have stopped, and how far they
had come.

The second is of SLAI on the ``h100`` profile, at rates about its saturated throughput: what the
runs say by themselves, and what a study makes of it (``study.overload.under_load``).
"""

from __future__ import annotations

import argparse
import heapq
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from slaibench.measure.steady import Steadiness, early_verdict, steadiness
from slaibench.recording.record import FloatArray
from slaibench.spec import CellSpec, StudySpec
from slaibench.studies.executors import CellResult
from slaibench.studies.overload import overload_cells, throughput_of, under_load
from slaibench.studies.prepared import PreparedStudy, prepare

LOADS = (0.8, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2)
LENGTHS = (1000, 4000)
RATES = (6.0, 6.4, 6.7, 7.0, 7.5)
LONG_RATE, LONG_TIMES = 7.0, 20
STATES = (Steadiness.GROWING, Steadiness.STEADY, Steadiness.CANNOT_TELL)
HEADER = "".join(f"{state.value:>12}" for state in STATES)


@dataclass(frozen=True, slots=True)
class Queue:
    """First come, first served, of total service rate 1.

    Args:
        gap_cv: coefficient of variation of the gaps (gamma).
    """

    name: str
    servers: int
    gap_cv: float


QUEUES = (
    Queue("M/M/1", 1, 1.0),
    Queue("M/M/30", 30, 1.0),
    Queue("gamma gaps (CV 2), one server", 1, 2.0),
)


@dataclass(frozen=True, slots=True)
class Share:
    """Of the runs of a queue.

    Args:
        states: how many ended in each.
        stopped: of those that were stopped, the share of the arrival window that had passed.
    """

    states: Counter[Steadiness]
    stopped: tuple[float, ...]


def times(
    queue: Queue, load: float, count: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(due, start of service, departure) of each customer."""
    shape = queue.gap_cv**-2
    due = np.cumsum(rng.gamma(shape, 1 / (shape * load), count))
    service_s = rng.exponential(queue.servers, count)
    free = [0.0] * queue.servers
    start = np.empty(count)
    for place, (due_s, length_s) in enumerate(zip(due.tolist(), service_s.tolist(), strict=True)):
        start[place] = begins = max(free[0], due_s)
        heapq.heapreplace(free, begins + length_s)
    return due, start, start + service_s


def share(job: tuple[Queue, float, int, int, int, int]) -> Share:
    """Runs of one queue, load and length; each also as if it could be stopped."""
    queue, load, count, runs, looks, seed = job
    rng = np.random.default_rng(seed)
    states, stopped = Counter[Steadiness](), []
    for _ in range(runs):
        due, start, left = times(queue, load, count, rng)
        states[steadiness(due, start, left, float(left.max())).state] += 1
        for now_s in due[count // looks - 1 :: count // looks].tolist():
            if early_verdict(due, start, left, now_s).state is Steadiness.GROWING:
                stopped.append(now_s / float(due[-1]))
                break
    return Share(states, tuple(stopped))


@cache
def prepared() -> PreparedStudy:
    return prepare(StudySpec(schedulers=("slai",), gpu="h100", rates=RATES))


def recorded(cell: CellSpec) -> CellResult:
    summary = prepared().targets.summarizer()(prepared().run(cell))
    return CellResult(cell, Path(), summary, reused=False)


@cache
def overload() -> CellResult:
    """The run that measures the saturated throughput."""
    return recorded(overload_cells(prepared())[0])


def judged(job: tuple[float, int, int]) -> tuple[Steadiness, Steadiness]:
    """What a cell says by itself, and in a study."""
    rate_rps, num_requests, seed = job
    result = recorded(prepared().cell("slai", rate_rps, seed, num_requests))
    (in_study,) = under_load([overload(), result])
    return result.summary.state, in_study.summary.state


def row(states: Counter[Steadiness]) -> str:
    return "".join(f"{100 * states[state] / states.total():>12.1f}" for state in STATES)


def queues(processes: ProcessPoolExecutor, runs: int, looks: int) -> None:
    places = [(queue, count, load) for queue in QUEUES for count in LENGTHS for load in LOADS]
    jobs = [
        (queue, load, count, runs, looks, seed) for seed, (queue, count, load) in enumerate(places)
    ]
    print(f"{f'% of {runs} runs':40}{HEADER}{'stopped':>12}{'at (median)':>13}")
    for (queue, count, load), one in zip(places, processes.map(share, jobs), strict=True):
        early = f"{100 * len(one.stopped) / runs:>12.1f}"
        early += f"{np.median(one.stopped):>13.0%}" if one.stopped else ""
        print(f"{queue.name:29}{count:5,}{load:6g}{row(one.states)}{early}", flush=True)


def slai(processes: ProcessPoolExecutor, cells: int) -> None:
    throughput = throughput_of([overload()], "slai")
    assert throughput is not None
    ends = f"[{throughput.low:.3f}, {throughput.high:.3f}]"
    print(f"slai on h100, saturated throughput {throughput.rate_rps:.3f} {ends} requests/s")
    print(f"{f'% of {cells} runs':40}{HEADER}{'in a study':>14}{HEADER[12:]}")
    sizes = [(rate, prepared().requests_at(rate)) for rate in RATES]
    for rate, size in [*sizes, (LONG_RATE, LONG_TIMES * prepared().requests_at(LONG_RATE))]:
        pairs = list(processes.map(judged, [(rate, size, seed) for seed in range(cells)]))
        alone, in_study = (Counter(pair[side] for pair in pairs) for side in (0, 1))
        print(f"{f'{size:,} requests at {rate:g}':40}{row(alone)}  {row(in_study)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--looks", type=int, default=20)
    parser.add_argument("--cells", type=int, default=100)
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    begun = time.perf_counter()
    with ProcessPoolExecutor(args.processes) as processes:
        queues(processes, args.runs, args.looks)
        slai(processes, args.cells)
    print(f"{time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
