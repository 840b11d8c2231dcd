"""Small studies over real simulations: short requests, so that a cell takes milliseconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from slaibench.recording import store
from slaibench.recording.record import Recording
from slaibench.spec import StudySpec
from slaibench.studies import capacity as capacity_study
from slaibench.studies import compare as compare_study
from slaibench.studies import sweep as sweep_study
from slaibench.studies.capacity import CapacityResult
from slaibench.studies.compare import CompareResult
from slaibench.studies.crosscheck import study as crosscheck_study
from slaibench.studies.crosscheck.study import CrosscheckResult
from slaibench.studies.executors import CellResult
from slaibench.studies.lifecycle import OnCell, quiet
from slaibench.studies.sweep import SweepResult

WORKLOAD = "uniform:prompt=200-1800,output=20-120"
"""Carried up to some 30 requests/s by one H100."""
H100 = Path(__file__).parent / "h100_mistral-7b.json"
"""Profile of an H100 that tests of statistics run on: the one that ships may change."""
BROKEN_LATE = '''
from slaibench.schedulers.sarathi import Sarathi

class Late(Sarathi):
    """Breaks its contract once the run has gone on for a while."""

    def schedule(self, view):
        batch = super().schedule(view)
        if view.now_s > AFTER_S and batch.decodes:
            batch.decodes = batch.decodes + batch.decodes
        return batch
'''


def study(**fields: Any) -> StudySpec:
    """A study of 60 requests a cell, one seed, unless told otherwise."""
    small = {"workload": WORKLOAD, "rates": (5.0,), "num_requests": 60, "num_seeds": 1}
    return StudySpec(**{**small, **fields})


def sweep(spec: StudySpec, results: Path, *, on_cell: OnCell = quiet, **how: Any) -> SweepResult:
    """A sweep, planned and run."""
    return sweep_study.run(sweep_study.plan(spec, results, **how), on_cell)


def compare(
    spec: StudySpec, results: Path, *, on_cell: OnCell = quiet, **how: Any
) -> CompareResult:
    """A comparison, planned and run."""
    return compare_study.run(compare_study.plan(spec, results, **how), on_cell)


def find_capacity(
    spec: StudySpec, results: Path, *, on_cell: OnCell = quiet, **how: Any
) -> list[CapacityResult]:
    """A capacity search, planned and run."""
    return capacity_study.run(capacity_study.plan(spec, results, **how), on_cell)


def validate(
    spec: StudySpec, between: Sequence[str], results: Path, *, on_cell: OnCell = quiet, **how: Any
) -> CrosscheckResult:
    """A cross-check of backends, planned and run."""
    return crosscheck_study.run(crosscheck_study.plan(spec, between, results, **how), on_cell)


def rewritten(folder: Path, **change: Any) -> None:
    """A recording written anew, whole, with other values in its ``run.json``."""
    recording = store.read(folder)
    store.write(replace(recording, run={**recording.run, **change}), folder)


def recordings(results: Path) -> dict[str, Recording]:
    """Every recording under a folder, by its place in it."""
    return {str(path.relative_to(results)): store.read(path) for path in store.find_runs(results)}


def contents(results: Path) -> dict[str, bytes]:
    """Every file under a folder, by its place in it."""
    files = (path for path in sorted(results.rglob("*")) if path.is_file())
    return {str(path.relative_to(results)): path.read_bytes() for path in files}


def loaded(cells: Iterable[CellResult]) -> list[CellResult]:
    """A study's cells without the runs that measure saturated throughputs."""
    return [result for result in cells if result.cell.overload is None]
