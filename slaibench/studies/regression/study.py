"""A regression run: planned, which checks it before any work; then run, and judged."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from slaibench.measure.regression import ChangeVerdict
from slaibench.recording import store
from slaibench.spec import Clock, StudySpec
from slaibench.studies.executors import local_jobs, open_executor
from slaibench.studies.lifecycle import OnCell, collect, quiet
from slaibench.studies.prepared import PreparedStudy, prepare
from slaibench.studies.regression import against, baseline, interleave, metrics
from slaibench.studies.regression.against import Side
from slaibench.studies.regression.baseline import DEFAULT_MARGIN, DEFAULT_SEEDS, Baseline
from slaibench.studies.regression.judge import Sides, rows_of, sides_of
from slaibench.studies.regression.notes import code_notes, differences, noise_note, seeds_notes
from slaibench.studies.regression.replicate import Reader, Replicate
from slaibench.studies.regression.result import RegressResult
from slaibench.studies.systems.table import describe_run


@dataclass(frozen=True)
class RegressPlan:
    """A regression run that can be made.

    Args:
        folder: of the baseline.
        prepared: what is run.
        old: the baseline; None: there is none yet.
        metrics, margin: what is judged, and how far it may move.
        update: whether what comes out becomes the baseline.
        other: who is run beside us; None: ours are compared with the stored numbers.
        results: folder for the recordings; None: they are not kept.
        jobs: cells at a time.
    """

    folder: Path
    prepared: PreparedStudy
    old: Baseline | None
    metrics: tuple[str, ...]
    margin: float
    update: bool
    other: Side | None
    results: Path | None
    jobs: int

    @property
    def real(self) -> bool:
        return self.prepared.spec.clock is Clock.REAL


def plan(
    folder: Path,
    results: Path | None = None,
    *,
    update: bool = False,
    other: str | None = None,
    margin: float | None = None,
    names: Sequence[str] = (),
    jobs: int | None = None,
    **spec: Any,
) -> RegressPlan:
    """Check everything about a regression run that can be refused before any work is done.

    Args:
        folder: the baseline's.
        results: folder for the recordings; None: they are not kept.
        update: write it anew from what comes out.
        other: ``--against``.
        margin: None: the baseline's, or 5 %.
        names: metrics to judge; none: the baseline's, or the default ones.
        **spec: fields of the specification that are not to be the baseline's.

    Raises:
        ValueError: there is no such baseline, or something does not go with it.
        RecordingError: ``results`` cannot be written.
    """
    there = (folder / baseline.FILE).exists()
    if update and other is not None:
        raise ValueError("--update writes what this code gives: leave --against out")
    old = baseline.read(folder) if there or not update else None
    fields: dict[str, Any] = {"num_seeds": DEFAULT_SEEDS} if old is None else old.spec.model_dump()
    study = StudySpec.model_validate({**fields, **spec})
    if not study.rates:
        raise ValueError("a baseline needs at least one rate; give --rates start:stop[:step]")
    margin = margin if margin is not None else old.margin if old else DEFAULT_MARGIN
    if not 0 < margin < 1:
        raise ValueError(f"--margin {margin:g} must lie between 0 and 1; 0.05 is 5 %")
    judged = metrics.check(names) or (old.metrics if old else metrics.defaults())
    if not update and old is not None and not set(judged) <= set(old.metrics) and other is None:
        missing = ", ".join(sorted(set(judged) - set(old.metrics)))
        raise ValueError(f"the baseline has no {missing}: leave it out, or add it with --update")
    prepared = prepare(study)
    # A default workload depends on what is at hand; a baseline must not.
    named = prepared.spec.model_copy(update={"workload": study.workload or prepared.source.name})
    prepared = replace(prepared, spec=named)
    if old is not None and not update and other is None:
        _check_common(old, named)
    side = against.find(other) if other is not None else None
    if side is not None and side.url is not None and named.url is None:
        raise ValueError(f"--against {side.url}: this baseline is not of an endpoint")
    if results is not None:
        store.check_writable(results)
    return RegressPlan(
        folder=folder,
        prepared=prepared,
        old=old,
        metrics=judged,
        margin=margin,
        update=update,
        other=side,
        results=results,
        jobs=local_jobs(prepared, jobs),
    )


def run(plan: RegressPlan, on_cell: OnCell = quiet) -> RegressResult:
    """Run, judge, and with ``update`` write the baseline, unless a run is no measurement.

    Nothing on disk is reused: a recording knows an engine by its version only, and whoever works on
    an engine does not change that.

    Raises:
        RecordingError, BackendError, SchedulerError: a cell cannot be had.
    """
    with _folder(plan.results) as folder:
        if plan.other is not None:
            return _against_another(plan, plan.other, folder, on_cell)
        return _against_stored(plan, folder, on_cell)


def _against_stored(plan: RegressPlan, folder: Path, on_cell: OnCell) -> RegressResult:
    prepared, old = plan.prepared, plan.old
    # An update finds its cuts itself: later runs are measured by them.
    measured = old.replicates if old is not None and not plan.update else ()
    cuts = {replicate.key: replicate.cut_s for replicate in measured}
    reader = Reader(prepared.spec.convention.value, plan.metrics, cuts)
    with open_executor(prepared, folder, reader, jobs=plan.jobs, fresh=True) as executor:
        cells = collect(executor, prepared.cells(), on_cell)
    new = _baseline_of(plan, tuple(cell.summary for cell in cells), cells[0].folder)
    result = _compared(plan, new)
    if plan.update and not result.invalid:
        baseline.write(new, plan.folder)
    return result


def _against_another(
    plan: RegressPlan, other: Side, folder: Path, on_cell: OnCell
) -> RegressResult:
    prepared = plan.prepared
    reader = Reader(prepared.spec.convention.value, plan.metrics, {})
    runs = interleave.both(other, prepared, reader, folder, plan.jobs, on_cell)
    new = _baseline_of(plan, runs.after, runs.first)
    sides = sides_of(runs.before, runs.after)
    notes = seeds_notes(sides)
    if plan.real:
        notes.append(noise_note(runs.before, plan.margin))
    return _result(plan, new, other.words, sides, notes)


def _compared(plan: RegressPlan, new: Baseline) -> RegressResult:
    old = plan.old
    if old is None:
        return _result(plan, new, "nothing: this is its first version", [], [])
    sides = sides_of(old.replicates, new.replicates, may_pair=not plan.real)
    notes = [*differences(old, new), *code_notes(old, new, sides)]
    if not plan.real:
        return _result(plan, new, "the stored baseline", sides, [*notes, *seeds_notes(sides)])
    notes.append(
        "compared with numbers of another day: what changes between days (temperature, neighbours) "
        "is in no interval; --against runs both sides in turns"
    )
    result = _result(plan, new, "the stored baseline, of another day", sides, notes)
    was, now = (side.hardware.get("name") for side in (old, new))
    if was == now:
        return result
    reason = f"the baseline is of {was}, this is {now}: use --against"
    rows = tuple(replace(row, verdict=ChangeVerdict.UNKNOWN, reason=reason) for row in result.rows)
    return replace(result, rows=rows)


def _result(
    plan: RegressPlan, new: Baseline, words: str, sides: Sequence[Sides], notes: Sequence[str]
) -> RegressResult:
    identical = sum(len(side.after) for side in sides if side.identical)
    reasons = (replicate.invalid for replicate in new.replicates)
    invalid = dict.fromkeys(reason for reason in reasons if reason is not None)
    return RegressResult(
        name=plan.folder.name,
        spec=new.spec,
        about=new.about,
        against=words,
        margin=plan.margin,
        rows=tuple(rows_of(sides, plan.margin)),
        num_cells=len(new.replicates),
        num_identical=identical,
        invalid=tuple(invalid),
        notes=tuple(notes),
    )


def _baseline_of(plan: RegressPlan, replicates: tuple[Replicate, ...], first: Path) -> Baseline:
    prepared, recorded = plan.prepared, store.read_run(first)
    tools = {"numpy": np.__version__, "python": platform.python_version()}
    names = zip(prepared.spec.schedulers, prepared.scheduler_infos, strict=True)
    return Baseline(
        spec=prepared.spec,
        about=describe_run(recorded).splitlines()[0],
        versions={**tools, **recorded["versions"]},
        hardware=recorded["hardware"],
        sources={name: info.source for name, info in names},
        code=prepared.code.fingerprint,
        metrics=plan.metrics,
        margin=plan.margin,
        replicates=replicates,
    )


def _check_common(old: Baseline, spec: StudySpec) -> None:
    """Refuse a run none of whose points is in its baseline.

    Raises:
        ValueError: with what is there.
    """
    if not old.points & {(name, rate) for name in spec.schedulers for rate in spec.rates}:
        schedulers = ", ".join(sorted({name for name, _ in old.points}))
        rates = ", ".join(f"{rate:g}" for rate in sorted({rate for _, rate in old.points}))
        raise ValueError(
            f"nothing of it is in the baseline, which has {schedulers} at {rates} requests/s"
        )


@contextmanager
def _folder(results: Path | None) -> Iterator[Path]:
    if results is not None:
        yield results
        return
    with tempfile.TemporaryDirectory(prefix="slaibench-regress-") as temporary:
        yield Path(temporary)
