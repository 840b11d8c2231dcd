"""Runs of other load generators as recordings of ours."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slaibench.backends.base import RunOutput
from slaibench.recording import store
from slaibench.recording.invariants import violation
from slaibench.recording.record import Recording, StepTable
from slaibench.spec import CellSpec, Clock, Convention
from slaibench.studies import from_disk
from slaibench.studies.cell_run import run_json
from slaibench.studies.code import code_of
from slaibench.studies.executors.cells import cell_folder
from slaibench.studies.interchange import aiperf, vllm_bench
from slaibench.studies.interchange.foreign_run import (
    ForeignFileError,
    ForeignRun,
    json_values,
    read_text,
)
from slaibench.studies.systems.imported import BACKEND, UNKNOWN, ImportedSystem, Labels
from slaibench.version import __version__
from slaibench.workloads.tiers import Tier

TIER = "all"


@dataclass(frozen=True, slots=True)
class _File:
    """Where the lengths of imported requests come from."""

    name: str
    note: str


def read(path: Path) -> list[ForeignRun]:
    """The runs of a result file, whosever it is.

    Raises:
        ForeignFileError: it is of no load generator that is known here, or lacks what is needed.
    """
    first = next(json_values(read_text(path), path), None)
    if vllm_bench.is_vllm_bench(first):
        return vllm_bench.read(path)
    if aiperf.is_aiperf(first):
        return aiperf.read(path)
    accepted = "vllm bench serve --save-result --save-detailed, or AIPerf's profile_export.jsonl"
    raise ForeignFileError(f"{str(path)!r} is no result file that can be imported: {accepted}")


def import_files(paths: Sequence[Path], labels: Labels, results: Path) -> list[Path]:
    """Make a recording of every run of these files.

    A run that is there already is not written again; another of the same label and rate is one more
    replicate.

    Args:
        results: folder of the recordings.

    Returns:
        The folders of the recordings, in the order of the files.

    Raises:
        ForeignFileError: a file cannot be used; then none is imported.
        RecordingError: ``results`` cannot be written, or holds what cannot be read.
        ValueError: a label is wrong.
    """
    Tier(TIER, 1.0, labels.tbt_slo_s)
    runs = [(path, place, run) for path in paths for place, run in enumerate(read(path))]
    store.check_writable(results)
    there = {folder: store.read_run(folder) for folder in store.find_runs(results)}
    folders = []
    for path, place, run in runs:
        digest = hashlib.sha256(path.read_bytes() + b"%d" % place).hexdigest()[:16]
        cell = _cell(run, labels)
        same = {
            facts["spec"]["seed"]: (folder, facts[BACKEND]["sha256"])
            for folder, facts in there.items()
            if facts["backend"]["name"] == BACKEND
            and from_disk.cell_of(facts, folder).key[:2] == cell.key[:2]
            and facts["spec"]["workload"] == cell.workload
        }
        seed = next((seed for seed, (_, other) in same.items() if other == digest), None)
        if seed is None:
            seed = max(same, default=-1) + 1
        cell = cell.model_copy(update={"seed": seed})
        folder = cell_folder(results, cell)
        if folder not in there:
            recording = _recording(run, cell, path.name, digest, labels)
            store.write(recording, folder)
            there[folder] = recording.run
        folders.append(folder)
    return folders


def _cell(run: ForeignRun, labels: Labels) -> CellSpec:
    system = ImportedSystem(labels.model or run.model or UNKNOWN, labels.hardware)
    code = code_of(ImportedSystem, Clock.REAL)
    return CellSpec.model_validate(
        {
            **system.identity(),
            "scheduler": labels.scheduler,
            "scheduler_options": {},
            "scheduler_source": None,
            "workload": labels.workload,
            "workload_fingerprint": labels.workload,
            "arrivals": "trace",
            "tiers": str(Tier(TIER, 1.0, labels.tbt_slo_s)),
            "rate_rps": run.offered_rps,
            "seed": 0,
            "num_requests": len(run.requests),
            "max_total_tokens": None,
            "horizon_s": None,
            "convention": Convention.STRICT,
            "early_stop": False,
            "slaibench_version": __version__,
            "code_fingerprint": code.fingerprint,
        }
    )


def _recording(
    run: ForeignRun, cell: CellSpec, name: str, digest: str, labels: Labels
) -> Recording:
    table = run.table(TIER, labels.tbt_slo_s)
    steps = StepTable.empty()
    if wrong := violation(table, steps, None):
        raise ForeignFileError(f"{name!r} cannot be a run: {wrong}")
    output = RunOutput(
        requests=table,
        steps=steps,
        end_s=float(max(table.token_times_s.max(initial=0.0), table.due_s.max())),
        stopped_early=None,
        facts={"clock": "real", BACKEND: {"tool": run.tool, "file": name, "sha256": digest}},
        notes=run.notes,
    )
    facts = run_json(
        cell,
        output,
        None,
        scheduler=cell.scheduler,
        system=ImportedSystem(cell.model, cell.hardware or UNKNOWN),
        code=code_of(ImportedSystem, Clock.REAL),
        source=_File(cell.workload, f"requests of {run.tool} ({name})"),
    )
    return Recording(facts, table, steps)
