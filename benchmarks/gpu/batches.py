"""How long batches took by their size, as the engine ran them and as a profile has them.

usage: python -m benchmarks.gpu.batches FOLDER [--profile FILE] [--captured 256]

Reads the recordings of ``FOLDER``, which ``benchmarks.gpu.summary`` left; the profile is that
folder's unless another is named. ``--captured``: tokens of the largest batch with a CUDA graph,
which is where sizes are cut. A second table says how the same kinds of batches swing in time: what
a line through decodes and KV tokens does not explain, in medians over some seconds.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.gpu.summary import predicted, recordings
from slaibench.recording.record import FloatArray, Recording, StepTable
from slaibench.studies.calibration.store import PROFILE

FEW = 20
"""Of fewer batches no percentile is shown."""
STRETCH_S = 2.5
FEW_IN_A_STRETCH = 10


def kinds(steps: StepTable, captured: int) -> dict[str, npt.NDArray[np.bool_]]:
    """Which batches are of which size."""
    tokens = steps.tokens
    alone = steps.prefill_tokens == 0
    largest = int(tokens.max())
    return {
        "decodes, up to 32": alone & (tokens <= 32),
        "decodes, 33 and more": alone & (tokens > 32),
        f"with a chunk, up to {captured}": ~alone & (tokens <= captured),
        f"with a chunk, over {captured}": ~alone & (tokens > captured) & (tokens < largest),
        f"with a chunk, {largest}": ~alone & (tokens == largest),
    }


def times_ms(steps: StepTable) -> FloatArray:
    """From a batch's decision until its tokens are known."""
    times: FloatArray = 1e3 * (steps.end_s - steps.start_s)
    return times


def rows(recording: Recording, profile: Path, captured: int) -> list[str]:
    """A line of the table for each kind of batch of a run."""
    ours, theirs = recording.steps, predicted(recording, profile=str(profile)).steps
    spec = recording.run["spec"]
    lines = []
    simulated = kinds(theirs, captured)
    for kind, chosen in kinds(ours, captured).items():
        if chosen.sum() < FEW:
            continue
        low, middle, high = np.percentile(times_ms(ours)[chosen], (5, 50, 95))
        same = times_ms(theirs)[simulated[kind]] if kind in simulated else np.empty(0)
        profile_ms = f"{np.median(same):6.1f}" if len(same) >= FEW else "     -"
        lines.append(
            f"{spec['scheduler']:10} {spec['rate_rps']:4g}  {kind:26} {chosen.sum():6,}"
            f"  {low:6.1f} {middle:6.1f} {high:6.1f}  {high / low:5.2f}  {profile_ms}"
        )
    return lines


def swing(steps: StepTable, chosen: npt.NDArray[np.bool_]) -> list[float]:
    """How far medians over ``STRETCH_S`` lie from what decodes and KV tokens explain.

    Returns:
        5th, 50th and 95th percentile over all stretches, as factors.
    """
    factors = np.column_stack([np.ones(len(steps)), steps.decodes, steps.kv_blocks_used])[chosen]
    times = times_ms(steps)[chosen]
    explained = factors @ np.linalg.lstsq(factors, times)[0]
    stretch = steps.start_s[chosen] // STRETCH_S
    medians = [
        np.median((times / explained)[stretch == piece])
        for piece in np.unique(stretch)
        if (stretch == piece).sum() > FEW_IN_A_STRETCH
    ]
    return np.percentile(medians, (5, 50, 95)).tolist()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--profile", type=Path)
    parser.add_argument("--captured", type=int, default=256)
    args = parser.parse_args(argv)
    profile = args.profile or args.folder / PROFILE
    head = f"{'scheduler':9} req/s  {'batches':26} {'number':>6}"
    print(f"{head}  {'ms P5':>6} {'P50':>6} {'P95':>6}   95/5  profile P50")
    runs = recordings(args.folder)
    for run in runs:
        print("\n".join(rows(run, profile, args.captured)))
    print(f"\nin stretches of {STRETCH_S:g} s, against what decodes and KV tokens explain")
    for run in runs:
        steps, spec = run.steps, run.run["spec"]
        tokens = steps.tokens
        for kind, chosen in (
            ("decodes", steps.prefill_tokens == 0),
            (f"with a chunk, {tokens.max()}", tokens == tokens.max()),
        ):
            low, middle, high = swing(steps, chosen)
            cell = f"{spec['scheduler']:10} {spec['rate_rps']:4g}"
            print(f"{cell}  {kind:26} {low:6.2f} {middle:6.2f} {high:6.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
