"""Same input, same bytes (invariant 4), and the same requests for everybody."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest

from slaibench.backends.base import RunOutput, RunSettings
from slaibench.backends.simulator.backend import Simulator
from slaibench.costmodel import StaircaseCostModel
from slaibench.schedulers.base import Scheduler
from slaibench.schedulers.registry import PORTABLE, build
from slaibench.schedulers.slai import Slai
from slaibench.workloads.request import Request

STAIRCASE = StaircaseCostModel(t_lin_s=0.02, t_col_tokens=128, step_overhead_s=0.004)


def served(scheduler: Scheduler) -> RunOutput:
    """In a cache that is too small for the load."""
    simulator = Simulator(STAIRCASE, total_blocks=2000, block_size=1)
    return simulator.run(workload(), scheduler, RunSettings())


def workload(count: int = 120, rate_rps: float = 6.0) -> list[Request]:
    rng = np.random.default_rng(11)
    due_s = np.cumsum(rng.exponential(1 / rate_rps, count))
    sizes = zip(due_s, rng.integers(1, 900, count), rng.integers(1, 90, count), strict=True)
    return [
        Request(i, float(due), int(prompt), int(output), "paying" if i % 9 == 0 else "free",
                0.1 if i % 9 == 0 else 0.5)
        for i, (due, prompt, output) in enumerate(sizes)
    ]  # fmt: skip


def as_bytes(output: RunOutput) -> dict[str, bytes]:
    return {
        f"{type(table).__name__}.{field.name}": getattr(table, field.name).tobytes()
        for table in (output.requests, output.steps)
        for field in dataclasses.fields(table)
    }


@pytest.mark.parametrize("name", PORTABLE)
def test_the_same_run_gives_the_same_bytes(name: str) -> None:
    runs = [served(build(name)) for _ in range(2)]
    assert as_bytes(runs[0]) == as_bytes(runs[1])
    assert runs[0].requests.num_preemptions.sum() > 0  # recompute is part of what must repeat


@pytest.mark.parametrize("name", PORTABLE)
def test_a_scheduler_object_carries_nothing_from_one_run_into_the_next(name: str) -> None:
    """SLAI's mean batch time and RAD's cycle count would change the second run."""
    scheduler = build(name)
    first = served(scheduler)
    assert vars(scheduler) == vars(build(name))
    second = served(scheduler)
    assert as_bytes(first) == as_bytes(second)


def test_what_slai_learns_would_matter() -> None:
    """The test above can fail: with another mean to begin with, the run is another one."""
    scheduler = Slai()
    scheduler._mean_batch_s, scheduler._num_batches = 5.0, 1_000_000
    other = served(scheduler)
    assert as_bytes(served(Slai())) != as_bytes(other)


def test_every_scheduler_sees_the_same_requests() -> None:
    given = ("request_id", "due_s", "sent_s", "prompt_tokens", "output_tokens", "tier", "tbt_slo_s")
    seen = []
    for name in PORTABLE:
        output = as_bytes(served(build(name)))
        seen.append([output[f"RequestTable.{column}"] for column in given])
    assert all(columns == seen[0] for columns in seen)


ELSEWHERE = """
import hashlib

import numpy as np

from slaibench.schedulers.registry import build
from slaibench.backends.base import RunSettings
from slaibench.backends.simulator.backend import Simulator
from slaibench.costmodel import StaircaseCostModel
from slaibench.workloads.request import Request

requests = [Request(i, 0.01 * i, 1 + 37 * i % 90, 1 + 11 * i % 40) for i in range(60)]
timer = StaircaseCostModel(t_lin_s=0.02, t_col_tokens=128)
output = Simulator(timer, total_blocks=150, block_size=1).run(
    requests, build("slai"), RunSettings()
)
assert output.requests.num_preemptions.any()
print(hashlib.sha256(output.requests.token_times_s.tobytes()).hexdigest())
"""


def test_nothing_hangs_on_hashes_or_addresses() -> None:
    """In processes of their own, where strings hash and objects lie differently."""
    summaries = [
        subprocess.run(
            [sys.executable, "-c", ELSEWHERE],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert summaries[0] == summaries[1] != ""
