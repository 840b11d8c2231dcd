"""What an engine spends beside its GPU, from a calibration: its steps less a compiled profile's.

usage: python -m benchmarks.gpu.host_time FOLDER --gpu h200 [--since 0.14] [--keep]

``FOLDER``: as ``benchmarks.gpu.summary`` left it. Of batches of decodes alone, since the engine has
CUDA graphs of all of them: a batch without one waits for its kernels' launches, which is another
thing (docs/gpu.md). Cells that the calibration holds out are not fitted; errors are of them. The
recordings of the folder are not looked at, and the board scores them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np

from slaibench.catalog import get_profile
from slaibench.catalog.fields import Fields, read_object
from slaibench.catalog.host import FILE, Between, Host, HostTime, host_document, host_times
from slaibench.catalog.profile import Status
from slaibench.costmodel import CostModel
from slaibench.machine.atomic_write import write_whole
from slaibench.studies.board.fit import least_absolute, rounded
from slaibench.studies.calibration.design import ProbeKind, ProbeLimits, phases
from slaibench.studies.calibration.profile_json import Memory
from slaibench.studies.calibration.samples import Sample, held_out_errors, samples
from slaibench.studies.calibration.store import Folder


def decode_samples(folder: Folder) -> list[Sample]:
    """The typical step of each cell of decodes alone."""
    about = folder.about()
    identity = about["identity"]
    limits = ProbeLimits(
        identity["token_budget"], identity["max_active"], identity["max_context_tokens"]
    )
    measured = []
    for phase in phases(limits.scope(Memory(**about["facts"]).tokens)):
        rounds = []
        while (steps := folder.steps(len(rounds) + 1, phase.name)) is not None:
            rounds.append(steps)
        measured += samples(phase.name, phase.cells, rounds)
    return [sample for sample in measured if sample.kind is ProbeKind.DECODE]


def fitted(measured: Sequence[Sample], model: CostModel) -> tuple[float, float]:
    """Milliseconds of a step, and for each sequence, with the least absolute relative error.

    Args:
        model: of the device; its own time between steps does not count.
    """
    seen = [sample.step for sample in measured if not sample.cell.held_out]
    device_s = [model.batch_time_s(step.decodes, step.context_tokens, []) for step in seen]
    cycle_s = np.array([step.cycle_s for step in seen])
    sequences = np.array([float(step.decodes) for step in seen])
    terms = np.stack([np.ones(len(seen)), sequences], axis=1)
    step_ms, sequence_ms = 1e3 * least_absolute(terms, cycle_s - device_s, cycle_s)
    return rounded(step_ms), rounded(sequence_ms)


def host_time(root: Path, gpu: str, since: str) -> tuple[HostTime, str]:
    """The entry for the catalog, and how far it is from the cells that are held out.

    Raises:
        ValueError: the catalog has no compiled profile of what was calibrated.
    """
    folder = Folder(root / "calibration")
    identity = folder.about()["identity"]
    engine, release = identity["engine"].split()
    profile = get_profile(gpu, identity["model"])
    if profile.status is not Status.COMPILED:
        raise ValueError(f"profile {profile.name} is {profile.status}, not compiled of operators")
    measured = decode_samples(folder)
    step_ms, sequence_ms = fitted(measured, CostModel(profile))
    count = sum(not sample.cell.held_out for sample in measured)
    source = (
        f"{count} batches of decodes in a calibration of {engine} {release} on "
        f"{identity['hardware']}, {identity['model']} (results/gpu/{root.resolve().name})"
    )
    entry = HostTime(
        engine, False, "", step_ms, sequence_ms, 0.0, count, 1, since=since, source=source
    )
    timed = replace(profile, host=Host(Between(step_ms, sequence_ms)))
    (errors,) = held_out_errors(CostModel(timed, asynchronous=False), measured)
    words = (
        f"{errors.num_cells} batches that were held out: median error {errors.median:.1%}, P95 "
        f"{errors.p95:.1%}, bias {errors.bias:+.1%}"
    )
    return entry, words


def keep(entry: HostTime) -> Path:
    """Put it into the catalog's file, of the code that runs, in the place of one like it."""
    path = Path(str(files("slaibench.catalog.data"))) / FILE
    source = Fields(read_object(path), FILE).text("source")
    others = [time for time in host_times() if time.place != entry.place]
    write_whole(path, host_document([*others, entry], source))
    return path


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gpu", required=True, help="whose compiled profile has the device's time")
    parser.add_argument("--since", default="0.14", help="first release that it is taken for")
    parser.add_argument("--keep", action="store_true", help="in the catalog")
    args = parser.parse_args(argv)
    entry, words = host_time(args.folder, args.gpu, args.since)
    print(
        f"{entry.engine}, synchronous, from {entry.since} on: {entry.step_ms:g} ms a step and "
        f"{entry.sequence_ms:g} ms a sequence, by {entry.source}"
    )
    print(words)
    if args.keep:
        print(f"kept in {keep(entry)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
