"""How well a profile measured on this CPU predicts runs of the engine that it has not seen.

usage: python -m benchmarks.cpu_prediction OUT [--passes 3] [--rates 3.5 4.5] [--requests 180] ...

One server. Each pass serves every cell once (rate by rate, all schedulers), and before every
second cell goes one round of calibration, so that both see the same minutes of a machine whose
speed changes. The cells are then predicted by the simulator from the profile that rests on all
rounds. Measured is the median over the passes; what the passes differ by is the machine's noise
alone (A/A), and no prediction can be shown to be nearer than that. What is in OUT is not measured
again.

A machine that others share has no one speed. Each run is therefore predicted a second time ("at its
speed"): with every time of the profile multiplied by one factor, that with which full batches take
as long as they did in this very run. What is left then is the error of the model and the simulator;
it is no forecast, since the factor comes from the run.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.lent import Lent
from benchmarks.regress_power import scaled
from slaibench.catalog.model import get_model
from slaibench.recording import store
from slaibench.spec import CellSpec, StudySpec
from slaibench.studies.calibration import study as calibration
from slaibench.studies.calibration.session import Budget
from slaibench.studies.calibration.store import PROFILE
from slaibench.studies.executors import CellResult, CellWork
from slaibench.studies.prepared import prepare
from slaibench.studies.systems.table import on_system
from slaibench.studies.targets import Targets

AIM = 0.15
"""Largest error of the median TTFT and of the P99 of TBT that a prediction is to have."""
SPARE_ACTIVE = 2
"""So many more requests than are served at a time are calibrated for (docs/calibrate.md)."""
CELLS_A_ROUND = 2
FULL = 0.98
"""Share of the token budget from which a batch is full."""
SPEED_ROUNDS = 4
"""A device that gets slower has other batches, too: the factor is looked for again so often."""
SHOWN = {"ttft_p50_s": ("TTFT P50", "ttft", 0.5), "tbt_p99_s": ("TBT P99", "tbt", 0.99)}
"""Heading, metric and level of each number that is predicted."""


class Prediction:
    """The cells, the server that they and the calibration share, and their folder."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._out: Path = args.out
        self._passes: int = args.passes
        limits = f"token_budget={args.token_budget},max_active={args.max_active}"
        self._spec = StudySpec(
            schedulers=tuple(f"{name}:{limits}" for name in args.schedulers),
            rates=tuple(args.rates),
            num_seeds=1,
            num_requests=args.requests,
            workload=args.workload,
            tiers="all:1:0.2",
            model=get_model(args.model).name,
            max_context_tokens=args.max_context_tokens,
            early_stop=False,
        )
        # The first scheduler runs nothing: its limits are those that the server starts with.
        wide = (
            f"sarathi:token_budget={args.token_budget},max_active={args.max_active + SPARE_ACTIVE}"
        )
        spec = self._spec.model_copy(update={"schedulers": (wide, *self._spec.schedulers)})
        self._engine = prepare(on_system(spec, f"{args.backend}:cpu")).logging_to(
            self._out / "logs"
        )
        self._summary = Targets.of(self._spec).summarizer()
        self._limits = {
            "token_budget": args.token_budget,
            "max_active": args.max_active + SPARE_ACTIVE,
        }

    def measure(self) -> None:
        """All passes, with calibration between the cells."""
        number = count()
        with self._engine:
            for pass_number in range(1, self._passes + 1):
                for cell in self._cells():
                    done = next(number)
                    if done % CELLS_A_ROUND == 0:
                        self._calibrate(done // CELLS_A_ROUND + 1)
                    got = self._pass(pass_number).obtain(cell)
                    if not got.reused:
                        print(f"{got.folder.relative_to(self._out)}", flush=True)

    def rows(self) -> Iterator[dict[str, Any]]:
        """A row a cell: each pass, their median, what the simulator says."""
        profile = self._out / "calibration" / PROFILE
        with self._engine:
            for cell in self._cells():
                runs = [
                    self._pass(pass_number).obtain(cell)
                    for pass_number in range(1, self._passes + 1)
                ]
                predicted = self._simulated(cell, profile)
                at_speed = [self._at_its_speed(cell, profile, run) for run in runs]
                row: dict[str, Any] = {
                    "scheduler": cell.scheduler.partition(":")[0],
                    "rate_rps": cell.rate_rps,
                    "invalid": [r.summary.invalid for r in runs if r.summary.invalid is not None],
                    "speed": [factor for factor, _ in at_speed],
                }
                for name in SHOWN:
                    measured = [_value(run, name) for run in runs]
                    row[name] = _compared(measured, _value(predicted, name))
                    again = [_value(run, name) for _, run in at_speed]
                    row[name]["at_speed"] = again
                    row[name]["error_at_speed"] = median(
                        there / here - 1 for there, here in zip(again, measured, strict=True)
                    )
                yield row

    def _cells(self) -> Iterator[CellSpec]:
        """All but those of the scheduler whose limits the server has."""
        names = self._spec.schedulers
        return (cell for cell in self._engine.cells() if cell.scheduler in names)

    def _simulated(self, cell: CellSpec, profile: Path) -> CellResult:
        spec = on_system(self._spec.model_copy(update={"profile": str(profile)}), "sim")
        with prepare(spec) as simulator:
            same = simulator.cell(cell.scheduler, cell.rate_rps, cell.seed)
            work = CellWork(simulator, self._out / "simulated", self._summary, fresh=False)
            return work.obtain(same)

    def _at_its_speed(
        self, cell: CellSpec, profile: Path, run: CellResult
    ) -> tuple[float, CellResult]:
        """The run as predicted for a machine on which full batches take as long as in it."""
        values = json.loads(profile.read_text(encoding="utf-8"))
        file = self._out / "at-its-speed.json"
        factor, simulated, full_s = 1.0, self._simulated(cell, profile), self._full_batch_s(run)
        for _ in range(SPEED_ROUNDS):
            factor *= full_s / self._full_batch_s(simulated)
            file.write_text(json.dumps(scaled(values, factor)), encoding="utf-8")
            simulated = self._simulated(cell, file)
        return factor, simulated

    def _full_batch_s(self, run: CellResult) -> float:
        steps = store.read(run.folder).steps
        full = steps.tokens >= FULL * self._limits["token_budget"]
        return float(np.median((steps.end_s - steps.start_s)[full]))

    def _pass(self, number: int) -> CellWork:
        folder = self._out / f"pass-{number}"
        return CellWork(self._engine, folder, self._summary, fresh=False)

    def _calibrate(self, rounds: int) -> None:
        plan = calibration.plan(
            self._engine.spec, self._out / "calibration", Budget(60.0, rounds), **self._limits
        )
        calibration.run(
            replace(plan, system=Lent(self._engine.service.backend())),
            lambda number, phase: print(f"calibration: round {number}, {phase}", flush=True),
        )


def _value(run: CellResult, name: str) -> float:
    _, metric, q = SHOWN[name]
    value: float = run.summary.metrics.overall.latencies[metric].percentile(q).value
    return value


def _compared(measured: Sequence[float], predicted: float) -> dict[str, Any]:
    middle = median(measured)
    return {
        "passes": list(measured),
        "measured": middle,
        "predicted": predicted,
        "error": predicted / middle - 1,
        "again": [min(measured) / middle - 1, max(measured) / middle - 1],
    }


def _print(rows: Sequence[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("scheduler")
    table.add_column("req/s", justify="right")
    for heading, _, _ in SHOWN.values():
        for column in (heading, "error", "A/A", "at speed"):
            table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        cells = [row["scheduler"], f"{row['rate_rps']:g}"]
        for name in SHOWN:
            values = row[name]
            low, high = values["again"]
            cells += [f"{values['measured'] * 1e3:.0f} ms", f"{values['error']:+.1%}"]
            cells += [f"{low:+.0%} {high:+.0%}", f"{values['error_at_speed']:+.1%}"]
        table.add_row(*cells)
    Console(width=110).print(table)
    print("medians over the passes; A/A: the least and the largest pass against it;")
    print("at speed: each run predicted with one factor on all times, from its own full batches")
    for name, (heading, _, _) in SHOWN.items():
        for key, what in (("error", "predictions"), ("error_at_speed", "at the run's speed")):
            inside = sum(abs(row[name][key]) <= AIM for row in rows)
            print(f"{heading}, {what}: {inside} of {len(rows)} within {AIM:.0%}")
    factors = [factor for row in rows for factor in row["speed"]]
    print(f"times of the runs against the profile's: {min(factors):.2f} to {max(factors):.2f}")
    invalid = [reason for row in rows for reason in row["invalid"]]
    print(f"runs in which the client was late, or requests failed: {len(invalid)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--backend", default="vllm")
    parser.add_argument("--model", default="tiny-mistral")
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--rates", type=float, nargs="+", default=[3.5, 4.5])
    parser.add_argument("--schedulers", nargs="+", default=["sarathi", "slai", "rad"])
    parser.add_argument("--requests", type=int, default=180)
    parser.add_argument("--workload", default="uniform:prompt=40-400,output=10-60")
    parser.add_argument("--token-budget", type=int, default=256)
    parser.add_argument("--max-active", type=int, default=14)
    parser.add_argument("--max-context-tokens", type=int, default=1024)
    args = parser.parse_args()
    prediction = Prediction(args)
    prediction.measure()
    rows = list(prediction.rows())
    (args.out / "errors.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    _print(rows)


if __name__ == "__main__":
    main()
