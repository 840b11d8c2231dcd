"""All that one GPU session measures, with one server, in the order of its worth.

usage: python -m benchmarks.gpu.session --out DIR [--backend vllm|sglang] [--device cuda|cpu]
           [--model mistral-7b] [--minutes 12] [--loads 0.9,0.75,1.0 | --rates 6,8]
           [--engine-args '--compilation-config.max_cudagraph_capture_size=512'] ...

Greedy token ids, a calibration, a comparison at rates around capacity, the cost of a decode step.
Everything is written as it comes. The same command goes on where an interrupted one was; what does
not fit into the minutes is left out and said so in ``session.jsonl``.
"""

from __future__ import annotations

import argparse
import json
import os
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu.arguments import parsed
from benchmarks.gpu.decode_cost import decode_cost
from benchmarks.gpu.greedy import greedy, prompts
from benchmarks.gpu.summary import RECORDINGS, SESSION
from benchmarks.lent import Lent
from slaibench.backends.engines.served import ServedEngine
from slaibench.catalog.model import get_model
from slaibench.machine import hardware
from slaibench.machine.clocks import Clocks
from slaibench.schedulers.engine_default import EngineDefault
from slaibench.spec import CellSpec, Device, StudySpec
from slaibench.studies.calibration import study as calibration
from slaibench.studies.calibration.session import Budget
from slaibench.studies.calibration.store import PROFILE
from slaibench.studies.executors import LOGS, CellWork
from slaibench.studies.prepared import PreparedStudy, prepare

STAGES = ("start", "greedy", "calibrate", "compare", "cost")
BACKLOG = 400
HANGS = 5
"""Exit status when the engine does not come up, as opposed to failing."""
SPARE_S = 8.0
"""Left at the end for what remains to be written."""


class Session:
    """One GPU session.

    Args:
        out: folder of everything.
        minutes: nothing begins that would not end within them.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.out: Path = args.out
        self.out.mkdir(parents=True, exist_ok=True)
        self._deadline_s = time.monotonic() + 60 * args.minutes
        self.spec = self._spec()
        self.prepared = prepare(self.spec).logging_to(self.out / LOGS)
        self._clocks = Clocks(self.out / "clocks.csv")
        self._fine = True

    @property
    def left_s(self) -> float:
        return self._deadline_s - SPARE_S - time.monotonic()

    def run(self) -> bool:
        """All stages, also after one that failed. Returns whether all ran, and every cell."""
        with self._clocks, self.prepared:
            for name in self.args.stages.split(","):
                begun = datetime.now().astimezone()
                try:
                    result = getattr(self, name)()
                except Exception as error:
                    self._fine = False
                    result = {"error": f"{type(error).__name__}: {error}"}
                    (self.out / f"{name}.traceback").write_text(traceback.format_exc())
                self.note(name, begun, result)
                if name == "start" and not self._fine:
                    break
        return self._fine

    def note(self, what: str, begun: datetime, result: Any) -> None:
        """Add a line to ``session.jsonl``, with the clocks since ``begun``."""
        ended = datetime.now().astimezone()
        line = {
            "what": what,
            "begun": begun.isoformat(),
            "took_s": round((ended - begun).total_seconds(), 3),
            "left_s": round(self.left_s, 1),
            "clocks": self._clocks.between(begun, ended),
            "result": result,
        }
        with (self.out / SESSION).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, default=str) + "\n")
        print(f"{ended:%H:%M:%S} {what}: {json.dumps(result, default=str)[:600]}", flush=True)

    def start(self) -> dict[str, Any]:
        """Start the engine and warm it up; ends the program where that hangs."""
        limit = threading.Timer(self.args.start_limit, os._exit, (HANGS,))
        limit.start()
        try:
            header = self._served().running().header
        finally:
            limit.cancel()
        return {"kv_blocks": header.total_blocks, "block_size": header.block_size}

    def greedy(self) -> dict[str, Any]:
        """Token ids under each scheduler against the engine's own."""
        backend = self._served()
        engine = self.args.backend
        model = get_model(self.args.model)
        names = [name for name in self.spec.schedulers if not name.startswith(OWN)]
        args = self.args
        ids = prompts(model.vocab, args.greedy_requests, args.max_context_tokens)
        return greedy(backend.running(), engine, model.name, ids, names)

    def calibrate(self) -> dict[str, Any]:
        """A profile of this machine (``slaibench calibrate``), on the session's own server."""
        args, prepared = self.args, self.prepared
        budget, active = (
            max(getattr(info, key) for info in prepared.scheduler_infos) for key in LIMITS
        )
        minutes = min(args.calibrate_minutes, self.left_s / 60)
        plan = calibration.plan(
            self.spec,
            self.out / "calibration",
            Budget(minutes, args.rounds),
            token_budget=budget,
            max_active=active,
            name=args.name,
        )
        if plan.system != prepared.system:
            raise ValueError(
                f"the calibration is of {plan.system}, the comparison of {prepared.system}"
            )

        begun: list[tuple[str, datetime]] = []

        def on_phase(number: int, phase: str) -> None:
            ended()
            begun.append((f"calibrate: round {number}, {phase}", datetime.now().astimezone()))

        def ended() -> None:
            if begun:
                self.note(*begun.pop(), None)

        result = calibration.run(replace(plan, system=Lent(self._served(), ended)), on_phase)
        values = result.to_json()
        shown = ("rounds", "kv_blocks", "errors", "step_overhead_s", "delivery_s")
        return {key: values[key] for key in shown}

    def compare(self) -> dict[str, Any]:
        """The schedulers under the same requests, rate by rate, while there is time."""
        rates = self._rates()
        spec = self.prepared.spec.model_copy(update={"rates": tuple(sorted(rates))})
        prepared = replace(self.prepared, spec=spec)
        results = self.out / RECORDINGS
        summary = prepared.targets.summarizer()
        last_s, left_out, failed = 0.0, [], []
        for cell in self._cells(prepared, rates):
            name = f"{cell.scheduler} at {cell.rate_rps:g}, seed {cell.seed}"
            if last_s > self.left_s:
                left_out.append(name)
                continue
            begun, begun_s = datetime.now().astimezone(), time.monotonic()
            try:
                got = CellWork(prepared, results, summary, fresh=False).obtain(cell)
            except Exception as error:
                self.note(name, begun, {"error": str(error)})
                failed.append(name)
                self._fine = False
                continue
            if not got.reused:
                last_s = max(last_s, time.monotonic() - begun_s)
            self.note(name, begun, {"folder": str(got.folder.relative_to(self.out))})
        return {"rates": rates, "left_out": left_out, "failed": failed}

    def _cells(self, prepared: PreparedStudy, rates: Sequence[float]) -> list[CellSpec]:
        """In the order of the rates as they were given: what is left out is at the end. Those of
        the engine's own scheduler come last: it has a server to itself, which takes a minute."""
        once = self.args.only_first
        everywhere = [name for name in prepared.spec.schedulers if name not in once]
        seeds = range(prepared.spec.first_seed, prepared.spec.first_seed + prepared.spec.num_seeds)
        cells = [
            prepared.cell(scheduler, rate, seed)
            for seed in seeds
            for rate, names in [*((rate, everywhere) for rate in rates), (rates[0], once)]
            for scheduler in names
        ]
        return sorted(cells, key=lambda cell: cell.scheduler.partition(":")[0] == OWN)

    def cost(self) -> list[dict[str, Any]]:
        """Time of a decode step under each scheduler."""
        if self.left_s < 20:
            return []
        active = min(info.max_active for info in self.prepared.scheduler_infos)
        budget = min(info.token_budget for info in self.prepared.scheduler_infos)
        limits = f":token_budget={budget},max_active={active}"
        texts = [f"{name}{limits}" for name in (OWN, "sarathi", "slai", "hrrn")]
        return decode_cost(self._served(), texts, [active], self.args.cost_tokens)

    def _served(self) -> ServedEngine:
        backend = self.prepared.service.backend()
        assert isinstance(backend, ServedEngine)
        return backend

    def _rates(self) -> tuple[float, ...]:
        """Those that were given, or shares of what the calibrated simulator carries."""
        if self.args.rates:
            return tuple(map(float, self.args.rates.split(",")))
        profile = self.out / "calibration" / PROFILE
        spec = StudySpec(
            schedulers=(self.args.reference,),
            num_seeds=1,
            rates=(1.0,),
            num_requests=BACKLOG,
            arrivals="burst",
            workload=self.args.workload,
            profile=str(profile),
            max_total_tokens=self.args.max_total_tokens,
            early_stop=False,
        )
        prepared = prepare(spec)
        ends = np.sort(prepared.run(prepared.cells()[0]).requests.last_token_s)
        first, last = len(ends) // 5, len(ends) * 4 // 5
        carried = float((last - first) / (ends[last] - ends[first]))
        rates = [round(carried * float(load), 2) for load in self.args.loads.split(",")]
        print(f"the simulator carries {carried:.2f} requests/s: rates {rates}", flush=True)
        return tuple(rates)

    def _spec(self) -> StudySpec:
        args = self.args
        return StudySpec(
            schedulers=tuple(args.scheduler),
            num_seeds=args.seeds,
            rates=(1.0,),
            num_requests=args.requests,
            workload=args.workload,
            backend=args.backend,
            device=Device(args.device),
            engine_args=args.engine_args,
            model=args.model,
            max_context_tokens=args.max_context_tokens,
            max_total_tokens=args.max_total_tokens,
        )


LIMITS = ("token_budget", "max_active")
OWN = EngineDefault.name


def main(argv: Sequence[str] | None = None) -> int:
    session = Session(parsed(argv, (__doc__ or "").partition("\n")[0], STAGES))
    session.note("hardware", datetime.now().astimezone(), hardware.facts(session.args.device))
    return 0 if session.run() else 1


if __name__ == "__main__":
    raise SystemExit(main())
