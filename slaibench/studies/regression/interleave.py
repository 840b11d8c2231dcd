"""Both sides on the same machine in the same job: who runs when, and what is read of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slaibench.recording import store
from slaibench.spec import Clock, StudySpec
from slaibench.studies.executors import CellResult
from slaibench.studies.lifecycle import OnCell
from slaibench.studies.prepared import PreparedStudy
from slaibench.studies.regression import against
from slaibench.studies.regression.against import Side
from slaibench.studies.regression.replicate import Key, Reader, Replicate, key_of

REPEATS = 2
"""Runs of a side with each seed where the clock is real: how far they are apart is the noise."""


@dataclass(frozen=True, slots=True)
class InterleavedRuns:
    """Both sides' runs, measured over the same requests.

    Args:
        before, after: by time; with a real clock every key is there ``REPEATS`` times.
        first: a recording of ours.
    """

    before: tuple[Replicate, ...]
    after: tuple[Replicate, ...]
    first: Path


@dataclass(frozen=True, slots=True)
class Turn:
    """One run of a side: every scheduler and rate with these seeds."""

    ours: bool
    spec: StudySpec


def turns(spec: StudySpec) -> list[Turn]:
    """Who runs when.

    With a virtual clock nothing is shared, so each side runs once. With a real one every seed runs
    A, B, A, B, and the next one B, A, B, A, so that a machine that gets slower or faster all the
    time favours nobody.
    """
    if spec.clock is not Clock.REAL:
        return [Turn(False, spec), Turn(True, spec)]
    planned = []
    for replicate in range(spec.num_seeds):
        seed = {"num_seeds": 1, "first_seed": spec.first_seed + replicate}
        seed_spec = spec.model_copy(update=seed)
        order = (False, True) if replicate % 2 == 0 else (True, False)
        planned += [Turn(ours, seed_spec) for _ in range(REPEATS) for ours in order]
    return planned


def both(
    other: Side, prepared: PreparedStudy, reader: Reader, results: Path, jobs: int, on_cell: OnCell
) -> InterleavedRuns:
    """Run both sides in turns, each in a process of its own.

    Args:
        results: a folder a turn is made in it.
        jobs: cells at a time, of a side.

    Raises:
        BackendError: a side does not run.
        RecordingError: what it left cannot be read.
    """
    ours = against.here()
    sides: dict[bool, list[Path]] = {False: [], True: []}
    planned = turns(prepared.spec)
    per_turn = len(planned[0].spec.schedulers) * len(planned[0].spec.rates)
    total = per_turn * sum(turn.spec.num_seeds for turn in planned)
    done = 0
    with against.opened(other) as theirs:
        for number, turn in enumerate(planned):
            folder = results / f"turn-{number:03d}-{'ours' if turn.ours else 'theirs'}"
            for key, path in _record(
                ours if turn.ours else theirs, prepared, turn.spec, folder, jobs
            ):
                sides[turn.ours].append(path)
                done += 1
                on_cell(CellResult(prepared.cell(*key), path, None, reused=False), done, total)
    before, after = _measured_alike(reader, [sides[False], sides[True]])
    return InterleavedRuns(before, after, sides[True][0])


def _record(
    side: Side, prepared: PreparedStudy, spec: StudySpec, folder: Path, jobs: int
) -> list[tuple[Key, Path]]:
    """What a side recorded of a study's cells, each as long as ``prepared`` has it.

    A side sweeps, and a sweep may do more (longer runs, saturated throughputs), which is ruled out
    or left out here, and less (replicates of a run that was stopped early), which is run after it.
    """
    lengths: dict[int | None, list[float]] = {}
    for rate in spec.rates:
        lengths.setdefault(prepared.requests_at(rate) if prepared.extends else None, []).append(
            rate
        )
    seeds = range(spec.first_seed, spec.first_seed + spec.num_seeds)
    for length, rates in lengths.items():
        fixed = {"num_requests": length} if length is not None else {}
        part = spec.model_copy(update={**fixed, "rates": tuple(rates)})
        against.run(side, part, folder, jobs)
        there = {key for key, _ in _recorded(folder)}
        for seed in seeds:
            absent = [
                (scheduler, rate)
                for scheduler in spec.schedulers
                for rate in rates
                if (scheduler, rate, seed) not in there
            ]
            if absent:
                names, missing = (
                    tuple(dict.fromkeys(column)) for column in zip(*absent, strict=True)
                )
                lacking = {"schedulers": names, "rates": missing}
                again = part.model_copy(update={**lacking, "num_seeds": 1, "first_seed": seed})
                against.run(side, again, folder, jobs)
    return _recorded(folder)


def _recorded(folder: Path) -> list[tuple[Key, Path]]:
    """The runs in a folder, but those that measured a saturated throughput."""
    specs = [(store.read_run(path)["spec"], path) for path in store.find_runs(folder)]
    return [(key_of(spec), path) for spec, path in specs if spec.get("overload") is None]


def _measured_alike(reader: Reader, sides: Sequence[Sequence[Path]]) -> list[tuple[Replicate, ...]]:
    """Every run measured from the latest warm-up cut of any run of its key."""
    first = [[reader(store.read(path)) for path in side] for side in sides]
    cuts: dict[Key, float] = {}
    for replicate in (replicate for side in first for replicate in side):
        key, cut_s = replicate.key, replicate.cut_s
        cuts[key] = max(cut_s, cuts.get(key, cut_s))
    again = Reader(reader.convention, reader.metrics, cuts)
    return [
        tuple(
            replicate if replicate.cut_s == cuts[replicate.key] else again(store.read(path))
            for replicate, path in zip(replicates, side, strict=True)
        )
        for replicates, side in zip(first, sides, strict=True)
    ]
