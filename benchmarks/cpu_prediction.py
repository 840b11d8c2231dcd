"""How well a profile measured on this CPU predicts runs of the engine that it has not seen.

usage: python -m benchmarks.cpu_prediction OUT [--passes 3] [--rates 3.5 4.5] [--requests 180] ...

One server. Each pass serves every cell once (rate by rate, all schedulers), and before every
second cell goes one round of calibration, so that both see the same minutes of a machine whose
speed changes. The cells are then predicted by the simulator from the profile that rests on all
rounds. Measured is the median over the passes; what the passes differ by is the machine's noise
alone (A/A), and no prediction can be told to be nearer than that. What is in OUT is not measured
again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.lent import Lent
from slaibench.catalog.model import get_model
from slaibench.spec import StudySpec
from slaibench.study.bench import prepare
from slaibench.study.calibrate import calibrate as measuring
from slaibench.study.calibrate.ask import Ask, asked
from slaibench.study.calibrate.calibrate import Budget
from slaibench.study.calibrate.store import PROFILE, Folder
from slaibench.study.digest import Digester
from slaibench.study.pool import obtain
from slaibench.study.venues.table import on_venue

AIM = 0.15
"""Largest error of the median TTFT and of the P99 of TBT that a prediction is to have."""
SPARE_ACTIVE = 2
"""So many more requests than are served at a time are calibrated for (docs/calibrate.md)."""
CELLS_A_ROUND = 2
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
        self._engine = prepare(on_venue(spec, f"{args.backend}:cpu")).logging_to(self._out / "logs")
        slo = self._spec.slo
        self._digest = Digester.for_study(self._spec.convention.value, slo)
        self._ask: Ask = asked(
            self._engine.spec,
            token_budget=args.token_budget,
            max_active=args.max_active + SPARE_ACTIVE,
        )

    def measure(self) -> None:
        """All passes, with calibration between the cells."""
        number = count()
        with self._engine:
            for each in range(1, self._passes + 1):
                for cell in self._engine.cells():
                    if cell.scheduler not in self._spec.schedulers:
                        continue
                    done = next(number)
                    if done % CELLS_A_ROUND == 0:
                        self._calibrate(done // CELLS_A_ROUND + 1)
                    got = obtain(self._engine, cell, self._pass(each), self._digest, fresh=False)
                    if not got.reused:
                        print(f"{got.folder.relative_to(self._out)}", flush=True)

    def rows(self) -> Iterator[dict[str, Any]]:
        """A row a cell: each pass, their median, what the simulator says."""
        profile = self._out / "calibration" / PROFILE
        spec = on_venue(self._spec.model_copy(update={"profile": str(profile)}), "sim")
        with prepare(spec) as simulator, self._engine:
            for cell in simulator.cells():
                same = self._engine.cell(cell.scheduler, cell.rate_rps, cell.seed)
                runs = [
                    obtain(self._engine, same, self._pass(each), self._digest, fresh=False).digest
                    for each in range(1, self._passes + 1)
                ]
                predicted = obtain(
                    simulator, cell, self._out / "simulated", self._digest, fresh=False
                )
                row = {"scheduler": cell.scheduler.partition(":")[0], "rate_rps": cell.rate_rps}
                row["invalid"] = [run.invalid for run in runs if run.invalid is not None]
                for name, (_, metric, q) in SHOWN.items():
                    *measured, simulated = (
                        getattr(run.metrics.overall, metric).percentile(q).value
                        for run in (*runs, predicted.digest)
                    )
                    row[name] = _held(measured, simulated)
                yield row

    def _pass(self, number: int) -> Path:
        return self._out / f"pass-{number}"

    def _calibrate(self, rounds: int) -> None:
        folder = Folder(self._out / "calibration")
        folder.take(self._ask.identity, fresh=False)
        measuring.calibrate(
            lambda: Lent(self._engine.service.backend()),
            self._ask.limits,
            Budget(60.0, rounds),
            folder,
            self._ask.known,
            lambda number, phase: print(f"calibration: round {number}, {phase}", flush=True),
        )


def _held(measured: Sequence[float], predicted: float) -> dict[str, Any]:
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
        for each in (heading, "predicted", "error", "A/A"):
            table.add_column(each, justify="right", no_wrap=True)
    for row in rows:
        cells = [row["scheduler"], f"{row['rate_rps']:g}"]
        for name in SHOWN:
            found = row[name]
            low, high = found["again"]
            cells += [f"{found[key] * 1e3:.1f}" for key in ("measured", "predicted")]
            cells += [f"{found['error']:+.1%}", f"{low:+.0%} {high:+.0%}"]
        table.add_row(*cells)
    Console(width=110).print(table)
    print("milliseconds; medians over the passes; A/A: the least and the largest pass against it")
    for name, (heading, _, _) in SHOWN.items():
        inside = sum(abs(row[name]["error"]) <= AIM for row in rows)
        print(f"{heading}: {inside} of {len(rows)} predictions within {AIM:.0%}")
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
