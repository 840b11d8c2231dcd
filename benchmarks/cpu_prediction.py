"""How well a profile measured on this CPU predicts runs of the engine that it has not seen.

usage: python -m benchmarks.cpu_prediction OUT [--passes 2] [--rounds 3] [--rates 3.5 4.5 5.5] ...

Each pass calibrates for some rounds and then serves every cell once (all schedulers, rate by
rate), so that both see the same hours of a machine whose speed changes; after the last pass comes
one more calibration. The cells are then predicted by the simulator from the profile that rests on
all rounds, and from that of the rounds before the first cell alone. The same cells in different
passes differ by the machine's noise only (A/A): no prediction can be nearer than that. What is in
OUT is not measured again.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from slaibench.recording import store
from slaibench.spec import StudySpec
from slaibench.study.agreement import Replicate, agreement
from slaibench.study.bench import Bench, prepare
from slaibench.study.calibrate import calibrate as measuring
from slaibench.study.calibrate.ask import asked
from slaibench.study.calibrate.calibrate import Budget
from slaibench.study.calibrate.store import PROFILE, Folder
from slaibench.study.digest import Digester
from slaibench.study.pool import obtain
from slaibench.study.venues.table import on_venue

AIM = 0.15
"""Largest error of the median TTFT and of the P99 of TBT that a prediction is to have."""
ENGINE = "vllm:cpu"
MODEL = "tiny-mistral"
CONTEXT_TOKENS = 1024
BEFORE = "before.json"
"""The profile of the rounds before the first cell."""
SHOWN = ("ttft_p50_s", "tbt_p99_s")


def main() -> None:
    asked_for = _arguments()
    out: Path = asked_for.out
    limits = f"token_budget={asked_for.token_budget},max_active={asked_for.max_active}"
    spec = StudySpec(
        schedulers=tuple(f"{name}:{limits}" for name in asked_for.schedulers),
        rates=tuple(asked_for.rates),
        num_seeds=1,
        num_requests=asked_for.requests,
        workload=asked_for.workload,
        tiers="all:1:0.2",
        model=MODEL,
        early_stop=False,
    )
    engine = prepare(on_venue(spec, ENGINE)).logging_to(out / "logs")
    for number in range(1, asked_for.passes + 1):
        _calibrate(out, asked_for, number * asked_for.rounds)
        if number == 1:
            shutil.copy(out / "calibration" / PROFILE, out / BEFORE)
        with engine:
            list(_runs(engine, out / f"pass-{number}"))
    _calibrate(out, asked_for, (asked_for.passes + 1) * asked_for.rounds)
    passes = [list(_runs(engine, out / f"pass-{n}")) for n in range(1, asked_for.passes + 1)]
    engine.close()
    rows: list[dict[str, Any]] = []
    for name, profile in (("all", out / "calibration" / PROFILE), ("before", out / BEFORE)):
        with prepare(_simulated(spec, profile)) as simulator:
            rows += _rows(name, passes, list(_runs(simulator, out / f"simulated-{name}")))
    (out / "errors.json").write_text(json.dumps(rows, indent=1) + "\n")
    _print(rows)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--passes", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3, help="of calibration before each pass")
    parser.add_argument("--rates", type=float, nargs="+", default=[3.5, 4.5, 5.5])
    parser.add_argument("--schedulers", nargs="+", default=["sarathi", "slai", "rad"])
    parser.add_argument("--requests", type=int, default=260)
    parser.add_argument("--workload", default="uniform:prompt=20-300,output=10-60")
    parser.add_argument("--token-budget", type=int, default=256)
    parser.add_argument("--max-active", type=int, default=14)
    return parser.parse_args()


def _calibrate(out: Path, asked_for: argparse.Namespace, rounds: int) -> None:
    """Measure on until there are so many rounds; two more active requests than are served, since
    so many less are measured (docs/calibrate.md)."""
    spec = on_venue(
        StudySpec(schedulers=("sarathi",), model=MODEL, max_context_tokens=CONTEXT_TOKENS), ENGINE
    )
    ask = asked(
        spec, token_budget=asked_for.token_budget, max_active=asked_for.max_active + 2, name=None
    )
    folder = Folder(out / "calibration")
    folder.take(ask.identity, fresh=False)
    measuring.calibrate(
        lambda: ask.venue.open(out / "calibration" / "logs"),
        ask.limits,
        Budget(60.0, rounds),
        folder,
        ask.known,
        lambda number, phase: print(f"calibration: round {number}, {phase}", flush=True),
    )


def _simulated(spec: StudySpec, profile: Path) -> StudySpec:
    return on_venue(spec.model_copy(update={"profile": str(profile)}), "sim")


def _runs(bench: Bench, results: Path) -> Iterator[tuple[str, float, Replicate]]:
    """Every cell of a study, from disk or run now."""
    digest = Digester.for_study(bench.spec.convention.value, bench.spec.slo)
    for cell in bench.cells():
        found = obtain(bench, cell, results, digest, fresh=False)
        if not found.reused:
            print(f"{results.name}: {cell.scheduler} at {cell.rate_rps:g} requests/s", flush=True)
        yield cell.scheduler, cell.rate_rps, Replicate(store.read(found.folder), found.digest)


def _rows(
    profile: str, passes: Sequence[list[Any]], predicted: Sequence[Any]
) -> Iterator[dict[str, Any]]:
    """A row a cell: what was measured (passes pooled), the prediction's error, the A/A change."""
    for cells, (scheduler, rate, simulated) in zip(
        zip(*passes, strict=True), predicted, strict=True
    ):
        runs = [run for _, _, run in cells]
        error = agreement(runs, [simulated] * len(runs)).differences
        again = agreement(runs[:1], runs[-1:]).differences
        row: dict[str, Any] = {"profile": profile, "scheduler": scheduler, "rate_rps": rate}
        row["invalid"] = [run.digest.invalid for run in runs if run.digest.invalid is not None]
        for name in SHOWN:
            key = f"{name}@all" if name.startswith("tbt") else name
            row[name] = {
                "measured": error[key].reference,
                "predicted": error[key].other,
                "error": error[key].change,
                "again": again[key].change,
            }
        yield row


def _print(rows: Sequence[dict[str, Any]]) -> None:
    table = Table(box=None)
    for heading in ("profile", "scheduler", "req/s"):
        table.add_column(heading)
    for heading in (
        "TTFT P50",
        "predicted",
        "error",
        "A/A",
        "TBT P99",
        "predicted",
        "error",
        "A/A",
    ):
        table.add_column(heading, justify="right")
    for row in rows:
        cells = [row["profile"], row["scheduler"].partition(":")[0], f"{row['rate_rps']:g}"]
        for name in SHOWN:
            found = row[name]
            cells += [_ms(found["measured"]), _ms(found["predicted"])]
            cells += [_change(found["error"]), _change(found["again"])]
        table.add_row(*cells)
    Console().print(table)
    for name in SHOWN:
        inside = [
            abs(row[name]["error"] or math.inf) <= AIM for row in rows if row["profile"] == "all"
        ]
        print(f"{name}: {sum(inside)} of {len(inside)} predictions within {AIM:.0%}")
    invalid = [reason for row in rows for reason in row["invalid"]]
    print(f"runs that are no measurement: {len(invalid)}", *dict.fromkeys(invalid))


def _ms(value: float | None) -> str:
    return "-" if value is None or not math.isfinite(value) else f"{value * 1e3:.1f} ms"


def _change(value: float | None) -> str:
    return "-" if value is None else f"{value:+.1%}"


if __name__ == "__main__":
    main()
