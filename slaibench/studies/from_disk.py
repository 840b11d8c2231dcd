"""Studies found on disk: recordings brought back together by what they have in common."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from slaibench.endpoint.dialect import Dialect
from slaibench.recording import store
from slaibench.spec import CellSpec, StudySpec
from slaibench.studies.executors import CellResult, Summarize, measured
from slaibench.studies.lifecycle import about_of
from slaibench.studies.sweep import SweepResult, sweep_result
from slaibench.studies.targets import Targets

OnDamage = Callable[[store.DamagedRecordingError], None]
VARIES = (
    *("scheduler", "scheduler_options", "scheduler_source", "rate_rps", "seed", "num_requests"),
    *("overload", "guard", "concurrency"),
)
"""What may differ between the cells of one study."""
HARNESS = ("code_fingerprint", "slaibench_version")
"""What says which code made a cell, besides its scheduler's."""


def group_cells(folders: Sequence[Path]) -> dict[str, list[tuple[CellSpec, Path]]]:
    """Cells by study: all that agree in everything but ``VARIES``.

    A study holds a scheduler at a rate with a seed once. Where a study made its runs longer, the
    longest are taken; where the same was run with several numbers of requests, cells are set
    apart by that number. Where a scheduler was recorded before and after its code or defaults
    changed, or all were before and after other code did that decides recordings, only what was
    recorded last is taken (``left_out``). A run that measured a saturated throughput goes with
    every study of its scheduler, whatever their numbers of requests. Closed loops are in none
    (``closed_from_disk``).

    Raises:
        RecordingError: a folder's run.json is damaged or of another version.
    """
    groups: dict[str, list[tuple[CellSpec, Path]]] = {}
    overloads: list[tuple[CellSpec, Path]] = []
    for folder in folders:
        cell = read_cell(folder)
        if cell.concurrency is not None:
            continue
        if cell.overload is None:
            groups.setdefault(_in_common(cell), []).append((cell, folder))
        else:
            overloads.append((cell, folder))
    studies: dict[str, list[tuple[CellSpec, Path]]] = {}
    for name, cells in groups.items():
        newest = _newest(_by_last_code(cells))
        keys = [cell.key for cell, _ in newest]
        if len(set(keys)) == len(keys):
            studies[name] = newest
            continue
        for cell, folder in newest:
            studies.setdefault(f"{name} {_num_requests(cell)}", []).append((cell, folder))
    return {
        name: [*_overloads_of(cells, overloads), *_longest(cells)]
        for name, cells in studies.items()
    }


def by_study(cells: Sequence[tuple[CellSpec, Path]]) -> list[list[tuple[CellSpec, Path]]]:
    """Cells that agree in everything but ``VARIES``, as the last code recorded them."""
    groups: dict[str, list[tuple[CellSpec, Path]]] = {}
    for cell, folder in cells:
        groups.setdefault(_in_common(cell), []).append((cell, folder))
    return [_newest(_by_last_code(own)) for own in groups.values()]


def _in_common(cell: CellSpec, *more: str) -> str:
    """What a cell has in common with the others of its study, but for the code and ``more``."""
    varies = {*VARIES, *HARNESS, *more}
    return json.dumps({k: v for k, v in cell.spec().items() if k not in varies}, sort_keys=True)


def _overloads_of(
    cells: Sequence[tuple[CellSpec, Path]], overloads: Sequence[tuple[CellSpec, Path]]
) -> list[tuple[CellSpec, Path]]:
    """The runs that measured the saturated throughput of what these cells were scheduled by.

    Their arrivals and when they end are their own (``studies.overload``).
    """

    def who(cell: CellSpec) -> tuple[object, ...]:
        rest = _in_common(cell, "arrivals", "horizon_s", "early_stop")
        return cell.scheduler, _identity(cell), _harness(cell), rest

    schedulers = {who(cell) for cell, _ in cells}
    return [(cell, folder) for cell, folder in overloads if who(cell) in schedulers]


def _longest(cells: Sequence[tuple[CellSpec, Path]]) -> list[tuple[CellSpec, Path]]:
    """Of each scheduler at a rate with a seed, the run with most requests."""
    most: dict[tuple[str, float], int] = {}
    for cell, _ in cells:
        place = cell.scheduler, cell.rate_rps
        most[place] = max(most.get(place, 0), cell.num_requests)
    return [
        (cell, folder)
        for cell, folder in cells
        if cell.num_requests == most[cell.scheduler, cell.rate_rps]
    ]


def left_out(
    folders: Sequence[Path], groups: Mapping[str, Sequence[tuple[CellSpec, Path]]]
) -> list[str]:
    """Which of the folders' schedulers ``group_cells`` left out recordings of, in words; nothing of
    runs that a study made again, longer."""
    every = [pair for cells in groups.values() for pair in cells]
    taken = {folder for _, folder in every}
    codes = {_harness(cell) for cell, _ in every}
    today = {(cell.scheduler, _identity(cell)) for cell, _ in every}
    cells = (read_cell(folder) for folder in folders if folder not in taken)
    dropped = [cell for cell in cells if cell.concurrency is None]
    stale = sum(_harness(cell) not in codes for cell in dropped)
    before = [
        cell.scheduler
        for cell in dropped
        if _harness(cell) in codes and (cell.scheduler, _identity(cell)) not in today
    ]
    by_code = "recordings by code that has changed since (other than a scheduler's)"
    return [f"{by_code}: {stale}"] * (stale > 0) + [
        f"recordings of {name} as it was before its code or defaults changed: {before.count(name)}"
        for name in dict.fromkeys(before)
    ]


def _by_last_code(cells: Sequence[tuple[CellSpec, Path]]) -> list[tuple[CellSpec, Path]]:
    """The cells by the code that recorded the last of them: times by two simulators cannot be
    compared."""
    last, _ = max(cells, key=lambda pair: ((pair[1] / store.RUN).stat().st_mtime_ns, str(pair[1])))
    return [(cell, folder) for cell, folder in cells if _harness(cell) == _harness(last)]


def _harness(cell: CellSpec) -> tuple[str | None, str]:
    return cell.code_fingerprint, cell.slaibench_version


def _newest(cells: Sequence[tuple[CellSpec, Path]]) -> list[tuple[CellSpec, Path]]:
    """Of each scheduler, the cells with the code and options that were recorded last."""
    last: dict[str, tuple[int, str]] = {}
    for cell, folder in cells:
        when = (folder / store.RUN).stat().st_mtime_ns, _identity(cell)
        last[cell.scheduler] = max(when, last.get(cell.scheduler, when))
    return [(cell, folder) for cell, folder in cells if _identity(cell) == last[cell.scheduler][1]]


def _identity(cell: CellSpec) -> str:
    return json.dumps([cell.scheduler_source, cell.scheduler_options], sort_keys=True)


def _num_requests(cell: CellSpec) -> int | None:
    """The number of requests that the study named; None: the default, which grows with the rate,
    and in steps of itself where numbers need it."""
    default = StudySpec(duration_s=cell.horizon_s, convention=cell.convention)
    own = cell.num_requests % default.requests_at(cell.rate_rps) == 0
    return None if own else cell.num_requests


def read_cell(folder: Path) -> CellSpec:
    """The specification of a recording.

    Raises:
        RecordingError: run.json is damaged, of another version, or does not hold one.
    """
    return cell_of(store.read_run(folder), folder)


def cell_of(run: Mapping[str, Any], folder: Path) -> CellSpec:
    """The same, of what its run.json says."""
    try:
        return CellSpec.model_validate(run["spec"])
    except (KeyError, ValueError) as error:
        versions = run.get("versions")
        version = versions.get("slaibench") if isinstance(versions, dict) else None
        raise store.RecordingError(
            f"{str(folder)!r} was written by another slaibench ({version or 'unknown version'}); "
            "use that version, or choose another --results folder"
        ) from error


def gather(
    cells: Sequence[tuple[CellSpec, Path]],
    slo: str | None = None,
    on_damage: OnDamage | None = None,
) -> SweepResult:
    """The sweep behind recordings of one study: schedulers and rates as they are there.

    Args:
        slo: the targets; None: the convention's own.
        on_damage: called with each recording that is damaged and left out; None: the first is
            raised.

    Raises:
        DamagedRecordingError: a recording is damaged and there is no ``on_damage``, or all under
            load are.
        ValueError: the SLO does not parse or names a tier that is not there, or a cell is there
            twice (``group_cells`` sets such apart).
    """
    first = next(cell for cell, _ in cells if cell.overload is None)
    judged = {"convention": first.convention, "slo": slo, "tiers": first.tiers}
    targets_spec = StudySpec.model_validate(judged)
    targets = Targets.of(targets_spec)
    folders: dict[tuple[object, ...], Path] = {}
    for cell, folder in cells:
        other = folders.setdefault((*cell.key, cell.overload is None), folder)
        if other != folder:
            raise ValueError(
                f"{str(other)!r} and {str(folder)!r} are recordings of the same cell; name a "
                "folder that holds one of them"
            )
    results = read_cells(cells, targets.summarizer(), on_damage)
    schedulers = tuple(dict.fromkeys(result.cell.scheduler for result in results))
    loaded = [result.cell for result in results if result.cell.overload is None]
    rates = tuple(sorted({cell.rate_rps for cell in loaded}))
    seeds = {cell.seed for cell in loaded}
    spec = StudySpec(
        **first.serving(),
        dialect=Dialect.of_identity(first.dialect),
        schedulers=schedulers,
        workload=first.workload,
        arrivals=first.arrivals,
        tiers=first.tiers,
        rates=rates,
        num_seeds=len(seeds),
        first_seed=min(seeds),
        duration_s=first.horizon_s,
        max_total_tokens=first.max_total_tokens,
        convention=first.convention,
        slo=targets_spec.slo,
        early_stop=first.early_stop,
    )
    note = store.read_run(results[0].folder).get("workload", {}).get("note", "")
    return sweep_result(spec, targets, about_of(results), note, results)


def load(results: str | Path = "results", *, slo: str | None = None) -> list[SweepResult]:
    """The studies found among recordings, without running anything.

    Args:
        results: folder of recordings, or one recording.
        slo: targets to judge them by; None: those of their conventions.

    Returns:
        One a study: all recordings that agree in everything but scheduler, rate, seed and length;
        closed loops are left out.

    Raises:
        ValueError: there are no recordings, or the targets do not parse.
        RecordingError: a recording is damaged or of another version.
    """
    folder = Path(results)
    folders = list(store.find_runs(folder)) if folder.exists() else []
    if not folders:
        raise ValueError(f"no recordings in {str(folder)!r}; run a sweep first, or name another")
    return [gather(cells, slo) for cells in group_cells(folders).values()]


def read_cells(
    cells: Sequence[tuple[CellSpec, Path]], summarize: Summarize, on_damage: OnDamage | None
) -> list[CellResult]:
    """Cells with what is kept of their recordings; as ``gather``."""
    results: list[CellResult] = []
    damaged: store.DamagedRecordingError | None = None
    for cell, folder in cells:
        try:
            summary = measured(store.read(folder), summarize)
            results.append(CellResult(cell, folder, summary, reused=True))
        except store.DamagedRecordingError as error:
            if on_damage is None:
                raise
            on_damage(error)
            damaged = error
    if damaged is not None and all(result.cell.overload is not None for result in results):
        raise damaged
    return results
