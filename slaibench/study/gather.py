"""Studies found on disk: recordings brought back together by what they have in common."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from slaibench.recording import store
from slaibench.recording.record import Recording
from slaibench.spec import CellSpec, StudySpec
from slaibench.study.bench import describe_profile
from slaibench.study.digest import Digester
from slaibench.study.point import make_point
from slaibench.study.pool import CellResult
from slaibench.study.sweep import SweepResult, digests_of

VARIES = ("scheduler", "scheduler_options", "scheduler_source", "rate_rps", "seed", "num_requests")
"""What may differ between the cells of one study."""


def group_cells(folders: Sequence[Path]) -> dict[str, list[tuple[CellSpec, Path]]]:
    """Cells by study: all that agree in everything but ``VARIES``.

    Raises:
        RecordingError: a folder's run.json is damaged or of another version.
    """
    groups: dict[str, list[tuple[CellSpec, Path]]] = {}
    for folder in folders:
        cell = read_cell(folder)
        rest = {key: value for key, value in cell.spec().items() if key not in VARIES}
        groups.setdefault(json.dumps(rest, sort_keys=True), []).append((cell, folder))
    return groups


def read_cell(folder: Path) -> CellSpec:
    """The specification of a recording.

    Raises:
        RecordingError: run.json is damaged, of another version, or does not hold one.
    """
    run = store.read_run(folder)
    try:
        return CellSpec.model_validate(run["spec"])
    except (KeyError, ValueError) as error:
        raise store.RecordingError(
            f"{str(folder)!r} was written by another slaibench "
            f"({run.get('versions', {}).get('slaibench', 'unknown version')}); use that version, "
            "or choose another --results folder"
        ) from error


def gather(cells: Sequence[tuple[CellSpec, Path]], slo: str) -> SweepResult:
    """The sweep behind recordings of one study: schedulers and rates as found.

    Raises:
        RecordingError: a recording is damaged.
        ValueError: the SLO does not parse.
    """
    first = cells[0][0]
    digest = Digester.for_study(first.convention.value, slo)
    found: list[CellResult] = []
    run: Recording | None = None
    for cell, folder in cells:
        run = store.read(folder)
        found.append(CellResult(cell, folder, digest(run), reused=True))
    assert run is not None
    schedulers = tuple(dict.fromkeys(cell.scheduler for cell, _ in cells))
    rates = tuple(sorted({cell.rate_rps for cell, _ in cells}))
    seeds = {cell.seed for cell, _ in cells}
    spec = StudySpec(
        model=first.model,
        gpu=first.gpu,
        backend=first.backend,
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
        slo=slo,
        early_stop=first.early_stop,
    )
    points = []
    for scheduler in schedulers:
        for rate in rates:
            digests = digests_of(found, scheduler, rate)
            if digests:
                points.append(make_point(scheduler, rate, digests))
    about = describe_profile(first.model, first.gpu, run.run["profile"])
    return SweepResult(spec, about, run.run["workload"]["note"], tuple(points), tuple(found))
