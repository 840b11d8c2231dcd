"""How often regression runs raise a false alarm, and how often they find what they should.

    python -m benchmarks.regress_power [--jobs 200] [--replicates 8] [--processes 2]
    python -m benchmarks.regress_power --backend vllm --jobs 10
    python -m benchmarks.regress_power --cpu --jobs 3

A job is what a person would run: a baseline is written, and the same specification is run again,
unchanged or with something injected. Every job has seeds of its own. Printed are the shares of jobs
that end with "worse", with 95 % intervals (Clopper and Pearson).

- *A/A, other seeds*: nothing changed, the second run has other requests: independent runs.
- *10 % slower* (*same seeds*, *other seeds*): every time of the profile times 1.1.
- *1 % slower*: less than the margin. At rates where queues are short latencies then move by about
  as much; near saturation they would move more, rightly beyond the margin.
- *worse scheduler*: its file is edited between the runs: half of the token budget.

With ``--cpu`` a job is ``--against HEAD`` on vLLM's CPU engine: real time, both sides in turns, the
same code on both. Run it on a clean checkout.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from scipy.stats import binomtest

from slaibench.catalog.profiles import shipped_values
from slaibench.measure.regression import ChangeVerdict
from slaibench.studies.regression import study as regression

GPU, MODEL = "h100", "mistral-7b"
LOAD: dict[str, Any] = {
    "workload": "uniform:prompt=200-1800,output=20-120",
    "rates": (12.0,),
    "num_requests": 250,
}
CPU_LOAD: dict[str, Any] = {
    "workload": "uniform:prompt=20-120,output=5-15",
    "rates": (4.0,),
    "num_requests": 60,
}
SHOW_EVERY = 20
APART = 1000
"""Between the seeds of one job's baseline and those of its "other seeds"."""
SCHEDULER_FILE = '''"""A scheduler of a user's own."""

from slaibench.schedulers.sarathi import Sarathi


class Mine(Sarathi):
    """Sarathi-Serve{what}."""
{body}
'''
EDITS = {
    "as it was": ("", ""),
    "half the budget": (
        " with half of the token budget",
        "\n    def __init__(self):\n        super().__init__(token_budget=256)\n",
    ),
}


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that is done to the second run.

    Args:
        changed: fields of the specification that are not the baseline's.
        scheduler: what its file then is, a key of ``EDITS``.
    """

    name: str
    changed: dict[str, Any]
    scheduler: str = "as it was"


def scaled(values: dict[str, Any], factor: float) -> dict[str, Any]:
    """The content of a profile's file with every time multiplied, and every speed divided."""
    profile: dict[str, Any] = _scaled(values, factor, "")
    return profile


def _scaled(value: Any, factor: float, name: str) -> Any:
    if isinstance(value, dict):
        return {key: _scaled(member, factor, key) for key, member in value.items()}
    if name in ("ms", "us"):
        return [time * factor for time in value]
    if name.endswith(("_ms", "_us")):
        return value * factor
    if name.endswith(("_gbps", "_tflops")):
        return value / factor
    return value


def scaled_profile(gpu: str, model: str, factor: float, folder: Path) -> Path:
    """A file with a shipped profile whose every time is multiplied."""
    stem = f"{gpu}_{model}"
    values = shipped_values(stem)
    file = folder / f"{stem}-times-{factor:g}.json"
    file.write_text(json.dumps(scaled(values, factor)), encoding="utf-8")
    return file


def cases(folder: Path, first_seed: int) -> list[Case]:
    """What is done in every job."""
    slower = {
        percent: str(scaled_profile(GPU, MODEL, 1 + percent / 100, folder)) for percent in (1, 10)
    }
    other = {"first_seed": first_seed + APART}
    return [
        Case("A/A, other seeds", other),
        Case("10 % slower, same seeds", {"profile": slower[10]}),
        Case("10 % slower, other seeds", {"profile": slower[10], **other}),
        Case("1 % slower, same seeds", {"profile": slower[1]}),
        Case("worse scheduler", {}, "half the budget"),
    ]


def job(number: int, backend: str, replicates: int) -> dict[str, Counter[ChangeVerdict]]:
    """One baseline, and every case compared with it: verdicts by case."""
    with tempfile.TemporaryDirectory(prefix="slaibench-power-") as temporary:
        folder, file = Path(temporary), Path(temporary) / "mine.py"
        _write(file, "as it was")
        # Two thousand seeds a job: none is used twice.
        first_seed = 2 * APART * number
        spec = {
            **LOAD,
            **{"backend": backend, "gpu": GPU, "model": MODEL, "num_seeds": replicates},
            **{"schedulers": (f"{file}:Mine", "slai"), "first_seed": first_seed},
        }
        regression.run(regression.plan(folder / "baseline", update=True, jobs=1, **spec))
        counts = {}
        for case in cases(folder, first_seed):
            _write(file, case.scheduler)
            result = regression.run(regression.plan(folder / "baseline", jobs=1, **case.changed))
            counts[case.name] = result.counts
        return counts


def cpu_job(number: int, replicates: int) -> dict[str, Counter[ChangeVerdict]]:
    """An A/A job on vLLM's CPU engine, both sides in turns."""
    with tempfile.TemporaryDirectory(prefix="slaibench-power-") as temporary:
        folder = Path(temporary) / "baseline"
        spec = {
            **CPU_LOAD,
            **{"backend": "vllm", "device": "cpu", "model": "tiny-mistral"},
            **{"schedulers": ("sarathi",), "num_seeds": replicates, "first_seed": 100 * number},
        }
        stored = regression.run(regression.plan(folder, update=True, **spec))
        print(f"job {number}: baseline of {stored.num_cells} runs", flush=True)
        again = regression.run(regression.plan(folder))
        turns = regression.run(regression.plan(folder, other="HEAD"))
        for note in turns.notes:
            print(f"job {number}: {note}", flush=True)
        for row in turns.rows:
            print(f"  {row.metric}: {row.verdict.value}, change {row.change}, noise {row.noise}")
        return {"A/A, stored": again.counts, "A/A, in turns": turns.counts}


def _write(file: Path, name: str) -> None:
    what, body = EDITS[name]
    file.write_text(SCHEDULER_FILE.format(what=what, body=body), encoding="utf-8")


def table(jobs: Sequence[dict[str, Counter[ChangeVerdict]]]) -> str:
    """Share of jobs with a "worse" in them, by case; and all verdicts."""
    lines = [f"{'':34}  jobs  worse  share  95 % interval   verdicts"]
    for name in jobs[0]:
        counts = [verdicts[name] for verdicts in jobs]
        worse = sum(verdicts[ChangeVerdict.WORSE] > 0 for verdicts in counts)
        ends = binomtest(worse, len(counts)).proportion_ci(method="exact")
        total: Counter[ChangeVerdict] = sum(counts, Counter())
        said = ", ".join(
            f"{total[verdict]:,} {verdict.value}" for verdict in ChangeVerdict if total[verdict]
        )
        share = f"{worse / len(counts):6.1%}  {ends.low:.1%} to {ends.high:.1%}"
        lines.append(f"{name:34}  {len(counts):4}  {worse:5}  {share:22}  {said}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--replicates", type=int, default=8)
    parser.add_argument("--backend", default="sim", choices=("sim", "vllm"))
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--cpu", action="store_true")
    args = parser.parse_args()
    begun = time.monotonic()
    run_job: Callable[[int], dict[str, Counter[ChangeVerdict]]]
    if args.cpu:
        run_job = partial(cpu_job, replicates=args.replicates)
        jobs = [run_job(number) for number in range(args.jobs)]
    else:
        run_job = partial(job, backend=args.backend, replicates=args.replicates)
        with ProcessPoolExecutor(
            args.processes, mp_context=multiprocessing.get_context("spawn")
        ) as pool:
            jobs = []
            for verdicts in pool.map(run_job, range(args.jobs)):
                jobs.append(verdicts)
                if len(jobs) % SHOW_EVERY == 0:
                    print(table(jobs), flush=True)
    print(table(jobs))
    print(f"{time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
