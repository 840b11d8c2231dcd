"""How fast the simulator is, as ratios to real time, and where its time goes.

    python -m benchmarks.simulator_speed [--workload TRACE.csv] [--gpu NAME] [--repeat 5]
        [--no-memory]

The paper's workload: Mistral-7B on an RTX 6000 Ada, 1.6 requests/s, 35 minutes, one core; with
``--gpu rtx-pro-6000`` a profile for which it matters how unequal contexts are. Runs of the
schedulers are interleaved; medians and ranges are printed. Nothing is asserted: machines vary.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from slaibench.backends.base import RunOutput, RunSettings
from slaibench.backends.simulator.backend import Simulator
from slaibench.catalog import get_profile
from slaibench.costmodel import CostModel, Spread
from slaibench.recording import store
from slaibench.recording.record import SCHEMA_VERSION, Recording
from slaibench.schedulers import registry
from slaibench.schedulers.base import Batch, EngineView, Scheduler
from slaibench.workloads.arrivals import ArrivalProcess
from slaibench.workloads.generate import generate
from slaibench.workloads.registry import resolve
from slaibench.workloads.request import Request

MODEL = "mistral-7b"
RATE_RPS = 1.6
DURATION_S = 2100.0
SCHEDULERS = ("sarathi", "slai")
MANY_REQUESTS = 100_000


class Timed(Scheduler):
    """A scheduler with a stopwatch around it, and a time stamp at each of its steps."""

    def __init__(self, inner: Scheduler) -> None:
        super().__init__(
            token_budget=inner.token_budget, max_active=inner.max_active, watermark=inner.watermark
        )
        self.inner = inner
        self.spent_s = 0.0
        self.stamps: list[float] = []
        self.sizes: list[int] = []

    def __deepcopy__(self, _: dict[int, Any]) -> Timed:
        return self  # the simulator copies its scheduler; the stopwatch is wanted back

    def queue_key(self, request: Any) -> Any:
        return self.inner.queue_key(request)

    def schedule(self, view: EngineView) -> Batch:
        begun = time.perf_counter()
        batch = self.inner.schedule(view)
        now = time.perf_counter()
        self.spent_s += now - begun
        self.stamps.append(now)
        self.sizes.append(len(batch.decodes) + len(batch.prefills))
        return batch

    def batch_done(self, batch: Batch, start_s: float, end_s: float, view: EngineView) -> None:
        begun = time.perf_counter()
        self.inner.batch_done(batch, start_s, end_s, view)
        self.spent_s += time.perf_counter() - begun


class TimedCost:
    """A cost model with a stopwatch around it."""

    def __init__(self, inner: CostModel) -> None:
        self.inner = inner
        self.between_s = inner.between_s
        self.needs_spread = inner.needs_spread
        self.spent_s = 0.0

    def batch_time_s(
        self,
        num_decodes: int,
        decode_context_tokens: int,
        prefills: Sequence[tuple[int, int]],
        spread: Spread | None = None,
        draft_tokens: int = 0,
    ) -> float:
        begun = time.perf_counter()
        time_s = self.inner.batch_time_s(
            num_decodes, decode_context_tokens, prefills, spread, draft_tokens
        )
        self.spent_s += time.perf_counter() - begun
        return time_s


def make_requests(workload: str, count: int) -> list[Request]:
    return generate(
        resolve(workload),
        ArrivalProcess.parse("poisson"),
        rate_rps=RATE_RPS,
        num_requests=count,
        seed=0,
    )


def simulate(requests: Sequence[Request], scheduler: Scheduler, timer: Any, gpu: str) -> RunOutput:
    simulator = Simulator(timer, total_blocks=get_profile(gpu, MODEL).kv_blocks)
    return simulator.run(requests, scheduler, RunSettings())


def timed_run(
    requests: Sequence[Request], name: str, folder: Path, gpu: str
) -> tuple[float, float, float, int]:
    """(seconds simulated, wall seconds with the recording on disk, CPU seconds of it, steps)."""
    timer = CostModel(get_profile(gpu, MODEL))
    begun, begun_cpu = time.perf_counter(), time.process_time()
    output = simulate(requests, registry.build(name), timer, gpu)
    run = {"schema_version": SCHEMA_VERSION, "end_s": output.end_s}
    store.write(Recording(run, output.requests, output.steps), folder / name)
    took, took_cpu = time.perf_counter() - begun, time.process_time() - begun_cpu
    return output.end_s, took, took_cpu, len(output.steps)


def parts(requests: Sequence[Request], name: str, folder: Path, gpu: str) -> None:
    """Print where the time of one run goes, and how the cost of a step develops."""
    scheduler = Timed(registry.build(name))
    cost = TimedCost(CostModel(get_profile(gpu, MODEL)))
    begun = time.perf_counter()
    output = simulate(requests, scheduler, cost, gpu)
    simulated = time.perf_counter()
    store.write(
        Recording({"schema_version": SCHEMA_VERSION}, output.requests, output.steps),
        folder / "parts",
    )
    written = time.perf_counter()
    engine = simulated - begun - scheduler.spent_s - cost.spent_s
    total = written - begun
    shares = {
        "scheduler": scheduler.spent_s,
        "cost model": cost.spent_s,
        "engine": engine,
        "recording": written - simulated,
    }
    print(f"  {name}: " + ", ".join(f"{k} {v / total:.0%}" for k, v in shares.items()))
    stamps, sizes = np.array(scheduler.stamps), np.array(scheduler.sizes)
    took_us = np.diff(stamps) * 1e6
    quarters = [f"{np.median(part):.1f}" for part in np.array_split(took_us, 4)]
    print(f"    microseconds a step, by quarter of the run (finished grow): {', '.join(quarters)}")
    edges = [0, 16, 32, 64, 96, 129]
    rows = []
    for low, high in itertools.pairwise(edges):
        chosen = took_us[(sizes[:-1] >= low) & (sizes[:-1] < high)]
        if len(chosen) >= 20:
            rows.append(f"{low}..{high - 1}: {np.median(chosen):.1f}")
    print(f"    microseconds a step, by requests in the batch: {'; '.join(rows)}")


def memory(workload: str, gpu: str) -> None:
    """Run many requests, record them, and print this process's peak memory."""
    requests = make_requests(workload, MANY_REQUESTS)
    with tempfile.TemporaryDirectory() as folder:
        _, took, _, steps = timed_run(requests, "slai", Path(folder), gpu)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(
        f"{MANY_REQUESTS:,} requests: {steps:,} steps in {took:.0f} s, peak memory {peak:.2f} GiB"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workload", default="sharegpt4-model")
    parser.add_argument("--gpu", default="rtx6000-ada")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--only-memory", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only_memory:
        memory(arguments.workload, arguments.gpu)
        return
    requests = make_requests(arguments.workload, int(RATE_RPS * DURATION_S))
    print(f"{arguments.workload}, {RATE_RPS} requests/s, {len(requests):,} requests, one core")
    ratios: dict[str, list[tuple[float, float]]] = {name: [] for name in SCHEDULERS}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(arguments.repeat):
            for name in SCHEDULERS:
                simulated, took, took_cpu, steps = timed_run(
                    requests, name, Path(folder), arguments.gpu
                )
                ratios[name].append((simulated / took, simulated / took_cpu))
        for name, speeds in ratios.items():
            for clock, values in zip(("wall", "CPU"), zip(*speeds, strict=True), strict=True):
                print(
                    f"  {name}: {statistics.median(values):,.0f} times real time with the "
                    f"recording, by {clock} time "
                    f"({min(values):,.0f} to {max(values):,.0f} over {len(values)} runs)"
                )
        print(f"where it goes (with stopwatches, {steps:,} steps):")
        for name in SCHEDULERS:
            parts(requests, name, Path(folder), arguments.gpu)
    if not arguments.no_memory:
        # A process of its own: peak memory cannot be reset.
        again = [sys.executable, "-m", "benchmarks.simulator_speed", "--only-memory"]
        subprocess.run(
            [*again, "--workload", arguments.workload, "--gpu", arguments.gpu], check=True
        )


if __name__ == "__main__":
    main()
