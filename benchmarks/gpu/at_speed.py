"""Each cell once more from the simulator, at the speed that the run's own largest batches had.

usage: python -m benchmarks.gpu.at_speed FOLDER [--captured 256]

Batches of more tokens than the engine had CUDA graphs for are as fast as the host is at the time.
To each of them one constant is added, the one with which the run's largest batches take as long on
average as they did in it. It says what the simulator and the rest of the profile are wrong by; it
is no forecast, as the constant comes from the run. ``FOLDER``: as ``benchmarks.gpu.summary`` left
it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.gpu.batches import times_ms
from benchmarks.gpu.summary import latencies, predicted, recordings
from slaibench.measure.metrics import run_metrics
from slaibench.recording.record import Recording, StepTable
from slaibench.studies.calibration.store import PROFILE

TURNS = 3
"""Until the constant moves no more: with other times other batches come together."""
SHOWN = ("ttft_p50_s", "ttft_p90_s", "tbt_p50_s", "tbt_p99_s")


def slowed(profile: Path, added_ms: float, captured: int, folder: Path) -> Path:
    """The profile with a constant on all batches of more than so many tokens."""
    values = json.loads(profile.read_text(encoding="utf-8"))
    linear = values["linear"]
    linear["ms"] = [
        ms + (added_ms if tokens > captured else 0.0)
        for tokens, ms in zip(linear["tokens"], linear["ms"], strict=True)
    ]
    path = folder / PROFILE
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


def largest_ms(steps: StepTable, tokens: int) -> float:
    """What batches of so many tokens take on average."""
    return float(np.mean(times_ms(steps)[steps.tokens == tokens]))


def at_speed(recording: Recording, profile: Path, captured: int) -> tuple[float, Recording]:
    """The constant in milliseconds, and the cell with it."""
    steps = recording.steps
    most = int(steps.tokens.max())
    added_ms = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(TURNS):
            path = slowed(profile, added_ms, captured, Path(folder))
            steps_now = predicted(recording, profile=str(path)).steps
            added_ms += largest_ms(steps, most) - largest_ms(steps_now, most)
        path = slowed(profile, added_ms, captured, Path(folder))
        return added_ms, predicted(recording, profile=str(path))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--captured", type=int, default=256)
    args = parser.parse_args(argv)
    print("scheduler  req/s  added, ms  TTFT P50     P90  TBT P50     P99")
    for run in recordings(args.folder):
        added_ms, again = at_speed(run, args.folder / PROFILE, args.captured)
        from_s = run_metrics(run).window_s[0]
        was, now = (latencies(cell, from_s) for cell in (run, again))
        errors = "".join(f"{now[key] / was[key] - 1:+8.1%}" for key in SHOWN)
        spec = run.run["spec"]
        print(f"{spec['scheduler']:10} {spec['rate_rps']:5g}  {added_ms:+9.2f}  {errors}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
