"""Closed loops found on disk: recordings brought back together by what they have in common."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from slaibench.endpoint.dialect import Dialect
from slaibench.recording import store
from slaibench.spec import CellSpec, StudySpec
from slaibench.studies.closed_loop import closed_result
from slaibench.studies.closed_result import ClosedResult
from slaibench.studies.from_disk import OnDamage, by_study, read_cell, read_cells
from slaibench.studies.lifecycle import about_of
from slaibench.studies.targets import Targets


def closed_groups(folders: Sequence[Path]) -> list[list[tuple[CellSpec, Path]]]:
    """Closed loops by study: all that agree in everything but scheduler, clients, seed and length.

    Of a scheduler with as many clients and the same seed, the run with most requests is taken; of
    what other code recorded before, nothing.

    Raises:
        RecordingError: a folder's run.json is damaged or of another version.
    """
    cells = [(cell, folder) for folder in folders if (cell := read_cell(folder)).concurrency]
    groups = []
    for own in by_study(cells):
        longest: dict[tuple[str, float, int], tuple[CellSpec, Path]] = {}
        for cell, folder in own:
            other = longest.get(cell.key)
            if other is None or other[0].num_requests < cell.num_requests:
                longest[cell.key] = cell, folder
        groups.append(list(longest.values()))
    return groups


def gather_closed(
    cells: Sequence[tuple[CellSpec, Path]],
    slo: str | None = None,
    on_damage: OnDamage | None = None,
) -> ClosedResult:
    """The study behind recordings of closed loops.

    Args:
        cells: one of ``closed_groups``.
        slo, on_damage: as ``from_disk.gather``.

    Raises:
        DamagedRecordingError, ValueError: as ``from_disk.gather``.
    """
    first, _ = cells[0]
    targets = Targets.of(StudySpec.model_validate({"slo": slo, "tiers": first.tiers}))
    results = read_cells(cells, targets.summarizer(), on_damage)
    read = [result.cell for result in results]
    lengths = {cell.num_requests for cell in read}
    spec = StudySpec.model_validate(
        {
            **first.serving(),
            "dialect": Dialect.of_identity(first.dialect),
            "schedulers": tuple(dict.fromkeys(cell.scheduler for cell in read)),
            "workload": first.workload,
            "tiers": first.tiers,
            "concurrency": tuple({cell.concurrency for cell in read if cell.concurrency}),
            "num_requests": lengths.pop() if len(lengths) == 1 else None,
            "num_seeds": len({cell.seed for cell in read}),
            "first_seed": min(cell.seed for cell in read),
            "max_total_tokens": first.max_total_tokens,
            "slo": slo,
        }
    )
    note = store.read_run(results[0].folder).get("workload", {}).get("note", "")
    return closed_result(spec, about_of(results), note, results)
