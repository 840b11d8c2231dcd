"""What a GPU session showed, beside what the simulator says of the same cells.

usage: python -m benchmarks.gpu.summary SESSION --out results/gpu/NAME [--gpu h200] [--emulated]

Reads the folder that ``benchmarks.gpu.session`` wrote, or one that this program left; leaves the
calibrated profile, one line a stage with its clocks, and ``summary.json``: the schedulers against
each other, paired, and latencies of each cell as measured and as predicted: by the simulator with
the calibrated profile, with the catalog's (``--gpu``), and by the engine that is installed here on
an emulated device with the calibrated profile (``--emulated``). Strict convention; the warm-up cut
of the measured run is used for all.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from slaibench.measure.latency import request_values, token_gaps
from slaibench.measure.metrics import run_metrics
from slaibench.measure.paired import paired_ratio
from slaibench.recording import store
from slaibench.recording.record import FloatArray, Recording
from slaibench.spec import Device, StudySpec
from slaibench.studies.calibration.store import PROFILE
from slaibench.studies.prepared import prepare

SESSION = "session.jsonl"
RECORDINGS = "recordings"
PERCENTILES = {"ttft_p50_s": 0.5, "ttft_p90_s": 0.9}


def recordings(folder: Path) -> list[Recording]:
    """Those of a GPU session, by path."""
    return [store.read(path) for path in store.find_runs(folder / RECORDINGS)]


def predicted(recording: Recording, **profile: Any) -> Recording:
    """The cell of a recording from the simulator.

    Raises:
        ValueError: it has other requests than the engine had.
    """
    cell = recording.run["spec"]
    spec = StudySpec(
        schedulers=(cell["scheduler"],),
        num_seeds=1,
        rates=(cell["rate_rps"],),
        num_requests=cell["num_requests"],
        workload=cell["workload"],
        max_total_tokens=cell["max_total_tokens"],
        model=cell["model"],
        **profile,
    )
    prepared = prepare(spec)
    simulated = prepared.run(prepared.cell(cell["scheduler"], cell["rate_rps"], cell["seed"]))
    ours, theirs = simulated.requests, recording.requests
    if not (
        np.array_equal(ours.prompt_tokens, theirs.prompt_tokens)
        and np.array_equal(ours.output_tokens, theirs.output_tokens)
        and np.array_equal(ours.due_s, theirs.due_s)
    ):
        raise ValueError(f"{recording.path}: its requests are not those of {cell['workload']}")
    return simulated


def ttft_s(recording: Recording, from_s: float) -> FloatArray:
    """Of requests due from a time on (``measure.latency.request_values``)."""
    table = recording.requests
    return request_values(table, "ttft", recording.run["end_s"])[table.due_s >= from_s]


def latencies(recording: Recording, from_s: float) -> dict[str, float]:
    """TTFT and TBT (gaps between tokens) of requests due from a time on; seconds."""
    table = recording.requests
    gaps = token_gaps(table, table.due_s >= from_s).values
    first = ttft_s(recording, from_s)
    return {
        "requests": len(first),
        **{name: float(np.quantile(first, q)) for name, q in PERCENTILES.items()},
        "tbt_p50_s": float(np.median(gaps)),
        "tbt_p99_s": float(np.quantile(gaps, 0.99)),
    }


def cell_of(recording: Recording, profile: Path, gpu: str | None, emulated: bool) -> dict[str, Any]:
    """One cell: measured, predicted, and how far predictions are off; None from a measured 0."""
    cell = recording.run["spec"]
    from_s = run_metrics(recording).window_s[0]
    rows = {"measured": latencies(recording, from_s)}
    rows["calibrated"] = latencies(predicted(recording, profile=str(profile)), from_s)
    if gpu:
        rows["catalog"] = latencies(predicted(recording, gpu=gpu), from_s)
    if emulated:
        engine = recording.run["backend"]["name"]
        emulation = predicted(
            recording, profile=str(profile), backend=engine, device=Device.EMULATED
        )
        rows["emulated"] = latencies(emulation, from_s)
    errors = {
        name: {
            key: row[key] / rows["measured"][key] - 1 if rows["measured"][key] else None
            for key in row
            if key != "requests"
        }
        for name, row in rows.items()
        if name != "measured"
    }
    return {
        "scheduler": cell["scheduler"],
        "rate_rps": cell["rate_rps"],
        "seed": cell["seed"],
        "window_from_s": from_s,
        "kv_blocks": recording.run["kv_blocks"],
        "notes": recording.run["notes"],
        **rows,
        "errors": errors,
    }


def pairs(recordings: Sequence[Recording]) -> list[dict[str, Any]]:
    """Median TTFT of every two schedulers at the same rate, paired by request."""
    rows = []
    for a, b in combinations(recordings, 2):
        spec, other_spec = a.run["spec"], b.run["spec"]
        if any(spec[key] != other_spec[key] for key in ("rate_rps", "seed", "num_requests")):
            continue
        from_s = max(run_metrics(recording).window_s[0] for recording in (a, b))
        ratio = paired_ratio([ttft_s(a, from_s)], [ttft_s(b, from_s)]).as_change()
        rows.append(
            {
                "rate_rps": spec["rate_rps"],
                "seed": spec["seed"],
                "a": spec["scheduler"],
                "b": other_spec["scheduler"],
                "ttft_p50_change": ratio.estimate,
                "interval": [ratio.low, ratio.high],
                "note": ratio.note,
            }
        )
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("session", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--gpu", help="whose profile of the catalog is compared with it as well")
    parser.add_argument(
        "--emulated", action="store_true", help="the engine on an emulated device as well"
    )
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    fresh = args.session / "calibration" / PROFILE
    profile = fresh if fresh.exists() else args.session / PROFILE
    for file in (profile, args.session / SESSION):
        if file.parent.resolve() != args.out.resolve():
            shutil.copyfile(file, args.out / file.name)
    runs = recordings(args.session)
    about = {key: runs[0].run[key] for key in ("versions", "hardware", "backend", "client")}
    (args.out / "run.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    summary = {
        "cells": [cell_of(run, profile, args.gpu, args.emulated) for run in runs],
        "pairs": pairs(runs),
    }
    text = json.dumps(summary, indent=1) + "\n"
    (args.out / "summary.json").write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
