"""A regression run: what is asked, checked before any work; the runs; the verdicts."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from slaibench.measure.regression import Verdict
from slaibench.recording import store
from slaibench.spec import Clock, StudySpec
from slaibench.studies.executors import Pool, local_jobs
from slaibench.studies.prepared import PreparedStudy, prepare
from slaibench.studies.regression import against, baseline, interleave, metrics
from slaibench.studies.regression.against import Side
from slaibench.studies.regression.baseline import DEFAULT_MARGIN, DEFAULT_SEEDS, Baseline
from slaibench.studies.regression.judge import Sides, rows_of, sides_of
from slaibench.studies.regression.replicate import Reader, Replicate
from slaibench.studies.regression.result import RegressResult, Row
from slaibench.studies.sweep import OnCell, check_slos, collect, quiet
from slaibench.studies.systems.table import describe_run

FREE = ("schedulers", "rates", "num_seeds", "first_seed")
"""Fields in which a run may differ from its baseline without a word: only what both have counts."""


@dataclass(frozen=True)
class Question:
    """A regression run that can be made.

    Args:
        folder: of the baseline.
        bench: what is run.
        old: the baseline; None: there is none yet.
        metrics, margin: what is judged, and how far it may move.
        update: whether what comes out becomes the baseline.
        other: who is run beside us; None: the stored numbers are held against ours.
        jobs: cells at a time.
    """

    folder: Path
    prepared: PreparedStudy
    old: Baseline | None
    metrics: tuple[str, ...]
    margin: float
    update: bool
    other: Side | None
    jobs: int

    @property
    def real(self) -> bool:
        return self.prepared.spec.clock is Clock.REAL


def ask(
    folder: Path,
    *,
    update: bool = False,
    other: str | None = None,
    margin: float | None = None,
    names: Sequence[str] = (),
    jobs: int | None = None,
    **spec: Any,
) -> Question:
    """Everything about a regression run that can be refused before any work is done.

    Args:
        folder: the baseline's.
        update: write it anew from what comes out.
        other: ``--against``.
        margin: None: the baseline's, or 5 %.
        names: metrics to judge; none: the baseline's, or the default ones.
        **spec: fields of the specification that are not to be the baseline's.

    Raises:
        ValueError: there is no such baseline, or something does not go with it.
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
    known = metrics.check(names) or (old.metrics if old else metrics.defaults())
    if not update and old is not None and not set(known) <= set(old.metrics) and other is None:
        missing = ", ".join(sorted(set(known) - set(old.metrics)))
        raise ValueError(f"the baseline has no {missing}: leave it out, or add it with --update")
    prepared = prepare(study)
    # A default workload depends on what is at hand; a baseline must not.
    named = prepared.spec.model_copy(update={"workload": study.workload or prepared.source.name})
    prepared = replace(prepared, spec=named)
    check_slos(named.slo, prepared.tiers)
    if old is not None and not update and other is None:
        _check_common(old, named)
    side = against.find(other) if other is not None else None
    if side is not None and side.url is not None and named.url is None:
        raise ValueError(f"--against {side.url}: this baseline is not of an endpoint")
    return Question(folder, prepared, old, known, margin, update, side, local_jobs(prepared, jobs))


def answer(
    question: Question, results: Path | None = None, on_cell: OnCell = quiet
) -> RegressResult:
    """Run, judge, and with ``update`` write the baseline, unless a run is no measurement.

    Nothing on disk is reused: a recording knows an engine by its version only, and whoever works on
    an engine does not change that.

    Args:
        results: folder for the recordings; None: they are not kept.

    Raises:
        RecordingError, BackendError, SchedulerError: a cell cannot be had.
    """
    with _folder(results) as folder:
        if question.other is not None:
            return _against_another(question, question.other, folder, on_cell)
        return _against_stored(question, folder, on_cell)


def _against_stored(question: Question, folder: Path, on_cell: OnCell) -> RegressResult:
    prepared, old = question.prepared, question.old
    # An update finds its cuts itself: later runs are measured by them.
    measured = old.replicates if old is not None and not question.update else ()
    cuts = {each.key: each.cut_s for each in measured}
    reader = Reader(prepared.spec.convention.value, question.metrics, cuts)
    with Pool(prepared, folder, reader, jobs=question.jobs, fresh=True) as pool:
        cells = collect(pool, prepared.cells(), on_cell)
    new = _baseline_of(question, tuple(cell.summary for cell in cells), cells[0].folder)
    result = _compared(question, new)
    if question.update and not result.invalid:
        baseline.write(new, question.folder)
    return result


def _against_another(
    question: Question, other: Side, folder: Path, on_cell: OnCell
) -> RegressResult:
    prepared = question.prepared
    reader = Reader(prepared.spec.convention.value, question.metrics, {})
    found = interleave.both(other, prepared, reader, folder, question.jobs, on_cell)
    new = _baseline_of(question, found.after, found.first)
    sides = sides_of(found.before, found.after)
    notes = _seeds_notes(sides)
    if question.real:
        notes.append(_noise_note(found.before, question.margin))
    return _result(question, new, other.words, sides, notes)


def _compared(question: Question, new: Baseline) -> RegressResult:
    old = question.old
    if old is None:
        return _result(question, new, "nothing: this is its first version", [], [])
    sides = sides_of(old.replicates, new.replicates, may_pair=not question.real)
    notes = [*_differences(old, new), *_code_notes(old, new, sides)]
    if not question.real:
        return _result(question, new, "the stored baseline", sides, [*notes, *_seeds_notes(sides)])
    notes.append(
        "held against numbers of another day: what changes between days (temperature, neighbours) "
        "is in no interval; --against runs both sides in turns"
    )
    result = _result(question, new, "the stored baseline, of another day", sides, notes)
    machines = [each.hardware.get("name") for each in (old, new)]
    if machines[0] == machines[1]:
        return result
    reason = f"the baseline is of {machines[0]}, this is {machines[1]}: use --against"
    rows = tuple(replace(row, verdict=Verdict.UNKNOWN, reason=reason) for row in result.rows)
    return replace(result, rows=rows)


def _result(
    question: Question, new: Baseline, words: str, sides: Sequence[Sides], notes: Sequence[str]
) -> RegressResult:
    identical = sum(len(each.after) for each in sides if each.identical)
    invalid = dict.fromkeys(each.invalid for each in new.replicates if each.invalid is not None)
    return RegressResult(
        name=question.folder.name,
        spec=new.spec,
        about=new.about,
        against=words,
        margin=question.margin,
        rows=tuple(rows_of(sides, question.margin)),
        num_cells=len(new.replicates),
        num_identical=identical,
        invalid=tuple(invalid),
        notes=tuple(notes),
    )


def _baseline_of(question: Question, replicates: tuple[Replicate, ...], first: Path) -> Baseline:
    prepared, run = question.prepared, store.read_run(first)
    tools = {"numpy": np.__version__, "python": platform.python_version()}
    names = zip(prepared.spec.schedulers, prepared.scheduler_infos, strict=True)
    return Baseline(
        spec=prepared.spec,
        about=describe_run(run).splitlines()[0],
        versions={**tools, **run["versions"]},
        hardware=run["hardware"],
        sources={name: info.source for name, info in names},
        code=prepared.code.fingerprint,
        metrics=question.metrics,
        margin=question.margin,
        replicates=replicates,
    )


def _check_common(old: Baseline, spec: StudySpec) -> None:
    """Refuse a run none of whose places is in its baseline.

    Raises:
        ValueError: with what is there.
    """
    known = {(each.scheduler, each.rate_rps) for each in old.replicates}
    if not known & {(name, rate) for name in spec.schedulers for rate in spec.rates}:
        schedulers = ", ".join(dict.fromkeys(name for name, _ in known))
        rates = ", ".join(f"{rate:g}" for rate in sorted({rate for _, rate in known}))
        raise ValueError(
            f"nothing of it is in the baseline, which has {schedulers} at {rates} requests/s"
        )


def _differences(old: Baseline, new: Baseline) -> Iterator[str]:
    """What else is not as it was."""
    was, now = (each.spec.model_dump(mode="json") for each in (old, new))
    for name in was:
        if name not in FREE and was[name] != now[name]:
            yield f"{name} was {was[name]}, is {now[name]}"
    for name in sorted({*old.versions, *new.versions}):
        before, after = old.versions.get(name, "absent"), new.versions.get(name, "absent")
        if before != after:
            yield f"version of {name} was {before}, is {after}"
    places = {(each.scheduler, each.rate_rps) for each in new.replicates}
    for scheduler, rate in sorted({(e.scheduler, e.rate_rps) for e in old.replicates} ^ places):
        side = "this run" if (scheduler, rate) in places else "the baseline"
        yield f"{scheduler} at {rate:g} requests/s is in {side} only, and not judged"


def _code_notes(old: Baseline, new: Baseline, sides: Sequence[Sides]) -> Iterator[str]:
    if old.code not in (None, new.code):
        same = bool(sides) and all(each.identical for each in sides)
        what = "the code that serves, or makes the load, changed"
        yield what + (", and nothing that is recorded did" if same else "")
    for name, source in new.sources.items():
        if name not in old.sources or old.sources[name] == source:
            continue
        ours = [each for each in sides if each.scheduler == name]
        same = bool(ours) and all(each.identical for each in ours)
        yield f"the code of {name} changed" + (", and none of its decisions did" if same else "")


def _seeds_notes(sides: Sequence[Sides]) -> list[str]:
    apart = [each for each in sides if not each.paired]
    if not apart:
        return []
    return [
        "the requests are not those of the other side (other seeds, or another release of NumPy "
        "drew others): compared as independent runs, which takes more of them"
    ]


def _noise_note(before: Sequence[Replicate], margin: float) -> str:
    """A held against itself: first runs with a seed against their repetitions."""
    firsts: dict[Any, Replicate] = {}
    repeats = []
    for each in before:
        if firsts.setdefault(each.key, each) is not each:
            repeats.append(each)
    rows: list[Row] = rows_of(sides_of(list(firsts.values()), repeats), margin)
    alarms = sum(row.verdict in (Verdict.WORSE, Verdict.BETTER) for row in rows)
    said = f"the other side against itself (A/A): {alarms} of {len(rows)} verdicts say it changed"
    return said + ("; this machine is not steady, believe no verdict" if alarms else "")


@contextmanager
def _folder(results: Path | None) -> Iterator[Path]:
    if results is not None:
        store.check_writable(results)
        yield results
        return
    with tempfile.TemporaryDirectory(prefix="slaibench-regress-") as temporary:
        yield Path(temporary)
